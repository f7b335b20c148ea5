"""Random baskets over twenty places, and what has to be true of every plan for them, reckoned anew from nothing but the baskets.

A world has its nodes, what they hold, and demands: some with stock reserved at first come, as placing leaves it. Seeded.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

import haat.domain.fulfilment.sourcing.strategies as folder
from haat.domain import fulfilment
from haat.engine import plugins

sourcing = fulfilment.sourcing
STRATEGIES = plugins.load(folder, "STRATEGY", sourcing.Strategy)
PLACES = 20
DIVISIONS = {
    "dhaka": "dhaka", "gazipur": "dhaka", "chattogram": "chattogram", "feni": "chattogram", "sylhet": "sylhet", "khulna": "khulna",
    "jashore": "khulna", "rajshahi": "rajshahi", "bogura": "rajshahi", "rangpur": "rangpur",
}  # fmt: skip
SKUS = [f"S{n:02}" for n in range(12)]
Units = dict[tuple[str, str], int]


class World(msgspec.Struct):
    """`free` is what nobody has reserved; what demands own is beside it."""

    nodes: list[sourcing.Node]
    demands: list[sourcing.Demand]
    free: Units

    def network(self, rule: sourcing.SourcingRule) -> sourcing.Network:
        return sourcing.Network(self.nodes, [rule], STRATEGIES)

    def day(self) -> sourcing.Day:
        return sourcing.Day(
            {n.code: sourcing.Room(date(2026, 11, 23), 0, n.capacity, n.capacity) for n in self.nodes if n.capacity is not None}
        )


def world(seed: int, *, baskets: int = 50, plenty: int = 8, reserved: bool = False) -> World:
    """`plenty`: about how many units a place has of what it keeps. With `reserved` the baskets hold stock where it came first."""
    chance = random.Random(seed)
    nodes = [_node(chance, n) for n in range(PLACES)]
    free = {
        (sku, node.code): chance.choice((0, 0, chance.randrange(plenty + 1), chance.randrange(3 * plenty)))
        for sku in SKUS
        for node in nodes
    }
    found: list[sourcing.Demand] = []
    for n in range(baskets):
        demand = _demand(chance, n)
        if reserved:
            held = _held(nodes, free, demand)
            if held is None:
                continue
            places = {place for _, place in held}
            demand = msgspec.structs.replace(demand, own=held, standing=places.pop() if len(places) == 1 else "")
        found.append(demand)
    return World(nodes, found, free)


def _node(chance: random.Random, n: int) -> sourcing.Node:
    district = chance.choice(sorted(DIVISIONS))
    return sourcing.Node(
        f"N{n:02}", "" if n < 14 else f"v{n % 2}", district, DIVISIONS[district], priority=chance.randrange(1, 5), active=n != 7,
        capacity=chance.choice((None, None, None, chance.randrange(5, 40))), handling=chance.choice((0, 500, 1_500)),
        handling_unit=chance.choice((0, 100, 300)),
        rates={"same_district": sourcing.Rate(6_000, 1_500), "same_division": sourcing.Rate(9_000, 2_000), "*": sourcing.Rate(12_000, 2_500)},
    )  # fmt: skip


def _demand(chance: random.Random, n: int) -> sourcing.Demand:
    lines = []
    for line_no in range(1, chance.choice((1, 1, 2, 3, 4)) + 1):
        kit = ((chance.choice(SKUS[:6]), 2), (chance.choice(SKUS[6:]), 1))
        parts = kit if chance.random() < 0.1 else ((chance.choice(SKUS), 1),)
        lines.append(sourcing.DemandLine(line_no, chance.choice((1, 1, 1, 2, 3)), parts, chance.choice((0, 300, 1_200))))
    district = chance.choice(sorted(DIVISIONS))
    to = sourcing.Destination(district, DIVISIONS[district], "dhaka" if district == "dhaka" else "outside")
    return sourcing.Demand(f"d{n:03}", f"o{n:03}", f"v{chance.randrange(2)}", tuple(lines), to, "web")


def _held(nodes: Sequence[sourcing.Node], free: Units, demand: sourcing.Demand) -> Units | None:
    """Take what the demand needs, place by place as placing does; None (and nothing taken) where there is too little."""
    held: Units = {}
    for sku, units in demand.needs.items():
        left = units
        for node in sorted(nodes, key=lambda n: (n.priority, n.code)):
            if node.vendor in ("", demand.vendor) and left:
                taken = min(left, free[sku, node.code])
                if taken:
                    held[sku, node.code] = taken
                    left -= taken
        if left:
            return None
    for key, units in held.items():
        free[key] -= units
    return held


def planned(outcomes: Sequence[sourcing.Plan | sourcing.Unplanned]) -> list[sourcing.Plan]:
    return [outcome for outcome in outcomes if isinstance(outcome, sourcing.Plan)]


def cost(outcomes: Sequence[sourcing.Plan | sourcing.Unplanned]) -> int:
    return sum(plan.cost.total for plan in planned(outcomes))


def check(world: World, outcomes: Sequence[sourcing.Plan | sourcing.Unplanned]) -> None:
    """Never more than there is, whole lines, nodes that may, no fuller than full; and no split where one place would do as well."""
    nodes = {node.code: node for node in world.nodes}
    left = dict(world.free)
    parcels: dict[str, int] = {}
    for demand in world.demands:
        for key, units in demand.own.items():
            left[key] += units
    for demand, outcome in zip(world.demands, outcomes, strict=True):
        taken = demand.taken([(p.node, p.lines) for p in outcome.parcels]) if isinstance(outcome, sourcing.Plan) else demand.own
        for key, units in taken.items():
            left[key] -= units
        if isinstance(outcome, sourcing.Plan):
            sent: dict[int, int] = {}
            for parcel in outcome.parcels:
                parcels[parcel.node] = parcels.get(parcel.node, 0) + 1
                assert nodes[parcel.node].active and nodes[parcel.node].vendor in ("", demand.vendor), "a node that may not send this"
                for line_no, units in parcel.lines:
                    assert units > 0
                    sent[line_no] = sent.get(line_no, 0) + units
            assert sent == {line.line_no: line.quantity for line in demand.lines}, "a line is not sent whole"
            assert len(set(outcome.nodes)) == len(outcome.nodes), "two parcels of one node"
    assert all(units >= 0 for units in left.values()), "more was planned than there is"
    for code, count in parcels.items():
        limit = nodes[code].capacity
        assert limit is None or count <= limit, "a node has more than its day holds"
    for demand, outcome in zip(world.demands, outcomes, strict=True):
        if isinstance(outcome, sourcing.Plan) and len(outcome.parcels) > 1:
            _no_single_place_would_do(world, demand, outcome, left, parcels)


def _no_single_place_would_do(
    world: World, demand: sourcing.Demand, plan: sourcing.Plan, left: Mapping[tuple[str, str], int], parcels: Mapping[str, int]
) -> None:
    """Every place that has all of it at the end (what the split uses there included) costs more than the split itself."""
    uses = demand.taken([(p.node, p.lines) for p in plan.parcels])
    spent = plan.cost.total - plan.cost.splitting
    for node in world.nodes:
        has = all(left[sku, node.code] + uses.get((sku, node.code), 0) >= units for sku, units in demand.needs.items())
        room = node.capacity is None or parcels.get(node.code, 0) - (node.code in plan.nodes) < node.capacity
        if node.active and node.vendor in ("", demand.vendor) and has and room:
            alone = sourcing.plan(
                world.network(sourcing.SourcingRule("alone", "cheapest")),
                msgspec.structs.replace(demand, own={(sku, node.code): units for sku, units in demand.needs.items()}, standing=node.code),
                sourcing.Stock({}),
                sourcing.Day(),
            )
            assert isinstance(alone, sourcing.Plan) and len(alone.parcels) == 1
            assert alone.cost.total > spent, f"{demand.key} is split, and {node.code} has all of it for no more"
