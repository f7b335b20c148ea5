"""A plan: which node sends what of a vendor's part, what that costs, and what else was considered. Pure values."""

from msgspec import Struct


class Cost(Struct, frozen=True, gc=False):
    """Minor units. `splitting`: what the parcels beyond the first count for, `delay`: the days until a late node sends."""

    transport: int
    handling: int
    delay: int = 0
    splitting: int = 0

    @property
    def total(self) -> int:
        return self.transport + self.handling + self.delay + self.splitting


class Parcel(Struct, frozen=True):
    """What one node sends: (line number, quantity) by line."""

    node: str
    lines: tuple[tuple[int, int], ...]


class Alternative(Struct, frozen=True, omit_defaults=True):
    """Nodes that could have sent it, and why they do not.

    `why`: `heavier` (by the strategy), `short` (not everything is there), `full`, `refused` (sent it back), `forbidden` (by the
    rule), `not_preferred`, `split_not_worth_it`, `batch` (others of the same moment have more use for the goods).
    """

    nodes: tuple[str, ...]
    why: str
    cost: int = 0


class Plan(Struct, frozen=True):
    """`rule` and `version` decided, by `strategy`."""

    demand: str
    parcels: tuple[Parcel, ...]
    cost: Cost
    strategy: str
    rule: str
    version: int
    alternatives: tuple[Alternative, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple([parcel.node for parcel in self.parcels])


class Unplanned(Struct, frozen=True):
    """Nobody can send it. `reason`: `no_node` (none may), `nodes_full` (today), `short` (none has it, alone or together)."""

    demand: str
    reason: str
    rule: str
    version: int
    alternatives: tuple[Alternative, ...] = ()
