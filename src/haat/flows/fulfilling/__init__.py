"""Fulfilment as a flow: vendors are asked, parcels packed, couriers booked once and listened to, until every unit has arrived.

    flow(desk) ─► Flow        deciding.py: facts in, steps out;  offering.py, booking.py, road.py, straying.py: who does the steps
    listen(desk, house)       couriers' hooks, out of the inbox (listening.py; hearing.py reads their story)
    follow(tx, changed, now)  rows of shipments and events of nodes after every change of orders (shipments.py)

The UNDO of a booking is its recall. Every step guards on the order as it is, so doing one twice does it once.
"""

from haat.engine.flowing import Flow
from haat.flows.fulfilling import booking, offering, overcoming, road, straying
from haat.flows.fulfilling.deciding import CODE, LISTENS, Policy, decider
from haat.flows.fulfilling.desk import Desk
from haat.flows.fulfilling.listening import listen
from haat.flows.fulfilling.shipments import follow


def flow(desk: Desk) -> Flow:
    """The flow, with its parts."""
    return Flow(
        code=CODE,
        title="Fulfilment",
        title_bn="পণ্য পৌঁছানো",
        facts=LISTENS,
        decide=decider(desk.policy),
        run={**offering.verbs(desk), **booking.verbs(desk), **road.verbs(desk), **straying.verbs(), **overcoming.verbs(CODE)},
        undo={"book": "recall"},
    )


__all__ = ["CODE", "Desk", "Policy", "flow", "follow", "listen"]
