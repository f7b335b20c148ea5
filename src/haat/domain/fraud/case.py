"""What a fraud rule sees of an order: values only, counted and judged before, none of them somebody's data.

A `Case` holds no phone, name, address, device or IP: only what was found out about them. So it can be stored as the inputs
of the receipt, and every assessment can be made again from it years later.
"""

import msgspec


class Seen(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What was seen before of this order's phone, address, device and IP. Orders counted, amounts in minor units.

    `hour`, `day`, `month` are windows that end with the order. `delivered`, `refused` (at the door, or sent back undelivered) and
    `cancelled` reach back 180 days for a phone, 30 for an address. `phone_usual` and `phone_most` are the mean and the largest of
    what was delivered; `phone_day_least` and `_most` the bounds of the day. Of `phone_named` orders with a name, `phone_strangers`
    shared no word of it. `address_phones` and the like count others than the order's own. Counts end at 200
    for a phone, 50 for an address or device, 150 for an IP. The order of the fields is that of the columns.
    """

    phone_hour: int = 0
    phone_day: int = 0
    phone_month: int = 0
    phone_delivered: int = 0
    phone_refused: int = 0
    phone_cancelled: int = 0
    phone_usual: int = 0
    phone_most: int = 0
    phone_day_least: int = 0
    phone_day_most: int = 0
    phone_named: int = 0
    phone_strangers: int = 0
    address_hour: int = 0
    address_day: int = 0
    address_refused: int = 0
    address_phones: int = 0
    address_accounts: int = 0
    device_hour: int = 0
    device_day: int = 0
    device_phones: int = 0
    ip_hour: int = 0
    ip_day: int = 0
    ip_phones: int = 0


NOTHING_SEEN = Seen()


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """An order to be screened. `amount` is what it comes to, minor units; `cod` that it is paid at the door:
    all of it, or `cash` where the rest is paid ahead.

    `signs` are what is odd about the address (marks.address_signs). `namesake`: whether the recipient's and the buyer's name share
    a word by ear, None where one of them is missing. `block` names what a standing block matched on (phone, email, customer,
    address); `registered` that the buyer has an account.
    """

    channel: str
    currency: str
    amount: int
    cod: bool = False
    registered: bool = False
    signs: tuple[str, ...] = ()
    namesake: bool | None = None
    block: str = ""
    seen: Seen = NOTHING_SEEN
    cash: int = 0
