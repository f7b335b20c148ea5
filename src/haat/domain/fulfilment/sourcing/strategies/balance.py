"""The node that has least to do today for its size; cost decides between equals (a thousandth of load outweighs any cost)."""

from haat.domain.fulfilment.sourcing.strategy import Leg, Strategy


def weigh(leg: Leg) -> int:
    return leg.load * 1_000_000_000 + leg.cost


STRATEGY = Strategy("balance", "Even load", "সমান চাপ", weigh)
