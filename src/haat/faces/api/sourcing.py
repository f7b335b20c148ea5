"""Sourcing: the rules that decide who sends what, the nodes that send it, what they would do with a basket, and an order's plans."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.domain import fulfilment, inventory, orders
from haat.engine.database import Tx
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.faces.api.orders import order_id_in
from haat.faces.api.rules import bounded
from haat.faces.api.shop import Shop
from haat.flows import allocating
from haat.kernel import geography
from haat.kernel.errors import Refused

sourcing = fulfilment.sourcing
LINES_MAX = 200
Sku = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$")]
Word = Annotated[str, Meta(max_length=64)]


class Rules(msgspec.Struct, frozen=True):
    """All rules in the order in which they are asked; after them comes the one called «default»."""

    data: list[sourcing.SourcingRule]


class StrategyView(msgspec.Struct, frozen=True):
    """A strategy that a rule may name. `by_cost`: a batch of orders may be optimised together, and a cheaper split may win."""

    code: str
    title: str
    title_bn: str
    by_cost: bool


class Strategies(msgspec.Struct, frozen=True):
    data: list[StrategyView]


class NodeView(msgspec.Struct, frozen=True):
    """A location as a node: its settings, and how many parcels are planned for today and the days after."""

    location: str
    name: str
    vendor: str
    settings: sourcing.NodeSettings
    planned: dict[str, int]


class Nodes(msgspec.Struct, frozen=True):
    data: list[NodeView]


class SimulatedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=10_000)]


class SimulationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A basket and where it would go. Nothing is reserved, nothing is stored."""

    lines: Annotated[list[SimulatedLine], Meta(min_length=1, max_length=LINES_MAX)]
    ship_to: orders.Address
    channel: Word = ""
    payment_method: Word = "cod"


class SimulatedParcel(msgspec.Struct, frozen=True):
    """`lines`: units by line number of the basket, from 1."""

    node: str
    lines: dict[int, int]


class SimulatedPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """What would be planned of one vendor's part. `reason` where nobody can send it. Costs in minor units."""

    vendor: str
    rule: str
    rule_version: int
    strategy: str = ""
    parcels: list[SimulatedParcel] = []
    cost: sourcing.Cost | None = None
    reason: str = ""
    alternatives: list[sourcing.Alternative] = []


class Simulation(msgspec.Struct, frozen=True):
    parts: list[SimulatedPart]
    total: int


class PlanView(msgspec.Struct, frozen=True):
    """A plan as it was decided, when the order had `version` facts. `plan` and `alternatives` as they were kept."""

    id: str
    version: int
    strategy: str
    rule: str
    rule_version: int
    cost: int
    plan: Any
    alternatives: Any
    at: conditions.Instant


class Plans(msgspec.Struct, frozen=True):
    data: list[PlanView]


def endpoints(shop: Shop, strategies: sourcing.Strategies) -> list[Endpoint]:
    desk = _Desk(shop, strategies)
    staff = access.STAFF
    return [
        Endpoint("GET", "/v1/sourcing-strategies", "listSourcingStrategies", "Strategies that a rule may name", desk.strategies, "Sourcing",
                 staff, answers={200: Strategies}, scope="sourcing:read"),
        Endpoint("GET", "/v1/sourcing-rules", "listSourcingRules", "Who sends what: the rules in their order", desk.rules, "Sourcing",
                 staff, answers={200: Rules}, scope="sourcing:read"),
        Endpoint("PUT", "/v1/sourcing-rules/{code}", "putSourcingRule", "Write a rule of sourcing", desk.put_rule, "Sourcing", staff,
                 sourcing.SourcingRule, answers={200: sourcing.SourcingRule, 201: sourcing.SourcingRule}, scope="sourcing:write",
                 problems=(412, 413, 415, 422), example=examples.SOURCING_RULE,
                 description="Switched off by `active`, never deleted. `version` is counted by the server; yours is ignored."),
        Endpoint("GET", "/v1/nodes", "listNodes", "The places that send parcels", desk.nodes, "Sourcing", staff, answers={200: Nodes},
                 scope="sourcing:read"),
        Endpoint("PUT", "/v1/nodes/{location}", "putNode", "Capacity, cut-off time, costs, on or off", desk.put_node, "Sourcing", staff,
                 sourcing.NodeSettings, answers={200: sourcing.NodeSettings, 201: sourcing.NodeSettings}, scope="sourcing:write",
                 problems=(404, 412, 413, 415, 422), example=examples.NODE),
        Endpoint("POST", "/v1/sourcing-simulations", "simulateSourcing", "What would be planned for a basket", desk.simulate, "Sourcing",
                 staff, SimulationRequest, answers={200: Simulation}, problems=(413, 415, 422), scope="sourcing:read",
                 example=examples.SIMULATION),
        Endpoint("GET", "/v1/orders/{id}/plans", "listOrderPlans", "An order's plans, with what was considered", desk.plans, "Sourcing",
                 staff, answers={200: Plans}, problems=(404,), scope="sourcing:read"),
    ]  # fmt: skip


class _Desk:
    def __init__(self, shop: Shop, strategies: sourcing.Strategies) -> None:
        self._shop = shop
        self._strategies = strategies

    async def strategies(self, call: Call) -> Answer:
        del call
        return Answer(200, Strategies([StrategyView(s.code, s.title, s.title_bn, s.by_cost) for s in self._strategies.values()]))

    async def rules(self, call: Call) -> Answer:
        del call
        async with self._shop.database.reading() as tx:
            return Answer(200, Rules(await sourcing.load_rules(tx)))

    async def put_rule(self, call: Call) -> Answer:
        rule: sourcing.SourcingRule = call.data
        bounded(msgspec.to_builtins(rule))
        if rule.code != call.path["code"]:
            raise Refused("code_mismatch", f"The path says {call.path['code'][:64]}, the body {rule.code}.")
        if rule.strategy not in self._strategies:
            raise Refused("unknown_strategy", f"There is no strategy {rule.strategy}.", known=list(self._strategies))
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            written = await sourcing.put_rule(tx, [rule], now=self._shop.clock.now())
            stored = next(each for each in await sourcing.load_rules(tx) if each.code == rule.code)
            headers = _conditions(call, stored.version, rule.code in written)
        return Answer(201 if stored.version == 1 and rule.code in written else 200, stored, headers)

    async def nodes(self, call: Call) -> Answer:
        del call
        today = self._shop.clock.now().astimezone(sourcing.MARKET_TIME).date()
        async with self._shop.database.reading() as tx:
            places = await inventory.locations(tx)
            settings = await sourcing.load_nodes(tx)
            used = await sourcing.planned_on(tx, list(places), today)
        planned: dict[str, dict[str, int]] = {}
        for (code, day), parcels in sorted(used.items()):
            planned.setdefault(code, {})[day.isoformat()] = parcels
        shown = [
            NodeView(code, place.name, place.vendor, settings.get(code, sourcing.NodeSettings(code)), planned.get(code, {}))
            for code, place in places.items()
        ]
        return Answer(200, Nodes(shown))

    async def put_node(self, call: Call) -> Answer:
        node: sourcing.NodeSettings = call.data
        if node.location != call.path["location"]:
            raise Refused("code_mismatch", f"The path says {call.path['location'][:64]}, the body {node.location[:64]}.")
        async with self._shop.database.transaction(by=call.principal.actor) as tx:
            if node.location not in await inventory.locations(tx):
                raise Refused("unknown_location", "There is no such location.", kind="missing")
            written = await sourcing.put_nodes(tx, [node], now=self._shop.clock.now())
            stored = (await sourcing.load_nodes(tx))[node.location]
            headers = _conditions(call, stored.version, node.location in written)
        return Answer(201 if stored.version == 1 and node.location in written else 200, stored, headers)

    async def simulate(self, call: Call) -> Answer:
        asked: SimulationRequest = call.data
        place = geography.resolve(asked.ship_to)
        if not isinstance(place, orders.Place):
            raise Refused("address_unknown", "This place is not known.", reason=place.reason, suggestions=list(place.suggestions))
        to = sourcing.Destination(place.district, place.division, place.zone, asked.ship_to.lat, asked.ship_to.lng)
        demands = await self._demands(asked, to)
        async with self._shop.database.reading() as tx:
            network = await allocating.network(tx, self._strategies)
            stock, day = await self._found(tx, network, demands)
        outcomes = sourcing.plan_batch(network, demands, stock, day)
        parts = [_part(demand.vendor, outcome) for demand, outcome in zip(demands, outcomes, strict=True)]
        return Answer(200, Simulation(parts, sum([part.cost.total for part in parts if part.cost is not None])))

    async def _demands(self, asked: SimulationRequest, to: sourcing.Destination) -> list[sourcing.Demand]:
        market = self._shop.market
        await market.know([line.sku for line in asked.lines])
        lines: dict[str, list[sourcing.DemandLine]] = {}
        values: dict[str, int] = {}
        for number, line in enumerate(asked.lines, 1):
            item = market.item(line.sku)
            if item is None:
                raise Refused("unknown_product", f"There is no product {line.sku}.", sku=line.sku)
            vendor = item.product.vendor
            weight = item.product.weight_g or 0
            lines.setdefault(vendor, []).append(sourcing.DemandLine(number, line.quantity, tuple(item.demand), weight))
            values[vendor] = values.get(vendor, 0) + item.product.price * line.quantity
        return [
            sourcing.Demand(
                vendor, "simulation", vendor, tuple(found), to, asked.channel, payment_method=asked.payment_method, value=values[vendor]
            )
            for vendor, found in lines.items()
        ]

    async def _found(self, tx: Tx, network: sourcing.Network, demands: Sequence[sourcing.Demand]) -> tuple[sourcing.Stock, sourcing.Day]:
        now = self._shop.clock.now()
        levels = await inventory.levels(tx, sorted({sku for demand in demands for sku in demand.needs}))
        today = now.astimezone(sourcing.MARKET_TIME).date()
        used = await sourcing.planned_on(tx, [node.code for node in network.limited], today)
        stock = sourcing.Stock(
            {(level.sku, level.location): level.on_hand - level.reserved for level in levels},
            {(level.sku, level.location): level.safety for level in levels if level.safety},
        )
        return stock, sourcing.day_of(network.limited, used, now)

    async def plans(self, call: Call) -> Answer:
        order_id = order_id_in(call)
        async with self._shop.database.reading() as tx:
            found = await sourcing.plans(tx, order_id)
            if not found and order_id not in await self._shop.orders.read(tx, [order_id]):
                raise access.unknown()
        return Answer(
            200, Plans([PlanView(p.id, p.version, p.strategy, p.rule, p.rule_version, p.cost, p.plan, p.alternatives, p.at) for p in found])
        )


def _part(vendor: str, outcome: sourcing.Plan | sourcing.Unplanned) -> SimulatedPart:
    others = list(outcome.alternatives)
    if isinstance(outcome, sourcing.Unplanned):
        return SimulatedPart(vendor, outcome.rule, outcome.version, reason=outcome.reason, alternatives=others)
    parcels = [SimulatedParcel(parcel.node, dict(parcel.lines)) for parcel in outcome.parcels]
    return SimulatedPart(vendor, outcome.rule, outcome.version, outcome.strategy, parcels, outcome.cost, alternatives=others)


def _conditions(call: Call, version: int, written: bool) -> list[tuple[bytes, bytes]]:
    """The new version as its tag; refused, and nothing written, where somebody else's version was expected."""
    wanted = conditions.expected(call)
    before = version - 1 if written else version
    if (wanted is not None and wanted != before) or (before == 0 and conditions.must_exist(call)):
        raise Refused("stale", f"Version {wanted or 'any'} was expected, {before} is stored.", kind="stale")
    return [conditions.etag(version)]
