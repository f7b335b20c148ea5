"""A batch of demands: each in its turn, then the costs of all of them together, where that is cheaper. Pure.

    greedy   the oldest first, each takes its best and hands back what it had reserved elsewhere
    refine   demands whose rule says `solve` and that got less than their best, with all who want the same goods: one program

The solver's answer is taken only where it is cheaper than the greedy one and the stock has it; so the batch never costs more than
greedy, and nobody who was served in turn goes without for another's sake.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from haat.domain.fulfilment.sourcing import planning, solver
from haat.domain.fulfilment.sourcing.demand import Demand, Stock
from haat.domain.fulfilment.sourcing.network import Network, Option, options
from haat.domain.fulfilment.sourcing.node import Day
from haat.domain.fulfilment.sourcing.plan import Alternative, Cost, Parcel, Plan, Unplanned

#: Demands that are solved together at the most; a larger crowd around one shelf is cut into pieces in their order.
TOGETHER_MAX = 60
#: Crowds of a batch that are solved, those with most to gain first: each may take as long as the solver's limit, small ones never do.
CROWDS_MAX = 4
FEW = 4
#: Each look changes something that is better for it, so the looks end by themselves; this is how many are worth their time.
MENDED_MAX = 6
#: Routes of a demand that the solver is shown, beside those that it has already.
ROUTES_MAX = 8

Outcome = Plan | Unplanned


class _Wish(Struct, frozen=True):
    """A planned demand that may be solved: its options, the least that it could cost were it alone, its place in the batch."""

    place: int
    demand: Demand
    nodes: tuple[str, ...]
    found: list[Option]
    least: int
    margin: int


def plan_batch(network: Network, demands: Sequence[Demand], stock: Stock, day: Day, *, solve: bool = True) -> list[Outcome]:
    """An outcome for each demand, in their order (the oldest first). `stock` and `day` are left as they are afterwards."""
    outcomes: list[Outcome] = []
    for demand in demands:
        outcome = planning.plan(network, demand, stock, day)
        if isinstance(outcome, Plan):
            _hand(demand, outcome, stock, day)
        outcomes.append(outcome)
    if any(demand.own for demand in demands):
        _mend_all(network, demands, outcomes, stock, day)
    if solve and _refine_all(network, demands, outcomes, stock, day):
        _mend_all(network, demands, outcomes, stock, day)
    return outcomes


def _refine_all(network: Network, demands: Sequence[Demand], outcomes: list[Outcome], stock: Stock, day: Day) -> bool:
    """Solve the crowds in which somebody could do better; whether anything was."""
    there = dict(stock.left)
    for demand, outcome in zip(demands, outcomes, strict=True):
        if isinstance(outcome, Plan):
            for key, units in _taken(demand, outcome).items():
                there[key] = there.get(key, 0) + units
    found = crowds(_wishes(network, demands, outcomes, there, day), there, day)
    gains = [(_paid(crowd, outcomes) - sum([wish.least for wish in crowd]), crowd) for crowd in found]
    large = 0
    changed = False
    for gain, crowd in sorted(gains, key=lambda pair: -pair[0]):
        large += len(crowd) > FEW
        if gain > 0 and (len(crowd) <= FEW or large <= CROWDS_MAX):  # no gain: all have what they would choose alone
            changed = _refine(crowd, outcomes, stock, day) or changed
    return changed


def _mend_all(network: Network, demands: Sequence[Demand], outcomes: list[Outcome], stock: Stock, day: Day) -> None:
    for _ in range(MENDED_MAX):
        if not _mend(network, demands, outcomes, stock, day):
            return


def _mend(network: Network, demands: Sequence[Demand], outcomes: list[Outcome], stock: Stock, day: Day) -> bool:
    """Look at splits and refusals once more, since others may have handed back goods after their turn; whether anything changed."""
    changed = False
    for place, (demand, before) in enumerate(zip(demands, outcomes, strict=True)):
        if isinstance(before, Plan):
            if len(before.parcels) == 1:
                continue
            _take_back(demand, before, stock, day)
        again = planning.plan(network, demand, stock, day)
        if isinstance(again, Plan) and (isinstance(before, Unplanned) or _better(network, demand, again, before)):
            outcomes[place] = again
            changed = True
        kept = outcomes[place]
        if isinstance(kept, Plan):
            _hand(demand, kept, stock, day)
    return changed


def _better(network: Network, demand: Demand, one: Plan, other: Plan) -> bool:
    if network.ruling(demand).strategy.by_cost:
        return one.cost.total < other.cost.total
    return len(one.parcels) < len(other.parcels)


def crowds(wishes: Sequence[_Wish], there: Mapping[tuple[str, str], int], day: Day) -> list[list[_Wish]]:
    """Wishes that stand in each other's way: those who all could use a shelf, or a node's day, that is too small for all of them."""
    wanted: dict[object, int] = {}
    for wish in wishes:
        for option in wish.found:
            wanted[option.node] = wanted.get(option.node, 0) + 1
            for sku, units in wish.demand.needs.items():
                wanted[sku, option.node] = wanted.get((sku, option.node), 0) + units
    rooms: dict[str, int] = {node: room.left for node, room in day.rooms.items() if room.left is not None}
    for wish in wishes:
        for node in wish.nodes:
            if node in rooms:
                rooms[node] += 1
    by_shelf: dict[object, int] = {}
    leader = list(range(len(wishes)))

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    for index, wish in enumerate(wishes):
        names: list[object] = [key for sku in wish.demand.needs for o in wish.found if wanted[key := (sku, o.node)] > there.get(key, 0)]
        names += [o.node for o in wish.found if o.node in rooms and wanted[o.node] > rooms[o.node]]
        for name in names:
            leader[find(index)] = find(by_shelf.setdefault(name, index))
    groups: dict[int, list[_Wish]] = {}
    for index, wish in enumerate(wishes):
        groups.setdefault(find(index), []).append(wish)
    return [group[i : i + TOGETHER_MAX] for group in groups.values() for i in range(0, len(group), TOGETHER_MAX)]


def _wishes(
    network: Network, demands: Sequence[Demand], outcomes: Sequence[Outcome], there: Mapping[tuple[str, str], int], day: Day
) -> list[_Wish]:
    found: list[_Wish] = []
    for place, (demand, outcome) in enumerate(zip(demands, outcomes, strict=True)):
        if isinstance(outcome, Unplanned):
            continue
        ruling = network.ruling(demand)
        if not (ruling.rule.solve and ruling.strategy.by_cost) or ruling.rule.prefer:
            continue
        could = options(network, ruling, demand, day, full_ones=True)
        could = [o for o in could if any(there.get((sku, o.node), 0) > 0 for sku in demand.needs)]
        alone = [o.cost.total for o in could if all(there.get((sku, o.node), 0) >= units for sku, units in demand.needs.items())]
        margin = ruling.rule.split_margin
        least = min([*alone, *([planning.split_least(could, demand, margin)] if demand.units > 1 and len(could) > 1 else [])], default=0)
        found.append(_Wish(place, demand, outcome.nodes, could, least, margin))
    return found


def _refine(crowd: Sequence[_Wish], outcomes: list[Outcome], stock: Stock, day: Day) -> bool:
    """Solve a crowd, and keep what comes back where it is cheaper; whether it was."""
    plans = [_planned(outcomes[wish.place]) for wish in crowd]
    paid = _paid(crowd, outcomes)
    for wish, plan in zip(crowd, plans, strict=True):
        _take_back(wish.demand, plan, stock, day)
    better = _solved(crowd, plans, stock, day)
    cheaper = better is not None and sum([plan.cost.total for plan in better]) < paid
    kept = better if cheaper and better is not None else plans
    for wish, plan in zip(crowd, kept, strict=True):
        _hand(wish.demand, plan, stock, day)
        outcomes[wish.place] = plan
    return cheaper


def _paid(crowd: Sequence[_Wish], outcomes: Sequence[Outcome]) -> int:
    return sum([_planned(outcomes[wish.place]).cost.total for wish in crowd])


def _solved(crowd: Sequence[_Wish], plans: Sequence[Plan], stock: Stock, day: Day) -> list[Plan] | None:
    """The crowd's plans at the least cost together, proven against the stock; None where the solver has nothing that stands."""
    problems = []
    shown: list[dict[str, Option]] = []
    pool: dict[tuple[str, str], int] = {}
    for wish, plan in zip(crowd, plans, strict=True):
        usable = [o for n, o in enumerate(wish.found) if n < ROUTES_MAX or o.node in plan.nodes or o.node == wish.demand.standing]
        shown.append({option.node: option for option in usable})
        problems.append(planning.problem(wish.demand, usable, wish.margin, day))
        for sku in wish.demand.needs:
            for option in usable:
                pool.setdefault((sku, option.node), _least_free(crowd, stock, (sku, option.node)))
    for wish in crowd:
        for key, units in wish.demand.own.items():
            if key in pool:
                pool[key] += units
    room = {node: left for node, each in day.rooms.items() if (left := each.left) is not None}
    start = [[(parcel.node, parcel.lines) for parcel in plan.parcels] for plan in plans]
    answers = solver.solve(problems, pool, room, start)
    if answers is None:
        return None
    better: list[Plan] = []
    used: dict[tuple[str, str], int] = {}
    for wish, plan, answer, routes in zip(crowd, plans, answers, shown, strict=True):
        for key, units in wish.demand.taken(answer).items():
            used[key] = used.get(key, 0) + units
        if not _complete(wish.demand, answer):
            return None
        better.append(_changed(wish, plan, [(routes[node], lines) for node, lines in answer], day))
    return better if all(pool[key] >= units for key, units in used.items()) else None


def _changed(wish: _Wish, plan: Plan, shared: planning.Shared, day: Day) -> Plan:
    """The solver's plan; where it is dearer for this demand than its own was, that one stands among the alternatives."""
    if [(option.node, lines) for option, lines in shared] == [(parcel.node, parcel.lines) for parcel in plan.parcels]:
        return plan
    cost = planning.cost_of(wish.demand, shared, day, wish.margin)
    left = Alternative(plan.nodes, "batch" if cost.total > plan.cost.total else "heavier", plan.cost.total)
    return _as(wish, plan, shared, cost, (left, *plan.alternatives)[: planning.ALTERNATIVES_MAX])


def _as(wish: _Wish, plan: Plan, shared: planning.Shared, cost: Cost, others: tuple[Alternative, ...]) -> Plan:
    chosen = {option.node for option, _ in shared}
    kept = tuple([other for other in others if len(other.nodes) > 1 or other.nodes[0] not in chosen])
    parcels = tuple([Parcel(option.node, lines) for option, lines in shared])
    return Plan(wish.demand.key, parcels, cost, plan.strategy, plan.rule, plan.version, kept)


def _complete(demand: Demand, answer: solver.Answer) -> bool:
    sent: dict[int, int] = {}
    for _, lines in answer:
        for line_no, units in lines:
            sent[line_no] = sent.get(line_no, 0) + units
    return sent == {line.line_no: line.quantity for line in demand.lines}


def _least_free(crowd: Sequence[_Wish], stock: Stock, key: tuple[str, str]) -> int:
    """Free units that any channel of the crowd may take: what the strictest of them leaves."""
    free = stock.left.get(key, 0)
    if free <= 0 or key not in stock.safety:
        return free
    return max(free - max([stock.kept_back(key, wish.demand.channel) for wish in crowd]), 0)


def _planned(outcome: Outcome) -> Plan:
    assert isinstance(outcome, Plan), "only what is planned is refined"
    return outcome


def _taken(demand: Demand, plan: Plan) -> dict[tuple[str, str], int]:
    return demand.taken([(parcel.node, parcel.lines) for parcel in plan.parcels])


def _hand(demand: Demand, plan: Plan, stock: Stock, day: Day) -> None:
    stock.hand(demand, _taken(demand, plan))
    for node in plan.nodes:
        day.take(node, 1)


def _take_back(demand: Demand, plan: Plan, stock: Stock, day: Day) -> None:
    stock.undo(demand, _taken(demand, plan))
    for node in plan.nodes:
        day.take(node, -1)
