"""The order in which an admin wants the nodes to be asked, whatever it costs."""

from haat.domain.fulfilment.sourcing.strategy import Leg, Strategy


def weigh(leg: Leg) -> int:
    return leg.node.priority


STRATEGY = Strategy("priority", "By priority", "অগ্রাধিকার অনুযায়ী", weigh)
