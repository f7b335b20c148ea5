"""As few parcels as can be, whatever a split might save; between nodes that send as many the cheaper one."""

from haat.domain.fulfilment.sourcing.strategy import Leg, Strategy


def weigh(leg: Leg) -> int:
    return leg.cost


STRATEGY = Strategy("fewest_parcels", "Fewest parcels", "সবচেয়ে কম পার্সেল", weigh)
