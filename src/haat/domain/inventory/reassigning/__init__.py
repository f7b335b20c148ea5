"""Reassigning: reserved units change their place, and units that were only promised become real.

An order's reservations move between locations as one act (`reassign`): what one place gives back the other sets aside, in one
statement, so nobody can come between. When goods arrive, those who were promised some are served in fair order, the oldest
order first, wherever the goods are (`arrivals`, pure; `arrive`). Locks: levels in (SKU, location) order, after orders.
"""

from haat.domain.inventory.reassigning.arrivals import Arrival, Waiting, arrivals
from haat.domain.inventory.reassigning.commands import Move, arrive, reassign
from haat.domain.inventory.reassigning.queries import servable, waiting_for

__all__ = ["Arrival", "Move", "Waiting", "arrivals", "arrive", "reassign", "servable", "waiting_for"]
