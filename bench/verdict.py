"""The judgement at the end of a bad day: Haat's own invariants, its belief against the parties' books, and what its processes said.

Every promise of the day has its own check here, and a test that breaks it (tests/simulation/test_verdict.py).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from bench import simulated
from haat import app
from haat.engine.database import Tx
from haat.insight import auditing
from haat_world import audit
from haat_world.couriers import generic, pathao, redx, steadfast
from haat_world.gateways import bkash, nagad, sslcommerz, stripe
from haat_world.truth import Truth

KINDS: Mapping[str, frozenset[str]] = {
    "gateways": frozenset(party.PARTY for party in (bkash, nagad, sslcommerz, stripe)),
    "couriers": frozenset(party.PARTY for party in (pathao, redx, steadfast, generic)),
    "transports": frozenset({"sms", "webhook"}),
}
WELL, OUT = "well", "out"
AT_HOME = ("open", "reserved", "backordered", "allocated", "picked", "packed")
SURE = 4.0  # standard deviations that chance is allowed


class Asked(msgspec.Struct, kw_only=True):
    """What the day was to be, and what it was.

    `answered` orders were placed as their buyers were told, and a share `faults` of all calls was to fail. `behind`: how much Haat
    had not caught up with when the time for that was over. `night`: since when time ran faster than people send messages. `rested`:
    whether nothing was under way at the end.
    """

    answered: int = 0
    faults: float
    behind: int = 1
    night: datetime = datetime.max.replace(tzinfo=UTC)
    rested: bool = False


class Verdict(msgspec.Struct):
    """What was found. `findings` is empty when all is well; `shares` of the calls to each kind of party failed."""

    findings: list[str]
    statuses: Counter[str]
    counts: dict[str, Mapping[str, int]]
    shares: dict[str, float]


async def judge(haat: simulated.Haat, truth: Truth, belief: audit.Belief, asked: Asked) -> Verdict:
    """`belief`: what the API shows at the end. The processes of Haat are stopped, its database is not."""
    books = audit.compared(truth, belief)
    findings = [f"books: {each}" for each in books.findings]
    findings += [f"day: {each}" for each in (*unready(belief, asked), *too_gentle(truth, asked.faults))]
    async with app.open_parts(haat.settings, haat.dsn) as parts, parts.database.reading() as tx:
        counts: dict[str, Mapping[str, int]] = {
            "excused": books.excused,
            "waits": dict(await tx.fetch(_WAITS)),
            "notifications": dict(await tx.fetch("SELECT channel || ' ' || status, count(*) FROM notifications GROUP BY 1")),
            "hooks kept": dict(await tx.fetch("SELECT kind || ' ' || status, count(*) FROM hook_inbox GROUP BY 1")),
        }
        moved = [Moved(*row) for row in await tx.fetch(_MOVED)]
        findings += [f"units: {each}" for each in units(belief, moved, [Kept(*row) for row in await tx.fetch(_KEPT)])]
        late, excused = await unsent(tx, asked.night)
        books.excused["a night of minutes: too late for a message"] += excused
        findings += [f"notification: {each}" for each in late]
        findings += [f"notification: {each}" for each in delivered(truth, [Written(*row) for row in await tx.fetch(_WRITTEN)])]
        findings += [
            f"{each.invariant}: {each.subject}: {each.detail}"
            for each in await auditing.audit(parts.database, parts.journal, parts.flows, parts.clock.now(), app.invariants())
        ]
    findings += [f"log: {said}" for said in haat.complaints()]
    shares = {kind: _share(fates) for kind, fates in calls(truth).items() if fates}
    return Verdict(findings, Counter(order["status"] for order in belief.orders), counts, shares)


def unready(belief: audit.Belief, asked: Asked) -> list[str]:
    """Orders that a buyer was told of and that are not there, and a Haat that never caught up or never came to rest."""
    there = len(belief.orders)
    found = [f"{asked.answered} orders were answered, {there} are there"] if there < asked.answered else []
    found += [f"{asked.behind} things were overdue when Haat had had its time to catch up"] if asked.behind else []
    return found if asked.rested else [*found, "something was still under way at the end"]


def calls(truth: Truth) -> dict[str, Counter[str]]:
    """How calls ended, by kind of party."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for name, count in truth.calls.items():
        party, fate = name.split(" ", 1)[0], name.rsplit(" ", 1)[1]
        for kind, parties in KINDS.items():
            if party in parties:
                found[kind][fate] += count
    return found


def too_gentle(truth: Truth, asked: float) -> list[str]:
    """A day on which fewer calls failed than was asked for proves less than it says. Parties that were out count as nothing."""
    found = []
    for kind, fates in calls(truth).items():
        made = sum(fates.values()) - fates[OUT]
        failed = made - fates[WELL]
        chance = math.sqrt(asked * (1 - asked) * made)
        if abs(failed - asked * made) > SURE * chance + 1:
            found.append(f"of {made} calls to {kind} {failed} failed, {asked:.0%} were asked for")
    return found


def _share(fates: Counter[str]) -> float:
    return 1 - fates[WELL] / max(sum(fates.values()) - fates[OUT], 1)


class Moved(msgspec.Struct, frozen=True):
    """What left the shelves for an order, and what came back of it."""

    number: str
    sku: str
    sold: int
    back: int


class Kept(msgspec.Struct, frozen=True):
    """The units of stock that an order's line stands for, in sum: `quantity` were reserved, `released` of them given up."""

    order: str
    line_no: int
    sku: str
    quantity: int
    released: int


def units(belief: audit.Belief, moved: Sequence[Moved], kept: Sequence[Kept]) -> list[str]:
    """What left the shelves and came back is what the lines of orders say, unit by unit, kits by their parts."""
    parts: dict[tuple[str, int], list[Kept]] = {}
    for each in kept:
        parts.setdefault((each.order, each.line_no), []).append(each)
    sold, back = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for order in belief.orders:
        for line in order["lines"]:
            buckets = line["buckets"]
            live = line["quantity"] - buckets.get("cancelled", 0)
            out = live - sum(buckets.get(bucket, 0) for bucket in AT_HOME)
            for part in parts.get((order["id"], line["line_no"]), ()) if live else ():
                each_of_it = (part.quantity - part.released) // live
                sold[order["number"], part.sku] += out * each_of_it
                back[order["number"], part.sku] += buckets.get("returned", 0) * each_of_it
    for each in moved:
        sold[each.number, each.sku] -= each.sold
        back[each.number, each.sku] -= each.back
    found = [f"{number}: {n} more of {sku} are out than left the shelves" for (number, sku), n in sold.items() if n]
    return found + [f"{number}: {n} more of {sku} are back than lie on the shelves" for (number, sku), n in back.items() if n]


class Written(msgspec.Struct, frozen=True):
    """A message as Haat has it on record. `what` tells it from others to the same receiver: an SMS by its text, a mail by its id."""

    channel: str
    recipient: str
    what: str
    status: str


def delivered(truth: Truth, messages: Sequence[Written]) -> list[str]:
    """Each notification arrived as often as it was written down: never more, and once where Haat says that it is sent."""
    written = Counter((m.channel, m.recipient.lstrip("+"), m.what) for m in messages)
    sent = Counter((m.channel, m.recipient.lstrip("+"), m.what) for m in messages if m.status == "sent")
    arrived = Counter(
        ("sms", message.to, message.text) if message.kind == "sms" else ("email", message.to, message.id.strip("<>").partition("@")[0])
        for message in truth.messages
        if message.kind in ("sms", "mail")
    )
    twice = [
        f"{to} was told {n} times what was written {written[channel, to, what]} times: {what}"
        for (channel, to, what), n in arrived.items()
        if n > written[channel, to, what]
    ]
    lost = [
        f"{to} was told {arrived[channel, to, what]} times what was sent {n} times: {what}"
        for (channel, to, what), n in sent.items()
        if n > arrived[channel, to, what]
    ]
    return twice + lost


async def unsent(tx: Tx, night: datetime) -> tuple[list[str], int]:
    """Messages that were given up for no good reason; and how many of the `night`, which had seconds to leave and are not blamed.

    One that is due and lies there is found by the invariant `notifications`; one that fell due in the last moment is no mistake.
    """
    rows = await tx.fetch(_NOT_SENT, night)
    found = [f"{n} {what} were not sent: {why}" for what, why, by_night, n in rows if not by_night]
    return found, sum([n for *_, by_night, n in rows if by_night])


_WAITS = """SELECT flow || ':' || step || ' ' || status || ' ' || split_part(coalesce(error, ''), ':', 1), count(*) FROM workflow_states
  WHERE status IN ('due', 'held', 'paused', 'waiting', 'dead') GROUP BY 1"""
_MOVED = """SELECT reference, sku, coalesce(-sum(quantity) FILTER (WHERE reason = 'sale'), 0)::bigint,
    coalesce(sum(quantity) FILTER (WHERE reason = 'return'), 0)::bigint
  FROM stock_movements WHERE reason IN ('sale', 'return') GROUP BY 1, 2"""
_KEPT = """SELECT owner::text, line_no, sku, sum(quantity)::bigint, sum(released)::bigint FROM order_reservations
  WHERE status <> 'REASSIGNED' GROUP BY 1, 2, 3"""
_NOT_SENT = """SELECT channel || ' ' || status, split_part(reason, ':', 1),
    (status = 'stale' OR reason LIKE 'too late%' OR reason LIKE 'outside_open%') AND fact_at > $1, count(*)
  FROM notifications WHERE status IN ('failed', 'stale') GROUP BY 1, 2, 3"""
_WRITTEN = """SELECT channel, recipient, CASE channel WHEN 'email' THEN id::text ELSE body END, status
  FROM notifications WHERE channel IN ('sms', 'email')"""
