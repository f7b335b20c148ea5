"""The judgement at the end of a bad day: Haat's own invariants, its belief against the parties' books, and what its processes said."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench import simulated
from haat import app
from haat.insight import auditing
from haat_world import audit
from haat_world.truth import Truth


class Verdict(msgspec.Struct):
    """What was found. `findings` is empty when all is well."""

    findings: list[str]
    statuses: Counter[str]
    counts: dict[str, Mapping[str, int]]


async def judge(haat: simulated.Haat, truth: Truth, believed: Sequence[dict[str, Any]], *, answered: int) -> Verdict:
    """`believed`: the orders as the API shows them; `answered`: how many a buyer was told that they are placed."""
    findings = [f"books: {each}" for each in audit.findings(truth, believed)]
    if len(believed) < answered:
        findings.append(f"{answered} orders were answered, {len(believed)} are there")
    async with app.open_parts(haat.settings, haat.dsn) as parts, parts.database.reading() as tx:
        counts: dict[str, Mapping[str, int]] = {
            "waits": dict(await tx.fetch(_WAITS)),
            "notifications": dict(await tx.fetch("SELECT channel || ' ' || status, count(*) FROM notifications GROUP BY 1")),
            "hooks kept": dict(await tx.fetch("SELECT kind || ' ' || status, count(*) FROM hook_inbox GROUP BY 1")),
        }
        findings += [f"notification: {row[0]}" for row in await tx.fetch(_SENT_TWICE)]
        findings += await _delivered(tx, truth)
        findings += [
            f"{each.invariant}: {each.subject}: {each.detail}"
            for each in await auditing.audit(parts.database, parts.journal, parts.flows, parts.clock.now(), app.invariants())
        ]
    findings += [f"log: {said}" for said in haat.complaints()]
    return Verdict(findings, Counter(order["status"] for order in believed), counts)


async def _delivered(tx: Any, truth: Truth) -> list[str]:
    """Each notification arrived as often as it was written down: never more, and once where Haat says that it is sent."""
    written = Counter[tuple[str, str]]()
    sent = Counter[tuple[str, str]]()
    for recipient, body, status in await tx.fetch("SELECT recipient, body, status FROM notifications WHERE channel = 'sms'"):
        written[recipient.lstrip("+"), body] += 1
        sent[recipient.lstrip("+"), body] += status == "sent"
    arrived = Counter((message.to, message.text) for message in truth.messages if message.kind == "sms")
    found = [
        f"{to} was told {n} times what was written {written[to, text]} times: {text}"
        for (to, text), n in arrived.items()
        if n > written[to, text]
    ]
    return found + [
        f"{to} was told {arrived[to, text]} times what was sent {n} times: {text}"
        for (to, text), n in sent.items()
        if n > arrived[to, text]
    ]


_WAITS = """SELECT flow || ':' || step || ' ' || status || ' ' || split_part(coalesce(error, ''), ':', 1), count(*) FROM workflow_states
  WHERE status IN ('due', 'held', 'paused', 'waiting', 'dead') GROUP BY 1"""
_SENT_TWICE = """SELECT order_id || ' ' || version || ' ' || role || ' ' || channel FROM notifications WHERE resend = 0 AND status = 'sent'
  GROUP BY order_id, version, role, channel, recipient HAVING count(*) > 1 LIMIT 20"""
