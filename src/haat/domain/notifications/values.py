"""What a message is made of: the same fields for every event, so that any text may use any of them. And samples of each event.

Amounts are minor units of `currency`; instants are aware. `paid` and `held` are what the buyer's money amounts to at that moment:
captured, or set aside; no vendor is told of it. `vendor`: the code of the one whom the fact concerns alone.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from haat.domain.notifications import wording
from haat.domain.notifications.telling import Language, Role


class Item(Struct, frozen=True, omit_defaults=True):
    """Goods in a message. `name` is in the reader's language once `filled` has chosen it."""

    name: str
    quantity: int
    total: int = 0
    name_bn: str = ""


class Values(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that a text may speak of."""

    number: str
    currency: str
    shop: str = ""
    zone: str = "Asia/Dhaka"
    name: str = ""
    vendor: str = ""
    total: int = 0
    method: str = ""
    placed_at: datetime | None = None
    promised_at: datetime | None = None
    items: tuple[Item, ...] = ()
    district: str = ""
    link: str = ""
    pay_link: str = ""
    track_link: str = ""
    amount: int = 0
    paid: int = 0
    held: int = 0
    due_at: datetime | None = None
    until: datetime | None = None
    since: datetime | None = None
    expected_at: datetime | None = None
    reason: str = ""
    detail: str = ""
    courier: str = ""
    consignment: str = ""
    cash: int = 0
    kind: str = ""
    step: str = ""
    cause: str = ""
    owner: str = ""
    repairs: tuple[str, ...] = ()


def filled(values: Values, language: Language) -> dict[str, Any]:
    """The values as a template is handed them, goods named in its language; who gave no name is a customer."""
    found: dict[str, Any] = msgspec.structs.asdict(values)
    found["items"] = [
        {"name": (item.name_bn or item.name) if language == "bn" else item.name, "quantity": item.quantity, "total": item.total}
        for item in values.items
    ]
    found["name"] = values.name or wording.said("nobody", "people", language)
    return found


_AT = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
_LINK = "https://shop.example/v1/orders/0198a000-0000-7000-8000-0000000000ff"
_TOKEN = "?access_token=hgt_" + "A" * 71  # as long as a real one, and none
_PLAIN = Values(
    number="7KQ2-M9XF-4",
    currency="BDT",
    shop="Haat",
    name="Rahima Khatun",
    total=1_250_00,
    method="cod",
    placed_at=_AT,
    promised_at=_AT + timedelta(days=3),
    items=(Item("Tangail cotton saree", 1, 1_150_00, "টাঙ্গাইল সুতি শাড়ি"), Item("Clay tea cup", 2, 100_00, "মাটির চায়ের কাপ")),
    district="Dhaka",
    link=_LINK + _TOKEN,
    pay_link="https://shop.example/pay/hpl_" + "A" * 71,
    track_link=_LINK + _TOKEN,
    amount=1_250_00,
    expected_at=_AT + timedelta(days=5),
    due_at=_AT + timedelta(minutes=30),
    until=_AT + timedelta(hours=4),
    since=_AT - timedelta(days=1),
    reason="other",
    courier="Pathao",
    consignment="DC140326ABCDEF",
    cash=1_250_00,
    kind="FRAUD_REVIEW",
    detail="The phone refused three parcels this month.",
    step="fulfilment:book",
    cause="area_not_served",
    owner="fulfilment",
    repairs=("retry", "cancel_order"),
)
_LONG = msgspec.structs.replace(
    _PLAIN, name="Muhammad Abdur Rahman Chowdhury", shop="Bangladesh Handicrafts Online", total=12_34_567_50, amount=12_34_567_50,
    cash=12_34_567_50, paid=12_34_567_50, method="sslcommerz", courier="Sundarban Courier Service", reason="customer_unreachable",
)  # fmt: skip
_BARE = Values(
    number="7KQ2-M9XF-4", currency="USD", shop="Haat", placed_at=_AT, promised_at=_AT, link=_LINK, pay_link=_LINK, track_link=_LINK,
    kind="MANUAL", reason="other", step="fulfilment:book", cause="other", owner="fulfilment",
)  # fmt: skip
_PAID = msgspec.structs.replace(_PLAIN, paid=1_250_00, cash=0, method="bkash", reason="customer_request")
_HELD = msgspec.structs.replace(_PLAIN, held=1_250_00, cash=0, method="card", promised_at=_AT, expected_at=None, due_at=None, until=None)


def samples(event: str, role: Role) -> tuple[Values, ...]:
    """Values as they may come: the usual, a long one, one with next to nothing, paid and set aside. The first is for previews."""
    name = {"customer": _PLAIN.name, "vendor": "Aarong", "admin": ""}[role]
    return tuple(each if each is _BARE else msgspec.structs.replace(each, name=name if role != "customer" else each.name)
                 for each in (_PLAIN, _LONG, _BARE, _PAID, _HELD))  # fmt: skip
