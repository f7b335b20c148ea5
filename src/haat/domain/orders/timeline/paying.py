"""Sentences about money: what is due, what came, what goes back."""

from haat.domain.orders.events import (
    OrderPaymentAttempted,
    OrderPaymentAuthorized,
    OrderPaymentDisputed,
    OrderPaymentFailed,
    OrderPaymentMismatched,
    OrderPaymentOrphaned,
    OrderPaymentProcessed,
    OrderPaymentRequested,
    OrderPaymentStarted,
    OrderPaymentUncertain,
    OrderPaymentVoided,
    OrderPaymentWaived,
    OrderRefunded,
    OrderRefundFailed,
    OrderRefundNotFound,
    OrderRefundRequested,
    OrderRefundRetried,
    OrderRefundUncertain,
)
from haat.domain.orders.timeline import words
from haat.domain.orders.timeline.saying import Said, Scene, Sentences, begun
from haat.domain.orders.timeline.words import Both

CASH = "cod"
#: Statuses of disputes that wait for our answer.
ASKED = frozenset({"inquiry", "needs_response", "appealed"})
#: What a buyer is told of a failure whose real name is not for them.
HUSHED = {"suspected_fraud": "declined", "misconfigured": "gateway_error", "mismatch": "gateway_error", "invalid_request": "gateway_error"}


def _tried(attempt: str, scene: Scene) -> Both:
    """What the attempt is to bring."""
    found = scene.attempt(attempt)
    return scene.money(found.amount if found is not None else scene.order.totals.grand)


def _named(reference: str) -> Both:
    return (f" (reference {reference})", f" (রেফারেন্স {reference})") if reference else ("", "")


def _requested(f: OrderPaymentRequested, scene: Scene) -> Said:
    amount, amount_bn = scene.money(f.amount)
    if f.method == CASH:
        return Said(f"{amount} is to be paid in cash at the door.", f"পণ্য হাতে পেয়ে নগদে {amount_bn} দিতে হবে।")
    (payer, payer_bn), (until, until_bn) = words.name(words.PAYERS, f.method), scene.until(f.due_at)
    again = scene.before is not None and any(t.id == f.payment for t in scene.before.payments)
    return Said(
        f"{amount} is to be paid by {payer}{' after all' * again}{until}.",
        f"{payer_bn} দিয়ে {'আবার ' * again}{amount_bn} পরিশোধ করতে হবে{until_bn}।",
    )


def _attempted(f: OrderPaymentAttempted, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), words.name(words.PAYERS, f.gateway)
    if f.gateway == CASH:
        return Said(f"{amount} is expected from the couriers in cash.", f"কুরিয়ারদের কাছ থেকে নগদ {amount_bn} আসার কথা।", "staff")
    other, other_bn = words.name(words.PAYERS, f.instead_of)
    instead, instead_bn = (f" in place of {other}, which does not answer", f"{other_bn} সাড়া দিচ্ছে না বলে ") if f.instead_of else ("", "")
    return Said(f"{payer} is asked for {amount}{instead}.", f"{instead_bn}{payer_bn}-এর মাধ্যমে {amount_bn} নেওয়ার চেষ্টা শুরু হয়েছে।", "staff")


def _started(f: OrderPaymentStarted, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _tried(f.attempt, scene), scene.payer(f.payment, f.attempt)
    if not f.redirect_url:
        return Said(f"{payer} has the payment of {amount} in hand.", f"{payer_bn} {amount_bn} পরিশোধের কাজ করছে।")
    until, until_bn = scene.until(f.expires_at)
    return Said(f"{payer} waits for the buyer to pay {amount}{until}.", f"{payer_bn}-এ {amount_bn} পরিশোধের অপেক্ষা{until_bn}।")


def _uncertain(f: OrderPaymentUncertain, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _tried(f.attempt, scene), scene.payer(f.payment, f.attempt)
    return Said(
        f"{payer} did not say what became of {amount} ({f.during}). It is asked until it does.",
        f"{amount_bn}-এর কী হলো {payer_bn} জানায়নি ({f.during})। না জানা পর্যন্ত জিজ্ঞেস করা হবে।",
        "staff",
        (f"We are asking {payer} whether {amount} has arrived.", f"{amount_bn} এসেছে কি না আমরা {payer_bn}-এর কাছে খোঁজ নিচ্ছি।"),
    )


def _authorized(f: OrderPaymentAuthorized, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), scene.payer(f.payment, f.attempt)
    until, until_bn = scene.until(f.lapses_at)
    return Said(
        f"{amount} is set aside by {payer} and is taken when the goods leave{until}.",
        f"{payer_bn} {amount_bn} আলাদা করে রেখেছে; পণ্য পাঠানোর সময় নেওয়া হবে{until_bn}।",
    )


def _processed(f: OrderPaymentProcessed, scene: Scene) -> Said:
    amount, amount_bn = scene.money(f.amount)
    if CASH in (f.gateway, f.method):
        if not f.parcel:
            return Said(f"{amount} was received in cash.", f"নগদ {amount_bn} পাওয়া গেছে।")
        parcel, parcel_bn = scene.parcel(f.parcel)
        return Said(f"{amount} was received in cash for {parcel}.", f"{parcel_bn} বাবদ নগদ {amount_bn} পাওয়া গেছে।")
    (payer, payer_bn), (named, named_bn) = scene.payer(f.payment, f.attempt, f.gateway), _named(f.reference)
    return Said(f"{amount} was paid by {payer}{named}.", f"{payer_bn} দিয়ে {amount_bn} পরিশোধ হয়েছে{named_bn}।")


def _failed(f: OrderPaymentFailed, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _tried(f.attempt, scene), scene.payer(f.payment, f.attempt)
    again, again_bn = (" It may work another time.", " পরে আবার চেষ্টা করা যায়।") if f.soft else ("", "")

    def both(why: Both, code: str) -> Both:
        return f"{payer} did not bring {amount}{why[0]}{code}.{again}", f"{payer_bn} দিয়ে {amount_bn} পরিশোধ হয়নি{why[1]}{code}।{again_bn}"

    code = f" [{f.detail}]" if f.detail else ""
    plain = words.told(words.PAYMENT_FAILURES, HUSHED.get(f.reason, f.reason))
    return Said(*both(words.reason(words.PAYMENT_FAILURES, f.reason), code), "staff", both(plain, ""))


def _voided(f: OrderPaymentVoided, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), scene.payer(f.payment, f.attempt)
    return Said(
        f"{amount} that {payer} had set aside was let go; it was not taken.",
        f"{payer_bn} যে {amount_bn} আলাদা করে রেখেছিল তা ছেড়ে দেওয়া হয়েছে; টাকা নেওয়া হয়নি।",
    )


def _waived(f: OrderPaymentWaived, scene: Scene) -> Said:
    amount, amount_bn = scene.money(f.amount)
    inside, outside = words.reason(words.ENDINGS, f.reason), words.told(words.ENDINGS, f.reason)

    def both(why: Both) -> Both:
        return f"{amount} need not be paid any more{why[0]}.", f"{amount_bn} আর দিতে হবে না{why[1]}।"

    return Said(*both(inside), "staff", both(outside))


def _orphaned(f: OrderPaymentOrphaned, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), scene.payer(f.payment, f.attempt)
    return Said(
        f"{amount} came by {payer} that was not owed any more; it goes back, unless the order can go on.",
        f"{payer_bn} দিয়ে {amount_bn} এসেছে যা আর পাওনা ছিল না; অর্ডারটি আবার চালু না হলে টাকা ফেরত যাবে।",
    )


def _mismatched(f: OrderPaymentMismatched, scene: Scene) -> Said:
    (asked, asked_bn), (payer, payer_bn) = _tried(f.attempt, scene), scene.payer(f.payment, f.attempt)
    ours = f.amount and f.currency in ("", scene.order.currency)
    held, held_bn = scene.money(f.amount) if ours else (f"other money {f.currency}".strip(), f"অন্য টাকা {f.currency}".strip())
    return Said(
        f"{begun(payer)} says that it holds {held} where {asked} was asked for; somebody has to look whose it is.",
        f"{payer_bn} বলছে তার কাছে {held_bn} আছে, চাওয়া হয়েছিল {asked_bn}; টাকাটা কার, কাউকে দেখতে হবে।",
        "staff",
    )


def _disputed(f: OrderPaymentDisputed, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), scene.payer(f.payment, f.attempt)
    (until, until_bn), (stands, stands_bn) = scene.until(f.respond_by), words.name(words.DISPUTES, f.status)
    why, until, until_bn = f" ({f.reason})" * bool(f.reason), until * (f.status in ASKED), until_bn * (f.status in ASKED)
    return Said(
        f"The buyer's bank disputes {amount} that {payer} took{why}: {stands}{until} (dispute {f.dispute}).",
        f"{payer_bn} দিয়ে নেওয়া {amount_bn} নিয়ে ক্রেতার ব্যাংক আপত্তি জানিয়েছে{why}: {stands_bn}{until_bn} (আপত্তি {f.dispute})।",
        "staff",
    )


def _refund_requested(f: OrderRefundRequested, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = scene.money(f.amount), scene.payer(f.payment, f.attempt, f.gateway)
    inside, outside = words.reason(words.ENDINGS, f.reason), words.told(words.ENDINGS, f.reason)

    def both(why: Both) -> Both:
        return f"{amount} is to go back by {payer}{why[0]}.", f"{payer_bn}-এর মাধ্যমে {amount_bn} ফেরত দেওয়া হচ্ছে{why[1]}।"

    return Said(*both(inside), "staff", both(outside))


def _refund(refund: str, scene: Scene) -> tuple[Both, Both]:
    """What goes back, and by whom."""
    found = scene.refund(refund)
    if found is None:
        return scene.money(0), ("the gateway", "গেটওয়ে")
    return scene.money(found.amount), scene.payer(found.payment, found.attempt, found.gateway)


def _refund_uncertain(f: OrderRefundUncertain, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _refund(f.refund, scene)
    return Said(
        f"{begun(payer)} did not say whether {amount} went back. It is asked until it does.",
        f"{amount_bn} ফেরত গেছে কি না {payer_bn} জানায়নি। না জানা পর্যন্ত জিজ্ঞেস করা হবে।",
        "staff",
        (f"We are asking {payer} whether {amount} has gone back.", f"{amount_bn} ফেরত গেছে কি না আমরা {payer_bn}-এর কাছে খোঁজ নিচ্ছি।"),
    )


def _refund_not_found(f: OrderRefundNotFound, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _refund(f.refund, scene)
    how, how_bn = (f" ({f.detail})", f" ({f.detail})") if f.detail else ("", "")
    return Said(
        f"{begun(payer)} never got the request to give {amount} back{how}; it is sent again.",
        f"{amount_bn} ফেরতের অনুরোধ {payer_bn} পায়নি{how_bn}; আবার পাঠানো হচ্ছে।",
        "staff",
        (f"{amount} is on its way back by {payer}.", f"{payer_bn}-এর মাধ্যমে {amount_bn} ফেরত দেওয়া হচ্ছে।"),
    )


def _refunded(f: OrderRefunded, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn), (named, named_bn) = scene.money(f.amount), _refund(f.refund, scene)[1], _named(f.reference)
    return Said(f"{amount} went back by {payer}{named}.", f"{payer_bn}-এর মাধ্যমে {amount_bn} ফেরত দেওয়া হয়েছে{named_bn}।")


def _refund_failed(f: OrderRefundFailed, scene: Scene) -> Said:
    ((amount, amount_bn), (payer, payer_bn)), (why, why_bn) = _refund(f.refund, scene), words.reason(words.PAYMENT_FAILURES, f.reason)
    code = f" [{f.detail}]" if f.detail else ""
    return Said(
        f"{begun(payer)} refused to give {amount} back{why}{code}; somebody has to find another way.",
        f"{payer_bn} {amount_bn} ফেরত দিতে রাজি হয়নি{why_bn}{code}; অন্য উপায় খুঁজতে হবে।",
        "staff",
        (
            f"{amount} could not go back the way it came; we are looking for another way.",
            f"{amount_bn} যে পথে এসেছিল সে পথে ফেরত দেওয়া যায়নি; আমরা অন্য উপায় দেখছি।",
        ),
    )


def _refund_retried(f: OrderRefundRetried, scene: Scene) -> Said:
    (amount, amount_bn), (payer, payer_bn) = _refund(f.refund, scene)
    return Said(
        f"{amount} that {payer} had refused to give back is sent again.",
        f"{payer_bn} যে {amount_bn} ফেরত দিতে রাজি হয়নি তা আবার পাঠানো হচ্ছে।",
        "staff",
        (f"{amount} is on its way back by {payer}.", f"{payer_bn}-এর মাধ্যমে {amount_bn} ফেরত দেওয়া হচ্ছে।"),
    )


SENTENCES: Sentences = {
    OrderPaymentRequested: _requested,
    OrderPaymentAttempted: _attempted,
    OrderPaymentStarted: _started,
    OrderPaymentUncertain: _uncertain,
    OrderPaymentAuthorized: _authorized,
    OrderPaymentProcessed: _processed,
    OrderPaymentFailed: _failed,
    OrderPaymentVoided: _voided,
    OrderPaymentWaived: _waived,
    OrderPaymentOrphaned: _orphaned,
    OrderPaymentMismatched: _mismatched,
    OrderPaymentDisputed: _disputed,
    OrderRefundRequested: _refund_requested,
    OrderRefundUncertain: _refund_uncertain,
    OrderRefundNotFound: _refund_not_found,
    OrderRefunded: _refunded,
    OrderRefundFailed: _refund_failed,
    OrderRefundRetried: _refund_retried,
}
