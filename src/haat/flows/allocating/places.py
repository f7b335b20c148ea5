"""The network of nodes as one process knows it: the stock's locations with their settings, the admin's rules, the strategies found."""

from collections.abc import Callable, Sequence
from datetime import datetime, time

from haat.domain import fulfilment, inventory, orders
from haat.engine.changes import Memory, Whole
from haat.engine.database import Tx
from haat.kernel import geography
from haat.kernel.facts import Fact

sourcing = fulfilment.sourcing

KINDS = frozenset({"sourcing", "locations"})
#: (order, what is to set out, why it would be later, now) -> facts where the buyer's day moves; asks nobody, waits for nothing
Reckon = Callable[[orders.Order, Sequence[fulfilment.promise.Start], str, datetime], tuple[Fact, ...]]


class Sourcer:
    """Nodes and rules in memory, kept fresh by `memory`."""

    def __init__(self, memory: Memory, strategies: sourcing.Strategies) -> None:
        self._strategies = strategies
        self._network: Whole[sourcing.Network] = Whole(KINDS, self._load)
        #: Whoever fulfils says by when it would be there.
        self.reckon: Reckon = lambda order, starts, reason, now: ()
        memory.keep(self._network)

    @property
    def network(self) -> sourcing.Network:
        return self._network.value

    async def _load(self, tx: Tx) -> sourcing.Network:
        return await network(tx, self._strategies)


async def network(tx: Tx, strategies: sourcing.Strategies) -> sourcing.Network:
    """The network as it stands now. A location without settings is a node with the usual ones."""
    settings = await sourcing.load_nodes(tx)
    places = await inventory.locations(tx)
    nodes = [node(place, settings.get(code, sourcing.NodeSettings(code))) for code, place in places.items()]
    return sourcing.Network(nodes, await sourcing.load_rules(tx), strategies)


def node(place: inventory.Location, settings: sourcing.NodeSettings) -> sourcing.Node:
    """A location as a node. Where its district is not one of the geography's, only its own coordinates put it on the map."""
    found = geography.resolve(orders.Address(country=place.country, district=place.district))
    known = found if isinstance(found, orders.Place) else orders.Place(place.country, "")
    return sourcing.Node(
        code=place.code,
        vendor=place.vendor,
        district=known.district,
        division=known.division,
        priority=place.priority,
        active=place.active and settings.active,
        capacity=settings.capacity,
        cut_off=time.fromisoformat(settings.cut_off) if settings.cut_off else None,
        handling=settings.handling,
        handling_unit=settings.handling_unit,
        lat=settings.lat,
        lng=settings.lng,
        zone=known.zone,
        **({"rates": settings.rates} if settings.rates else {}),
    )
