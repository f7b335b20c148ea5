"""Fulfilment: which place sends what, who carries it, where it is, and by which day it will be there.

An order's parcels are its own facts (domain/orders); here is what surrounds them. `sourcing/` plans which location ships which
units. `courier.py` is what a courier has to be, `couriers/` are those we speak with (one file each), `choosing.py` picks one for
a parcel, `tracking.py` reads what became of it out of scans that come twice and in any order. `shipment.py` is a parcel as lists
and labels ask for it, `promise.py` the day that buyers are promised, `label.py` the paper on the box.
"""

from haat.domain.fulfilment import choosing, courier, fleet, label, promise, shipment, sourcing, tracking
from haat.domain.fulfilment.commands.coverage import COURIERS, drop_coverage, put_courier_rules, put_coverage, put_tariffs, refresh_records
from haat.domain.fulfilment.commands.shipments import begin, hear, move_on, note, project, say
from haat.domain.fulfilment.queries.coverage import StoredTariff, courier_rules, coverage, load_fleet, records, taken, tariffs
from haat.domain.fulfilment.queries.shipments import Wanted, by_earlier_name, by_name, find_shipments, scans, shipments, to_pick
from haat.domain.fulfilment.shipment import Begun, NodeEvent, Row, Said, Shipment, Told

__all__ = [
    "COURIERS",
    "Begun",
    "NodeEvent",
    "Row",
    "Said",
    "Shipment",
    "StoredTariff",
    "Told",
    "Wanted",
    "begin",
    "by_earlier_name",
    "by_name",
    "choosing",
    "courier",
    "courier_rules",
    "coverage",
    "drop_coverage",
    "find_shipments",
    "fleet",
    "hear",
    "label",
    "load_fleet",
    "move_on",
    "note",
    "project",
    "promise",
    "put_courier_rules",
    "put_coverage",
    "put_tariffs",
    "records",
    "refresh_records",
    "say",
    "scans",
    "shipment",
    "shipments",
    "sourcing",
    "taken",
    "tariffs",
    "to_pick",
    "tracking",
]
