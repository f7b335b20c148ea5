"""Sentences about goods: the plan, the vendors' answers, and every parcel by its place in the order."""

from haat.domain.orders.events import (
    OrderAllocationFailed,
    OrderBackorderArrived,
    OrderCashTaken,
    OrderDelivered,
    OrderDeliveryFailed,
    OrderFulfillmentStarted,
    OrderInterceptAsked,
    OrderInventoryAllocated,
    OrderOutForDelivery,
    OrderParcelLost,
    OrderParcelPacked,
    OrderReturnReceived,
    OrderReturnStarted,
    OrderShipmentBooked,
    OrderShipmentDoubted,
    OrderShipmentFailed,
    OrderShipmentRecalled,
    OrderShipmentStrayed,
    OrderShipmentUncertain,
    OrderShipped,
    VendorOrderAccepted,
    VendorOrderOffered,
    VendorOrderRejected,
    VendorOrderReminded,
)
from haat.domain.orders.goods import units
from haat.domain.orders.timeline import words
from haat.domain.orders.timeline.saying import Said, Scene, Sentences, begun, digits, held
from haat.domain.orders.timeline.words import Both
from haat.kernel.text import bangla_digits


def _allocated(f: OrderInventoryAllocated, scene: Scene) -> Said:
    planned = []
    for p in f.parcels:
        (name, name_bn), (goods, goods_bn) = scene.parcel(p.parcel), held(p.lines)
        planned.append((f"{name} from {p.location} ({goods})", f"{p.location} থেকে {name_bn} ({goods_bn})"))
    (cost, cost_bn), n = scene.money(f.cost), len(f.parcels)
    how = f" by {f.strategy}, for {cost}" if f.strategy else ""
    how_bn = f" ({f.strategy}, খরচ {cost_bn})" if f.strategy else ""
    day, day_bn = ("", "") if f.promised_at is None else scene.day(f.promised_at)
    by, by_bn = (f", expected by {day}", f", {day_bn}-এর মধ্যে পৌঁছানোর কথা") if day else ("", "")
    return Said(
        f"Planned{how}: {', '.join(en for en, _ in planned)}{by}.",
        f"পরিকল্পনা{how_bn}: {', '.join(bn for _, bn in planned)}{by_bn}।",
        "staff",
        (f"The goods will come in {n} parcel{'s' * (n != 1)}{by}.", f"পণ্য {digits(n)}টি পার্সেলে আসবে{by_bn}।"),
    )


def _allocation_failed(f: OrderAllocationFailed, scene: Scene) -> Said:
    (goods, goods_bn), (why, why_bn) = scene.goods(f.lines), words.said(words.SHORTAGES, f.reason)
    return Said(
        f"Nobody can send {goods} now: {why}.",
        f"এখন {goods_bn} পাঠানো যাচ্ছে না: {why_bn}।",
        "staff",
        (f"We are looking for a way to send {goods}.", f"{goods_bn} কীভাবে পাঠানো যায় আমরা দেখছি।"),
    )


def _arrived(f: OrderBackorderArrived, scene: Scene) -> Said:
    (goods, goods_bn), at = scene.goods(f.lines), f" ({f.location})" if f.location else ""
    plain = (f"{goods} has arrived and is set aside for this order.", f"{goods_bn} এসে গেছে এবং এই অর্ডারের জন্য আলাদা রাখা হয়েছে।")
    return Said(
        f"{goods} has arrived{at} and is set aside for this order.",
        f"{goods_bn} এসে গেছে{at} এবং এই অর্ডারের জন্য আলাদা রাখা হয়েছে।",
        "staff",
        plain,
    )


def _offered(f: VendorOrderOffered, scene: Scene) -> Said:
    (vendor, vendor_bn), (until, until_bn) = scene.vendor(f.vendor_order), scene.until(f.until)
    return Said(
        f"{vendor} is asked to take its part{until}.",
        f"{vendor_bn}-কে তার অংশ নিতে বলা হয়েছে{until_bn}।",
        "vendor",
        (f"{vendor} is asked to prepare its part.", f"{vendor_bn}-কে তার অংশ প্রস্তুত করতে বলা হয়েছে।"),
    )


def _reminded(f: VendorOrderReminded, scene: Scene) -> Said:
    (vendor, vendor_bn), (until, until_bn) = scene.vendor(f.vendor_order), scene.until(f.until)
    return Said(
        f"{vendor} is reminded to accept or reject its part{until}.",
        f"{vendor_bn}-কে তার অংশ গ্রহণ বা প্রত্যাখ্যান করতে মনে করিয়ে দেওয়া হয়েছে{until_bn}।",
        "vendor",
    )


def _accepted(f: VendorOrderAccepted, scene: Scene) -> Said:
    vendor, vendor_bn = scene.vendor(f.vendor_order)
    return Said(f"{vendor} has taken its part of the order.", f"{vendor_bn} অর্ডারের তার অংশ গ্রহণ করেছে।")


def _rejected(f: VendorOrderRejected, scene: Scene) -> Said:
    (vendor, vendor_bn), (why, why_bn) = scene.vendor(f.vendor_order), words.said(words.REJECTIONS, f.reason)
    what, what_bn = scene.goods(f.lines) if f.lines else ("its part", "তার অংশ")
    at, more = f" from {f.location}" if f.location else "", f" «{f.detail}»" if f.detail else ""
    at_bn = f" {f.location} থেকে" if f.location else ""
    return Said(
        f"{vendor} will not send {what}{at} ({why}){more}; that makes {f.attempt} refusal{'s' * (f.attempt != 1)}.",
        f"{vendor_bn} {what_bn}{at_bn} পাঠাবে না ({why_bn}){more}; এ পর্যন্ত {digits(f.attempt)} বার।",
        "vendor",
        (
            f"{vendor} cannot send {what}; we are looking for another way.",
            f"{vendor_bn} {what_bn} পাঠাতে পারছে না; আমরা অন্য উপায় দেখছি।",
        ),
    )


def _started(f: OrderFulfillmentStarted, scene: Scene) -> Said:
    parcel, parcel_bn = scene.parcel(f.parcel)
    return Said(f"{begun(parcel)} is being prepared.", f"{parcel_bn} প্রস্তুত করা হচ্ছে।")


def _packed(f: OrderParcelPacked, scene: Scene) -> Said:
    parcel, parcel_bn = scene.parcel(f.parcel)
    weight = f"{f.weight_g / 1000:.2f}".rstrip("0").rstrip(".")
    heavy, heavy_bn = (f" ({weight} kg)", f" ({bangla_digits(weight)} কেজি)") if f.weight_g else ("", "")
    was = scene.parcel_in(f.parcel)
    left = units(was.lines) - units(f.lines) if f.lines and was is not None else 0
    rest, rest_bn = (f"; {left} of its items will follow", f"; এর {digits(left)}টি পণ্য পরে আসবে") if left > 0 else ("", "")
    return Said(f"{begun(parcel)} is packed{heavy}{rest}.", f"{parcel_bn} প্যাক করা হয়েছে{heavy_bn}{rest_bn}।")


def _uncertain(f: OrderShipmentUncertain, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), words.name(words.COURIERS, f.courier)
    return Said(
        f"{begun(courier)} did not say whether it takes {parcel}; it is asked before anything else is done.",
        f"{courier_bn} {parcel_bn} নেবে কি না জানায়নি; আর কিছু করার আগে তাকে জিজ্ঞেস করা হবে।",
        "staff",
    )


def _booked(f: OrderShipmentBooked, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), words.name(words.COURIERS, f.courier)
    named, named_bn = (f" (consignment {f.consignment})", f" (কনসাইনমেন্ট {f.consignment})") if f.consignment else ("", "")
    (cash, cash_bn), (fee, fee_bn) = scene.money(f.cash), scene.money(f.fee)
    pay, pay_bn = (f"; {cash} is to be paid at the door", f"; হাতে পেয়ে {cash_bn} দিতে হবে") if f.cash else ("", "")
    takes, takes_bn = (f"; it takes {fee} for that", f"; তার মাশুল {fee_bn}") if f.fee else ("", "")
    other, other_bn = words.name(words.COURIERS, f.instead_of)
    instead, instead_bn = (f"; {other} did not answer", f"; {other_bn} সাড়া দেয়নি") if f.instead_of else ("", "")

    def both(more: str, more_bn: str) -> Both:
        return f"{begun(courier)} will bring {parcel}{named}{pay}{more}.", f"{courier_bn} {parcel_bn} পৌঁছে দেবে{named_bn}{pay_bn}{more_bn}।"

    return Said(*both(takes + instead, takes_bn + instead_bn), "staff", both("", ""))


def _booking_failed(f: OrderShipmentFailed, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), words.name(words.COURIERS, f.courier)
    (why, why_bn), more = words.reason(words.DELIVERIES, f.reason), f" «{f.detail}»" if f.detail else ""
    last, last_bn = ("; another courier has to", "; অন্য কুরিয়ার লাগবে") if f.final else ("", "")
    return Said(
        f"{begun(courier)} does not take {parcel}{why}{more}{last}.", f"{courier_bn} {parcel_bn} নিচ্ছে না{why_bn}{more}{last_bn}।", "staff"
    )


def _recalled(f: OrderShipmentRecalled, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    vocabulary = {**words.DELIVERIES, **words.ENDINGS}
    inside, outside = words.reason(vocabulary, f.reason), words.told(vocabulary, f.reason)

    def both(why: Both) -> Both:
        return (
            f"{begun(courier)} was called off before it had {parcel}{why[0]}.",
            f"{parcel_bn} হাতে পাওয়ার আগেই {courier_bn}-এর বুকিং বাতিল হয়েছে{why[1]}।",
        )

    return Said(*both(inside), "staff", both(outside))


def _strayed(f: OrderShipmentStrayed, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    return Said(
        f"{begun(courier)} has taken {parcel}, which was cancelled; it is asked to bring it back.",
        f"{parcel_bn} বাতিল হলেও {courier_bn} তা নিয়ে গেছে; ফিরিয়ে আনতে বলা হচ্ছে।",
    )


def _shipped(f: OrderShipped, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    return Said(f"{begun(parcel)} is on its way with {courier}.", f"{parcel_bn} রওনা হয়েছে, বাহক {courier_bn}।")


def _out(f: OrderOutForDelivery, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    return Said(f"{begun(courier)} brings {parcel} today.", f"{courier_bn} আজ {parcel_bn} পৌঁছে দেবে।")


def _delivery_failed(f: OrderDeliveryFailed, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    now = next((p for p in scene.order.shipments if p.id == f.parcel), None)
    tries = now.tries if now is not None else 1

    def both(why: Both, more: str) -> Both:
        return (
            f"{begun(courier)} could not hand over {parcel}, try {tries}{why[0]}{more}.",
            f"{courier_bn} {digits(tries)} নম্বর চেষ্টায় {parcel_bn} দিতে পারেনি{why[1]}{more}।",
        )

    plain = words.told(words.DELIVERIES, "other" if f.reason == "suspected_fake_attempt" else f.reason)
    return Said(*both(words.reason(words.DELIVERIES, f.reason), f" «{f.detail}»" if f.detail else ""), "staff", both(plain, ""))


def _delivered(f: OrderDelivered, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    cash, cash_bn = scene.money(f.collected or 0)
    paid, paid_bn = (f"; {cash} was paid at the door", f"; হাতে পেয়ে {cash_bn} দেওয়া হয়েছে") if f.collected else ("", "")
    if any(p.id == f.parcel and p.stray for p in scene.order.shipments):
        return Said(
            f"{begun(courier)} delivered {parcel} although it had been cancelled{paid}; nothing else is owed for it.",
            f"বাতিল হওয়ার পরেও {courier_bn} {parcel_bn} পৌঁছে দিয়েছে{paid_bn}; এর জন্য আর কিছু দিতে হবে না।",
        )
    if f.lines:
        kept, kept_bn = scene.goods(f.lines)
        return Said(
            f"{begun(courier)} delivered {kept} of {parcel}{paid}; the rest comes back.",
            f"{courier_bn} {parcel_bn} থেকে {kept_bn} পৌঁছে দিয়েছে{paid_bn}; বাকিটা ফেরত আসছে।",
        )
    return Said(f"{begun(courier)} delivered {parcel}{paid}.", f"{courier_bn} {parcel_bn} পৌঁছে দিয়েছে{paid_bn}।")


def _return_started(f: OrderReturnStarted, scene: Scene) -> Said:
    parcel, parcel_bn = scene.parcel(f.parcel)
    vocabulary = {**words.ENDINGS, **words.DELIVERIES}
    inside, outside = words.reason(vocabulary, f.reason), words.told(vocabulary, f.reason)

    def both(why: Both) -> Both:
        return f"{begun(parcel)} is on its way back{why[0]}.", f"{parcel_bn} ফেরত আসছে{why[1]}।"

    return Said(*both(inside), "staff", both(outside))


def _return_received(f: OrderReturnReceived, scene: Scene) -> Said:
    (parcel, parcel_bn), good, bad = scene.parcel(f.parcel), units(f.sound), units(f.damaged)
    return Said(
        f"{begun(parcel)} is back: {good} sound and in stock again, {bad} damaged.",
        f"{parcel_bn} ফিরে এসেছে: {digits(good)}টি ভালো, আবার মজুতে; {digits(bad)}টি নষ্ট।",
        "vendor",
        (f"{begun(parcel)} has come back to us.", f"{parcel_bn} আমাদের কাছে ফিরে এসেছে।"),
    )


def _lost(f: OrderParcelLost, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    how, how_bn = ("destroyed", "নষ্ট করে ফেলেছে") if f.reason == "damaged" else ("lost", "হারিয়ে ফেলেছে")
    return Said(
        f"{begun(courier)} has {how} {parcel}; neither its goods nor their delivery are owed.",
        f"{courier_bn} {parcel_bn} {how_bn}; এর পণ্য বা ডেলিভারির জন্য কিছু দিতে হবে না।",
    )


def _cash_taken(f: OrderCashTaken, scene: Scene) -> Said:
    (parcel, parcel_bn), (cash, cash_bn) = scene.parcel(f.parcel), scene.money(f.amount)
    return Said(
        f"{cash} was paid at the door for {parcel}, beside the price of its goods.",
        f"{parcel_bn}-এর জন্য পণ্যের দামের বাইরে দরজায় {cash_bn} দেওয়া হয়েছে।",
    )


def _doubted(f: OrderShipmentDoubted, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    why = f"{f.cause.replace('_', ' ')}{': ' + f.detail if f.detail else ''}"
    return Said(
        f"What {courier} says of {parcel} does not fit ({why}); somebody has to look.",
        f"{parcel_bn} নিয়ে {courier_bn} যা বলছে তা মেলে না ({why}); কারও দেখা দরকার।",
        "staff",
    )


def _intercepted(f: OrderInterceptAsked, scene: Scene) -> Said:
    (parcel, parcel_bn), (courier, courier_bn) = scene.parcel(f.parcel), scene.courier(f.parcel)
    what, what_bn = scene.goods(f.lines) if f.lines else ("", "")
    of, of_bn = (f"{what} of ", f" থেকে {what_bn}") if what else ("", "")
    vocabulary = {**words.DELIVERIES, **words.ENDINGS}
    inside, outside = words.reason(vocabulary, f.reason), words.told(vocabulary, f.reason)

    def both(why: Both) -> Both:
        return (
            f"{begun(courier)} is asked to bring back {of}{parcel}{why[0]}.",
            f"{courier_bn}-কে {parcel_bn}{of_bn} ফেরত আনতে বলা হয়েছে{why[1]}।",
        )

    return Said(*both(inside), "staff", both(outside))


SENTENCES: Sentences = {
    OrderInventoryAllocated: _allocated,
    OrderAllocationFailed: _allocation_failed,
    OrderBackorderArrived: _arrived,
    VendorOrderOffered: _offered,
    VendorOrderReminded: _reminded,
    VendorOrderAccepted: _accepted,
    VendorOrderRejected: _rejected,
    OrderFulfillmentStarted: _started,
    OrderParcelPacked: _packed,
    OrderShipmentUncertain: _uncertain,
    OrderShipmentBooked: _booked,
    OrderShipmentFailed: _booking_failed,
    OrderShipmentRecalled: _recalled,
    OrderShipmentStrayed: _strayed,
    OrderShipped: _shipped,
    OrderOutForDelivery: _out,
    OrderDeliveryFailed: _delivery_failed,
    OrderDelivered: _delivered,
    OrderReturnStarted: _return_started,
    OrderReturnReceived: _return_received,
    OrderParcelLost: _lost,
    OrderCashTaken: _cash_taken,
    OrderShipmentDoubted: _doubted,
    OrderInterceptAsked: _intercepted,
}
