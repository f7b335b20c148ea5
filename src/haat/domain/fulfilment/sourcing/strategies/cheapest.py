"""The node whose parcel costs us least, transport and handling together."""

from haat.domain.fulfilment.sourcing.strategy import Leg, Strategy


def weigh(leg: Leg) -> int:
    return leg.cost


STRATEGY = Strategy("cheapest", "Cheapest first", "সবচেয়ে কম খরচ", weigh, by_cost=True)
