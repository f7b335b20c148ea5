"""One demand, one plan: the lightest node that has everything, or the best split where that is the only way or worth it. Pure.

`at_once` answers without looking at the stock, where what is reserved already stands at the node that would be chosen anyway:
the usual case, and a few microseconds. `plan` looks at the stock. Neither ever plans more than is there. A split counts
`split_margin` for every parcel beyond the first, so that it replaces a single parcel only when it is cheaper by more than that.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

from haat.domain.fulfilment.sourcing import solver
from haat.domain.fulfilment.sourcing.demand import Demand, DemandLine, Stock
from haat.domain.fulfilment.sourcing.network import REMEMBERED_MAX, Network, Option, Ruling, Settled, options
from haat.domain.fulfilment.sourcing.node import Day
from haat.domain.fulfilment.sourcing.plan import Alternative, Cost, Parcel, Plan, Unplanned

HOLDERS_MAX = {2: 20, 3: 9}  # nodes among which pairs and triples are tried: 190 and 84 of them
SHARERS_MAX = 3  # parcels that are tried in every combination; beyond, the goods are gathered node by node
ALTERNATIVES_MAX = 8
FINE = 1_000  # more than the parcels that are ever solved together, so that no tie is worth a minor unit

#: (node, ((line number, quantity), …)) by parcel
Shared = list[tuple[Option, tuple[tuple[int, int], ...]]]


def at_once(network: Network, demand: Demand, day: Day) -> Plan | None:
    """The plan that leaves everything where it is reserved, if that is what would be chosen whatever the other nodes have.

    As long as no node's day is limited, the same choice is made once only: it depends on the demand's weights and numbers alone.
    """
    if not demand.standing:
        return None
    ruling = network.ruling(demand)
    if day.rooms or demand.excluded:
        settled = _settled(network, ruling, demand, day)
    else:
        name = (ruling.rule.code, demand.vendor, demand.destination, demand.standing, *[(x.quantity, x.weight_g) for x in demand.lines])
        if name in network.settled:
            settled = network.settled[name]
        else:
            if len(network.settled) >= REMEMBERED_MAX:
                network.settled.clear()
            settled = network.settled[name] = _settled(network, ruling, demand, day)
    return single(ruling, demand, *settled) if settled is not None else None


def _settled(network: Network, ruling: Ruling, demand: Demand, day: Day) -> Settled | None:
    found = options(network, ruling, demand, day)
    if not found or found[0].node != demand.standing:
        return None
    if ruling.strategy.by_cost and split_could_pay(found, found[0], demand, ruling.rule.split_margin):
        return None
    return found[0], tuple([Alternative((o.node,), "heavier", o.cost.total) for o in found[1:ALTERNATIVES_MAX]])


def plan(network: Network, demand: Demand, stock: Stock, day: Day) -> Plan | Unplanned:
    """What the demand's rule would do with this stock on this day. Takes nothing: the caller hands the goods over."""
    ruling = network.ruling(demand)
    found = options(network, ruling, demand, day)
    whole = [option for option in found if has_all(stock, demand, option.node)]
    best = whole[0] if whole else None
    rule = ruling.rule
    if best is not None and (
        not ruling.strategy.by_cost or (rule.prefer and not best.key[0]) or not split_could_pay(found, best, demand, rule.split_margin)
    ):
        return single(ruling, demand, best, _considered(network, ruling, demand, day, found, whole))
    shared = split(ruling, demand, found, stock, day)
    if best is None and shared is None:
        reason = _unplanned(network, ruling, demand, stock, day, found)
        return Unplanned(demand.key, reason, rule.code, rule.version, _considered(network, ruling, demand, day, found, whole))
    if shared is None:
        assert best is not None
        return single(ruling, demand, best, _considered(network, ruling, demand, day, found, whole))
    cost = cost_of(demand, shared, day, rule.split_margin)
    if best is not None and cost.total >= best.cost.total:
        lost = Alternative(tuple([option.node for option, _ in shared]), "split_not_worth_it", cost.total)
        return single(ruling, demand, best, (lost, *_considered(network, ruling, demand, day, found, whole))[:ALTERNATIVES_MAX])
    return divided(ruling, demand, shared, cost, _considered(network, ruling, demand, day, found, whole))


def _unplanned(network: Network, ruling: Ruling, demand: Demand, stock: Stock, day: Day, found: Sequence[Option]) -> str:
    """Why nobody sends it: `nodes_full` where it would be sent if nobody were full."""
    if not found:
        open_to = [route.node.code for route in network.routes(demand.vendor, demand.destination)]
        return "nodes_full" if _any_full(ruling, demand, day, open_to) else "no_node"
    everywhere = options(network, ruling, demand, day, full_ones=True)
    if len(everywhere) == len(found):
        return "short"
    has = any(has_all(stock, demand, option.node) for option in everywhere) or split(ruling, demand, everywhere, stock, day) is not None
    return "nodes_full" if has else "short"


def single(ruling: Ruling, demand: Demand, option: Option, alternatives: tuple[Alternative, ...]) -> Plan:
    """One node sends everything."""
    parcel = Parcel(option.node, tuple([(line.line_no, line.quantity) for line in demand.lines]))
    return Plan(demand.key, (parcel,), option.cost, ruling.strategy.code, ruling.rule.code, ruling.rule.version, alternatives)


def divided(ruling: Ruling, demand: Demand, shared: Shared, cost: Cost, alternatives: tuple[Alternative, ...]) -> Plan:
    """Several nodes send it."""
    parcels = tuple([Parcel(option.node, lines) for option, lines in shared])
    return Plan(demand.key, parcels, cost, ruling.strategy.code, ruling.rule.code, ruling.rule.version, alternatives)


def has_all(stock: Stock, demand: Demand, node: str) -> bool:
    """Whether one node has every unit."""
    return all(stock.available(demand, sku, node) >= units for sku, units in demand.needs.items())


def split_could_pay(found: Sequence[Option], best: Option, demand: Demand, margin: int) -> bool:
    """Whether any split might be cheaper than `best`."""
    return demand.units > 1 and len(found) > 1 and split_least(found, demand, margin) < best.cost.total


def split_least(found: Sequence[Option], demand: Demand, margin: int) -> int:
    """No split costs less: the two cheapest parcels, and each unit where it adds least of all."""
    fixed = sorted([option.cost.delay + option.route.fixed_cost(0) for option in found])
    least = sum([min([o.route.unit_cost(line) for o in found]) * line.quantity for line in demand.lines])
    return sum(fixed[:2]) + least + margin


def cost_of(demand: Demand, shared: Shared, day: Day, margin: int) -> Cost:
    """What these parcels cost together, the margin for each beyond the first included."""
    by_no = {line.line_no: line for line in demand.lines}
    transport = handling = delay = 0
    for option, lines in shared:
        cost = option.route.cost([_of(by_no[no], quantity) for no, quantity in lines], day.late(option.node))
        transport, handling, delay = transport + cost.transport, handling + cost.handling, delay + cost.delay
    return Cost(transport, handling, delay, margin * (len(shared) - 1))


def split(ruling: Ruling, demand: Demand, found: Sequence[Option], stock: Stock, day: Day) -> Shared | None:
    """The best way to share the demand among nodes: by cost, or the fewest parcels with the lightest nodes. None: there is no way."""
    there = {(sku, o.node): stock.available(demand, sku, o.node) for o in found for sku in demand.needs}
    holders = [o for o in found if any(_fits(there, line, o.node) for line in demand.lines)]
    if len(holders) < 2 or not _enough(demand, holders, there):
        return None
    margin, by_cost = ruling.rule.split_margin, ruling.strategy.by_cost
    best: tuple[tuple[int, int], Shared] | None = None
    for size in range(2, min(SHARERS_MAX, len(holders)) + 1):
        for group in combinations(holders[: HOLDERS_MAX[size]], size):
            if not _enough(demand, group, there) or (by_cost and best is not None and _least(group, day, margin) >= best[0][0]):
                continue
            shared = fill(demand, group, there)
            if shared is not None:
                cost = cost_of(demand, shared, day, margin).total
                weight = cost if by_cost else sum([option.weight for option, _ in shared])
                if best is None or (weight, cost) < best[0]:
                    best = (weight, cost), shared
        if best is not None and not by_cost:
            break
    if best is not None:
        return best[1]
    gathered = fill(demand, holders, there)
    if gathered is not None:
        return gathered
    answer = solver.solve([problem(demand, holders, margin, day)], there, {})
    if answer is None:
        return None
    by_node = {option.node: option for option in holders}
    return [(by_node[node], lines) for node, lines in answer[0]]


def _enough(demand: Demand, group: Sequence[Option], there: Mapping[tuple[str, str], int]) -> bool:
    """Whether these nodes have as many units of each SKU as are needed; a kit may still not come together."""
    nodes = [option.node for option in group]
    return all(sum([there[sku, node] for node in nodes]) >= units for sku, units in demand.needs.items())


def _least(group: Sequence[Option], day: Day, margin: int) -> int:
    return sum([option.route.fixed_cost(day.late(option.node)) for option in group]) + margin * (len(group) - 1)


def fill(demand: Demand, group: Sequence[Option], there: Mapping[tuple[str, str], int]) -> Shared | None:
    """Lines to nodes: each whole line to the node that adds least for it, a line that no node has whole in pieces. None: not enough."""
    left = dict(there)
    loads: dict[str, list[tuple[int, int]]] = {option.node: [] for option in group}
    hardest = sorted(demand.lines, key=lambda each: sum([_fits(left, each, o.node) >= each.quantity for o in group]))
    for line in hardest:
        wanted = line.quantity
        for option in sorted(group, key=lambda o: (_fits(left, line, o.node) < line.quantity, o.route.unit_cost(line))):
            units = min(wanted, _fits(left, line, option.node))
            if units:
                loads[option.node].append((line.line_no, units))
                for sku, each in line.parts:
                    left[sku, option.node] -= each * units
                wanted -= units
            if not wanted:
                break
        if wanted:
            return None
    return [(option, tuple(sorted(loads[option.node]))) for option in group if loads[option.node]]


def problem(demand: Demand, found: Sequence[Option], margin: int, day: Day) -> solver.Problem:
    """The demand as the solver wants it: costs in FINE parts, so that between equals what is reserved stays where it is."""
    lines = [(line.line_no, line.quantity, line.parts) for line in demand.lines]
    legs = [
        solver.Leg(
            o.node,
            (o.route.fixed_cost(day.late(o.node)) + margin) * FINE + (o.node != demand.standing),
            tuple([o.route.unit_cost(line) * FINE for line in demand.lines]),
        )
        for o in found
    ]
    return solver.Problem(demand.key, tuple(lines), tuple(legs))


def _fits(left: Mapping[tuple[str, str], int], line: DemandLine, node: str) -> int:
    return min([left[sku, node] // each for sku, each in line.parts])


def _of(line: DemandLine, quantity: int) -> DemandLine:
    return DemandLine(line.line_no, quantity, line.parts, line.weight_g)


def _any_full(ruling: Ruling, demand: Demand, day: Day, codes: Sequence[str]) -> bool:
    usable = [code for code in codes if code not in ruling.rule.forbid and code not in demand.excluded]
    return any(not day.open(code) for code in usable)


def _considered(
    network: Network, ruling: Ruling, demand: Demand, day: Day, found: Sequence[Option], whole: Sequence[Option]
) -> tuple[Alternative, ...]:
    """Every node that may send for this vendor and is not chosen, with the reason; the likeliest first."""
    said = [Alternative((o.node,), "heavier" if o.key[0] == whole[0].key[0] else "not_preferred", o.cost.total) for o in whole[1:]]
    has = {option.node for option in whole}
    said += [Alternative((option.node,), "short", option.cost.total) for option in found if option.node not in has]
    if len(said) < ALTERNATIVES_MAX and len(found) < len(network.routes(demand.vendor, demand.destination)):
        asked = {option.node for option in found}
        for route in network.routes(demand.vendor, demand.destination):
            code = route.node.code
            if code not in asked:
                why = "refused" if code in demand.excluded else "forbidden" if code in ruling.rule.forbid else "full"
                said.append(Alternative((code,), why))
    return tuple(said[:ALTERNATIVES_MAX])
