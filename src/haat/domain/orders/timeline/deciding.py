"""Sentences about checking and deciding, and about flows that stood still and were repaired."""

from haat.domain.orders.events import (
    OrderCompleted,
    OrderConfirmed,
    OrderExceptionEscalated,
    OrderExceptionRaised,
    OrderExceptionResolved,
    OrderExpired,
    OrderFlowMigrated,
    OrderPaused,
    OrderPromised,
    OrderReinstated,
    OrderRejected,
    OrderResumed,
    OrderScreened,
    Remark,
)
from haat.domain.orders.timeline import words
from haat.domain.orders.timeline.placing import ended
from haat.domain.orders.timeline.saying import Said, Scene, Sentences, digits
from haat.domain.orders.timeline.words import Both


def _screened(f: OrderScreened, scene: Scene) -> Said:
    del scene
    outcome, outcome_bn = words.said(words.OUTCOMES, f.outcome)
    why, why_bn = _counted(f.reasons)
    return Said(
        f"Screened for fraud: {outcome}, {f.score} of 1000 points{why}.",
        f"প্রতারণা যাচাই: {outcome_bn}, ১০০০-এর মধ্যে {digits(f.score)} পয়েন্ট{why_bn}।",
        "staff",
    )


def _counted(reasons: tuple[Remark, ...]) -> Both:
    """`: First order. (+80); …`, nothing where no rule counted."""
    if not reasons:
        return "", ""
    points = [int(r.data.get("points", 0)) for r in reasons]
    english = "; ".join(f"{(r.detail or r.reason).rstrip('.')} ({p:+d})" for r, p in zip(reasons, points, strict=True))
    bangla = "; ".join(
        f"{str(r.data.get('detail_bn') or r.detail or r.reason).rstrip('।.')} ({'+' if p >= 0 else ''}{digits(p)})"
        for r, p in zip(reasons, points, strict=True)
    )
    return f": {english}", f": {bangla}"


def _confirmed(f: OrderConfirmed, scene: Scene) -> Said:
    del f, scene
    return Said("The order is confirmed and will be prepared.", "অর্ডারটি নিশ্চিত হয়েছে, এবার প্রস্তুত করা হবে।")


def _rejected(f: OrderRejected, scene: Scene) -> Said:
    why, why_bn = words.reason({**words.ENDINGS, **words.INSIDE}, f.reason)
    detail = f" «{f.detail}»" if f.detail else ""
    told = ended(f"The order was rejected{why}{detail}", f"অর্ডারটি প্রত্যাখ্যাত হয়েছে{why_bn}{detail}", f.amount, scene)
    owed, owed_bn = scene.money(f.amount)
    plain = (
        f"We are sorry: we cannot serve this order. {owed} is no longer owed.",
        f"দুঃখিত, এই অর্ডারটি আমরা দিতে পারছি না। {owed_bn} আর দিতে হবে না।",
    )
    return Said(*told, "staff", plain)


def _expired(f: OrderExpired, scene: Scene) -> Said:
    return Said(*ended("The order ended, because it was not paid in time", "সময়মতো পরিশোধ না হওয়ায় অর্ডারটি শেষ হয়ে গেছে", f.amount, scene))


def _reinstated(f: OrderReinstated, scene: Scene) -> Said:
    total, total_bn = scene.money(f.totals.grand)
    return Said(
        f"Its money came after the order had ended. All goods were still there, so it goes on as it was: {total}.",
        f"অর্ডারটি শেষ হওয়ার পরে টাকা এসেছে। সব পণ্য তখনও ছিল, তাই অর্ডারটি আগের মতোই চলছে: {total_bn}।",
    )


def _completed(f: OrderCompleted, scene: Scene) -> Said:
    del f, scene
    return Said("The order is complete; nothing is left to do.", "অর্ডারটি সম্পূর্ণ হয়েছে; আর কিছু বাকি নেই।")


def _paused(f: OrderPaused, scene: Scene) -> Said:
    del scene
    return Said(f"Everything about this order was paused: {f.reason}", f"এই অর্ডারের সব কাজ থামানো হয়েছে: {f.reason}", "staff")


def _resumed(f: OrderResumed, scene: Scene) -> Said:
    del scene
    why, why_bn = (f": {f.reason}", f": {f.reason}") if f.reason else (".", "।")
    return Said(f"It goes on from where it stood{why}", f"যেখানে থেমেছিল সেখান থেকে আবার চলছে{why_bn}", "staff")


def _raised(f: OrderExceptionRaised, scene: Scene) -> Said:
    about, about_bn = ("", "") if f.subject not in scene.counted else scene.parcel(f.subject)
    cause = f"{f.cause.replace('_', ' ')}{': ' + f.detail if f.detail else ''}"
    repairs = f" It can be repaired by {', '.join(r.replace('_', ' ') for r in f.repairs)}." if f.repairs else ""
    repairs_bn = f" মেরামতের উপায়: {', '.join(r.replace('_', ' ') for r in f.repairs)}।" if f.repairs else ""
    return Said(
        f"{f.owner} has to look: {f.flow}:{f.step} could not be done{' for ' + about if about else ''} ({cause}).{repairs}",
        f"{f.owner}-এর দেখা দরকার: {f.flow}:{f.step} করা যায়নি{', ' + about_bn if about_bn else ''} ({cause})।{repairs_bn}",
        "staff",
    )


def _escalated(f: OrderExceptionEscalated, scene: Scene) -> Said:
    since, since_bn = ("", "") if f.since is None else scene.moment(f.since)
    for_how_long, for_how_long_bn = (f" since {since}", f" {since_bn} থেকে") if since else ("", "")
    cause = f.cause.replace("_", " ")
    return Said(
        f"{f.flow}:{f.step} has waited for {f.owner}{for_how_long} ({cause}); its owner is reminded.",
        f"{f.flow}:{f.step}{for_how_long_bn} {f.owner}-এর অপেক্ষায় আছে ({cause}); দায়িত্বপ্রাপ্তকে মনে করিয়ে দেওয়া হচ্ছে।",
        "staff",
    )


def _resolved(f: OrderExceptionResolved, scene: Scene) -> Said:
    (how, how_bn), why = words.said(words.REPAIRS, f.repair), f": {f.reason}" if f.reason else ""
    was = next((e for e in scene.before.exceptions if e.id == f.exception), None) if scene.before is not None else None
    step = f" of {was.flow}:{was.step}" if was is not None else ""
    step_bn = f"{was.flow}:{was.step}-এর " if was is not None else ""
    return Said(f"The trouble{step} was settled ({how}){why}", f"{step_bn}সমস্যার সমাধান হয়েছে ({how_bn}){why}", "staff")


def _migrated(f: OrderFlowMigrated, scene: Scene) -> Said:
    del scene
    return Said(
        f"The order goes on by version {f.version} of the flow {f.flow}.",
        f"অর্ডারটি এখন {f.flow} প্রবাহের {digits(f.version)} নম্বর সংস্করণে চলছে।",
        "staff",
    )


def _promised(f: OrderPromised, scene: Scene) -> Said:
    day, day_bn = scene.day(f.promised_at)
    inside, outside = words.reason(words.PROMISES, f.reason), words.told(words.PROMISES, f.reason)

    what, what_bn = scene.parcel(f.parcel) if f.parcel and len(scene.counted) > 1 else ("it", "")

    def both(why: Both) -> Both:
        subject, subject_bn = what[0].upper() + what[1:], f"{what_bn} " if what_bn else ""
        return f"{subject} is expected by {day} now{why[0]}.", f"{subject_bn}এখন {day_bn}-এর মধ্যে পৌঁছানোর কথা{why[1]}।"

    return Said(*both(inside), "staff", both(outside))


SENTENCES: Sentences = {
    OrderScreened: _screened,
    OrderConfirmed: _confirmed,
    OrderRejected: _rejected,
    OrderExpired: _expired,
    OrderReinstated: _reinstated,
    OrderCompleted: _completed,
    OrderPaused: _paused,
    OrderResumed: _resumed,
    OrderExceptionRaised: _raised,
    OrderExceptionEscalated: _escalated,
    OrderExceptionResolved: _resolved,
    OrderFlowMigrated: _migrated,
    OrderPromised: _promised,
}
