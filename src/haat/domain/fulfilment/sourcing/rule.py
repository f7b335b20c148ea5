"""Rules of sourcing: an admin's list, asked in its order; the first whose conditions hold decides for a demand. Pure.

A rule chooses the strategy, forbids nodes, prefers nodes, says what a further parcel is worth (`split_margin`) and whether a
batch is optimised as a whole (`solve`). Where no rule holds, DEFAULT does. Every plan names its rule and the rule's version.
"""

from typing import Annotated

from msgspec import Meta, Struct

from haat.domain.fulfilment.sourcing.demand import Demand
from haat.domain.fulfilment.sourcing.node import Amount

Word = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[tuple[Word, ...], Meta(max_length=200)]
SPLIT_MARGIN = 2_000  # minor units: a buyer who opens the door twice is worth more than twenty taka


class Conditions(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All that are set have to hold. `skus`: beginnings of SKUs, of which every line has one. Values of the vendor's part, minor units."""

    channels: Words = ()
    zones: Words = ()
    districts: Words = ()
    skus: Words = ()
    vendors: Words = ()
    payment_methods: Words = ()
    value_min: Annotated[int, Meta(ge=0)] | None = None
    value_max: Annotated[int, Meta(ge=0)] | None = None

    def hold(self, demand: Demand) -> bool:
        """Whether this demand is meant."""
        place = demand.destination
        return (
            (not self.channels or demand.channel in self.channels)
            and (not self.zones or place.zone in self.zones)
            and (not self.districts or place.district in self.districts)
            and (not self.vendors or demand.vendor in self.vendors)
            and (not self.payment_methods or demand.payment_method in self.payment_methods)
            and (self.value_min is None or demand.value >= self.value_min)
            and (self.value_max is None or demand.value <= self.value_max)
            and (not self.skus or all(sku.startswith(self.skus) for sku in demand.needs))
        )


class SourcingRule(Struct, frozen=True, forbid_unknown_fields=True):
    """Lower `position` is asked first. `prefer`: nodes that are taken before all others where one of them has everything.

    `version` is counted by the server.
    """

    code: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    strategy: Word
    title: Annotated[str, Meta(max_length=200)] = ""
    position: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    active: bool = True
    conditions: Conditions = Conditions()
    forbid: Words = ()
    prefer: Words = ()
    split_margin: Amount = SPLIT_MARGIN
    solve: bool = False
    version: int = 0


#: What holds where no rule does.
DEFAULT = SourcingRule("default", "cheapest", "Where no rule holds", solve=True)
