"""The network as one process knows it: nodes, rules and strategies, compiled once and asked for every demand. Pure.

    network.ruling(demand) ─► rule, strategy        network.routes(vendor, destination) ─► nodes that may send there, and at what rates

Routes are remembered by vendor and destination (coordinates to a tenth of a degree, about ten kilometres); a change of nodes or
rules makes a new network.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from haat.domain.fulfilment.sourcing import distance
from haat.domain.fulfilment.sourcing.demand import Demand, DemandLine, Destination
from haat.domain.fulfilment.sourcing.node import Day, Node, Rate, limited
from haat.domain.fulfilment.sourcing.plan import Alternative, Cost
from haat.domain.fulfilment.sourcing.rule import DEFAULT, SourcingRule
from haat.domain.fulfilment.sourcing.strategy import Leg, Strategies, Strategy

REMEMBERED_MAX = 20_000
LATE_DAY_COST = 3_000  # minor units: what a day of waiting is said to cost us in goodwill
NO_RATE = Rate(100_000)  # a node whose rates do not name the destination is asked last


class Route(Struct, frozen=True, gc=False):
    """A node towards a destination: `km` away, at this rate."""

    node: Node
    km: int
    rate: Rate

    def cost(self, lines: Iterable[DemandLine], late: int) -> Cost:
        """What one parcel with these lines costs."""
        rate, node = self.rate, self.node
        transport, handling = rate.first, node.handling
        if rate.per_kg or node.handling_unit:
            for line in lines:
                if rate.per_kg:
                    transport += -(-line.weight_g * rate.per_kg // 1000) * line.quantity
                handling += node.handling_unit * line.quantity
        return Cost(transport, handling, late * LATE_DAY_COST)

    def unit_cost(self, line: DemandLine) -> int:
        """What one more unit of a line adds."""
        return -(-line.weight_g * self.rate.per_kg // 1000) + self.node.handling_unit

    def fixed_cost(self, late: int) -> int:
        """What a parcel costs before anything is in it."""
        return self.rate.first + self.node.handling + late * LATE_DAY_COST


class Ruling(Struct, frozen=True):
    """What decides for a demand."""

    rule: SourcingRule
    strategy: Strategy


class Option(Struct, frozen=True, gc=False):
    """A route for a given demand, weighed. `key` sorts: preferred, light, where it is reserved already, by priority, by code."""

    key: tuple[bool, int, bool, int, str]
    route: Route
    cost: Cost

    @property
    def node(self) -> str:
        return self.route.node.code

    @property
    def weight(self) -> int:
        return self.key[1]


#: The node that is chosen without a look at the stock, and those that are not.
Settled = tuple[Option, tuple[Alternative, ...]]


class Network:
    """Nodes and rules, ready to be asked. Unknown strategies of a rule fall to the default's."""

    def __init__(self, nodes: Iterable[Node], rules: Iterable[SourcingRule], strategies: Strategies) -> None:
        self.nodes: Mapping[str, Node] = {node.code: node for node in nodes}
        self.limited: Sequence[Node] = limited(self.nodes.values())
        usable = [rule for rule in rules if rule.active and rule.strategy in strategies]
        self.rules: Sequence[SourcingRule] = sorted(usable, key=lambda rule: (rule.position, rule.code))
        self._rulings = [Ruling(rule, strategies[rule.strategy]) for rule in self.rules]
        self._default = Ruling(DEFAULT, strategies[DEFAULT.strategy])
        self._routes: dict[tuple[object, ...], tuple[Route, ...]] = {}
        self.settled: dict[tuple[object, ...], Settled | None] = {}

    def ruling(self, demand: Demand) -> Ruling:
        """The first rule that means this demand."""
        for ruling in self._rulings:
            if ruling.rule.conditions.hold(demand):
                return ruling
        return self._default

    def routes(self, vendor: str, to: Destination) -> tuple[Route, ...]:
        """Active nodes that may send for this vendor: its own and the marketplace's."""
        grid = (round(to.lat, 1), round(to.lng, 1)) if to.lat is not None and to.lng is not None else None
        name = (vendor, to.district, to.division, to.zone, grid)
        found = self._routes.get(name)
        if found is None:
            spot = distance.spot(to.district, *(grid or (None, None)))
            found = tuple([_route(node, to, spot) for node in self.nodes.values() if node.active and node.vendor in ("", vendor)])
            if len(self._routes) >= REMEMBERED_MAX:
                self._routes.clear()
            self._routes[name] = found
        return found


def options(network: Network, ruling: Ruling, demand: Demand, day: Day, *, full_ones: bool = False) -> list[Option]:
    """The routes that this demand may take, the one to be chosen first in front. Forbidden and refusing nodes are left out, and
    full ones, unless they are asked for.
    """
    rule, weigh = ruling.rule, ruling.strategy.weigh
    found: list[Option] = []
    rooms = day.rooms
    for route in network.routes(demand.vendor, demand.destination):
        node = route.node
        code = node.code
        if code in rule.forbid or code in demand.excluded:
            continue
        late = load = 0
        if code in rooms:
            if not full_ones and not day.open(code):
                continue
            late, load = day.late(code), day.load(code)
        cost = route.cost(demand.lines, late)
        weight = weigh(Leg(node, route.km, cost.total, load))
        key = (code not in rule.prefer if rule.prefer else False, weight, code != demand.standing, node.priority, code)
        found.append(Option(key, route, cost))
    if len(found) > 1:
        found.sort(key=_key)
    return found


def _key(option: Option) -> tuple[bool, int, bool, int, str]:
    return option.key


def _route(node: Node, to: Destination, spot: tuple[float, float] | None) -> Route:
    rates = node.rates
    near = "same_district" if to.district and to.district == node.district else ""
    around = "same_division" if to.division and to.division == node.division else ""
    rate = next((rates[name] for name in (near, around, to.zone, "*") if name and name in rates), NO_RATE)
    return Route(node, distance.km(distance.spot(node.district, node.lat, node.lng), spot), rate)
