"""The contract of a strategy: one file in `strategies/` that declares `STRATEGY = Strategy(…)`.

A strategy weighs a leg (this node sends all of this demand): the lightest leg that has the goods wins, and what is reserved
already stays where it is when two weigh the same. Where no single node has everything, the fewest nodes share it, the
lightest first. With `by_cost` the weight is the cost, and then a split that is cheaper by the declared margin may replace
a single parcel, and a whole batch may be optimised at once (solver.py).
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from haat.domain.fulfilment.sourcing.node import Node


class Leg(Struct, frozen=True, gc=False):
    """This node, this destination: `km` between them, `cost` of the parcel in minor units, `load` of the node in thousandths."""

    node: Node
    km: int
    cost: int
    load: int


class Strategy(Struct, frozen=True):
    """`weigh(leg)` is at least 0; smaller is better."""

    code: str
    title: str
    title_bn: str
    weigh: Callable[[Leg], int]
    by_cost: bool = False


#: Strategies by code, as the plug-in finder brings them.
Strategies = Mapping[str, Strategy]
