"""Allocation: who sends what from where, for every order that was screened; again where a vendor refuses, or late goods arrive.

    OrderScreened ─┐                      ┌─► OrderInventoryAllocated     reservations moved to where the plan wants them
    VendorOrderRejected ─┼─► source ──────┤
    OrderBackorderArrived ─┘              └─► OrderAllocationFailed       waits for room or late goods, for an admin, or is cancelled
    OrderStockReserved (late units) ─► await_stock ─► OrderBackorderArrived, the oldest order first

`places.py` keeps nodes and rules in memory, `wanting.py` turns orders into demands and plans into moves, `sourcing.py` and
`waiting.py` are the verbs, `story.py` the flow.
"""

from haat.flows.allocating.places import Sourcer, network
from haat.flows.allocating.sourcing import Policy
from haat.flows.allocating.story import CODE, decide, flow
from haat.flows.allocating.waiting import hasten_waiting

__all__ = ["CODE", "Policy", "Sourcer", "decide", "flow", "hasten_waiting", "network"]
