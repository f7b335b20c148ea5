"""Inventory: what is where, who has it set aside, and why it changed.

Stock is counted by SKU and location: on hand, and reserved. A reservation sets units aside for an order (COMMITTED) or for a
checkout that has not paid yet (HELD, ends by itself); what is neither is available, and that is the one number everywhere,
less what a channel must leave as safety stock. A SKU may be sold before it exists, to a limit and with a date.
Admission is decided in arrival order inside the transaction that commits it (admission.py), so the last units go to exactly
as many orders as there are units; the database refuses an oversale by itself.
"""

from haat.domain.inventory import reassigning
from haat.domain.inventory.admission import Admitted, Demand, Level, Levels, Short, Take
from haat.domain.inventory.commands import (
    RESERVE,
    Location,
    Movement,
    Terms,
    consume,
    every,
    expire,
    hold,
    holding,
    lock_levels,
    move,
    put_locations,
    put_terms,
    release,
    reserve,
    reserve_again,
    reserve_arguments,
)
from haat.domain.inventory.queries import Drift, MovementView, drift, levels, levels_page, locations, movements, noted, overdue
from haat.domain.inventory.reservation import Consumption, Release, Reservation, components, consumptions, releases

__all__ = [
    "RESERVE", "Admitted", "Consumption", "Demand", "Drift", "Level", "Levels", "Location", "Movement", "MovementView", "Release",
    "Reservation", "Short", "Take", "Terms", "components", "consume", "consumptions", "drift", "every", "expire", "hold", "holding",
    "levels", "levels_page", "locations", "lock_levels", "move", "movements", "noted", "overdue", "put_locations", "put_terms",
    "reassigning", "release", "releases", "reserve", "reserve_again", "reserve_arguments",
]  # fmt: skip
