"""Sourcing: which node sends what. Nothing here ever plans more than there is.

    demand (a vendor's part of an order) + stock + the day ──plan──▶ parcels, cost, and why not otherwise

An admin's rules choose a strategy for each demand (`rule.py`); a strategy is one file in `strategies/` that weighs nodes.
The usual demand is planned at once where its stock is reserved (`at_once`); the others with the stock in sight, in their
turn, and a batch of them together by a solver where that is cheaper (`batch.py`). Split only where it is the only way or
cheaper by a declared margin. Nodes' settings, rules and the plans of orders are rows (commands, queries).

`announce` word: «sourcing».
"""

from haat.domain.fulfilment.sourcing.batch import plan_batch
from haat.domain.fulfilment.sourcing.commands import NewPlan, put_nodes, put_rule, record_plans, record_used, strategies_of
from haat.domain.fulfilment.sourcing.demand import Demand, DemandLine, Destination, Stock
from haat.domain.fulfilment.sourcing.network import Network
from haat.domain.fulfilment.sourcing.node import MARKET_TIME, Day, Node, NodeSettings, Rate, Room, day_of, limited
from haat.domain.fulfilment.sourcing.plan import Alternative, Cost, Parcel, Plan, Unplanned
from haat.domain.fulfilment.sourcing.planning import at_once, plan
from haat.domain.fulfilment.sourcing.queries import RecordedPlan, load_nodes, load_rules, planned_on, plans, used_on
from haat.domain.fulfilment.sourcing.rule import DEFAULT, Conditions, SourcingRule
from haat.domain.fulfilment.sourcing.strategy import Leg, Strategies, Strategy

__all__ = [
    "DEFAULT",
    "MARKET_TIME",
    "Alternative",
    "Conditions",
    "Cost",
    "Day",
    "Demand",
    "DemandLine",
    "Destination",
    "Leg",
    "Network",
    "NewPlan",
    "Node",
    "NodeSettings",
    "Parcel",
    "Plan",
    "Rate",
    "RecordedPlan",
    "Room",
    "SourcingRule",
    "Stock",
    "Strategies",
    "Strategy",
    "Unplanned",
    "at_once",
    "day_of",
    "limited",
    "load_nodes",
    "load_rules",
    "plan",
    "plan_batch",
    "planned_on",
    "plans",
    "put_nodes",
    "put_rule",
    "record_plans",
    "record_used",
    "strategies_of",
    "used_on",
]
