"""Payments of an order: from what is due to money that is ours, or back where it came from.

`deciding.py` says what follows from which fact; `attempting.py` begins payments, `asking.py` finds out, `taking.py` takes or lets go
what was set aside, `settling.py` brings money and what is owed together, `refunding.py` sends back, `disputing.py` shows chargebacks,
`hearing.py` is where hooks and buyers' browsers arrive. What a gateway's word means for an order is one pure decision:
`orders.paying.learn`.

    desk = Desk(outside, memory, draw.uuid, public_url=…)      FLOW = flow(desk)      Counter(desk, house).run(stop)
"""

from haat.engine.flowing import Flow
from haat.flows.paying.asking import ask, expire, mismatch
from haat.flows.paying.attempting import charge, request, route
from haat.flows.paying.deciding import LISTENS, Policy, decider
from haat.flows.paying.desk import Desk, Noted, observed
from haat.flows.paying.disputing import dispute
from haat.flows.paying.hearing import Counter, Word
from haat.flows.paying.overcoming import CODE, verbs
from haat.flows.paying.refunding import ask_refund, book_refund, refund
from haat.flows.paying.settling import collect, settle
from haat.flows.paying.taking import capture, missing, renew, void

#: What takes a step back. `settle` goes by state: it lets go and gives back exactly what is not owed.
UNDO = {"request": "settle", "charge": "settle", "capture": "settle", "renew": "settle", "collect": "settle"}


def flow(desk: Desk) -> Flow:
    """The flow of payments, through this desk."""
    return Flow(
        code=CODE,
        title="Payment",
        title_bn="পরিশোধ",
        facts=LISTENS,
        decide=decider(desk.policy),
        run={
            "request": request(desk),
            "route": route(desk),
            "charge": charge(desk),
            "ask": ask(desk),
            "mismatch": mismatch(),
            "dispute": dispute(),
            "expire": expire(desk),
            "capture": capture(desk),
            "renew": renew(desk),
            "missing": missing(),
            "void": void(desk),
            "settle": settle(desk),
            "refund": refund(desk),
            "ask_refund": ask_refund(desk),
            "book_refund": book_refund(),
            "collect": collect(desk),
            **verbs(),
        },
        undo=UNDO,
    )


__all__ = ["UNDO", "Counter", "Desk", "Noted", "Policy", "Word", "flow", "observed"]
