"""The node with the shortest way to the buyer; cost decides between neighbours (a kilometre outweighs any cost)."""

from haat.domain.fulfilment.sourcing.strategy import Leg, Strategy


def weigh(leg: Leg) -> int:
    return leg.km * 1_000_000_000 + leg.cost


STRATEGY = Strategy("nearest", "Nearest first", "সবচেয়ে কাছের", weigh)
