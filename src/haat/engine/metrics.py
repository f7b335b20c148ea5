"""What Prometheus reads at `/metrics`. One registry for the process, made here and nowhere else.

Label children are resolved once and kept (`Route`, `Committer`, `Follower`), so that the hot path pays an addition and
not a lookup. Labels are words of our own making, never text from outside: the number of series stays bounded.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Seconds. Fine where the goals lie (5, 15, 25, 60 ms), coarse beyond.
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 10)
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 2)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_refusals = Counter("haat_refusals", "Requests refused, by the rule's code.", ["code"], registry=REGISTRY)
_batch_size = Histogram("haat_batch_size", "Requests committed together.", ["committer"], buckets=BATCH_BUCKETS, registry=REGISTRY)
_commit_seconds = Histogram(
    "haat_commit_seconds", "One batch, decision to commit.", ["committer"], buckets=COMMIT_BUCKETS, registry=REGISTRY
)
_queue_depth = Gauge("haat_queue_depth", "Requests waiting for the next batch.", ["committer"], registry=REGISTRY)
_follower_position = Gauge("haat_follower_position", "The last position dealt with.", ["follower"], registry=REGISTRY)
_follower_lag = Gauge("haat_follower_lag_seconds", "Age of the oldest fact not yet dealt with.", ["follower"], registry=REGISTRY)
_followed = Counter("haat_followed_facts", "Facts dealt with.", ["follower"], registry=REGISTRY)
_turned = Counter("haat_flow_steps", "Steps of flows taken up.", ["worker"], registry=REGISTRY)
_flow_facts = Counter("haat_flow_facts", "Facts that steps of flows brought.", ["worker"], registry=REGISTRY)
_untold = Counter(
    "haat_untold_messages", "Messages that ended without being known to have arrived.", ["channel", "status"], registry=REGISTRY
)
_pool = Gauge("haat_pool_connections", "Database connections of this process.", ["state"], registry=REGISTRY)


class Route:
    """The meter of one route template (`/v1/orders/{id}`, never the path that was asked for)."""

    __slots__ = ("buckets", "by_status", "method", "seconds", "template")

    def __init__(self, method: str, template: str) -> None:
        self.method = method
        self.template = template
        self.by_status: dict[int, int] = {}
        self.buckets = [0] * (len(REQUEST_BUCKETS) + 1)
        self.seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """One request was answered. Plain sums, a third of a microsecond; `_Requests` tells them when Prometheus asks."""
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self.buckets[bisect_left(REQUEST_BUCKETS, seconds)] += 1
        self.seconds += seconds


class _Requests(Collector):
    """What the routes have counted, in the words of Prometheus."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def collect(self) -> Iterator[Metric]:
        answered = CounterMetricFamily("haat_requests", "Requests answered.", labels=["method", "route", "status"])
        took = HistogramMetricFamily("haat_request_seconds", "From the request's head to its answer.", labels=["method", "route"])
        for route in self.routes:
            for status, count in sorted(route.by_status.items()):
                answered.add_metric([route.method, route.template, str(status)], count)
            bounds = [*(str(float(bound)) for bound in REQUEST_BUCKETS), "+Inf"]
            took.add_metric([route.method, route.template], list(zip(bounds, accumulate(route.buckets), strict=True)), route.seconds)
        yield answered
        yield took


_all_requests = _Requests()
REGISTRY.register(_all_requests)


class Committer:
    """The meter of one group commit."""

    __slots__ = ("_depth", "_seconds", "_size")

    def __init__(self, name: str) -> None:
        self._size = _batch_size.labels(name).observe
        self._seconds = _commit_seconds.labels(name).observe
        self._depth = _queue_depth.labels(name).set

    def batch(self, size: int, seconds: float, waiting: int) -> None:
        """A batch of `size` was settled in `seconds`; `waiting` more queued up meanwhile."""
        self._size(size)
        self._seconds(seconds)
        self._depth(waiting)


class Follower:
    """The meter of one follower of the journal."""

    __slots__ = ("_count", "_lag", "_position")

    def __init__(self, name: str) -> None:
        self._position = _follower_position.labels(name).set
        self._lag = _follower_lag.labels(name).set
        self._count = _followed.labels(name).inc

    def dealt_with(self, facts: int, position: int, lag_s: float) -> None:
        """`facts` more were dealt with, up to `position`; the newest of them was `lag_s` old (0 when caught up)."""
        self._count(facts)
        self._position(position)
        self._lag(lag_s)


class Flows:
    """The meter of one worker of flows."""

    __slots__ = ("_facts", "_steps")

    def __init__(self, name: str) -> None:
        self._steps = _turned.labels(name).inc
        self._facts = _flow_facts.labels(name).inc

    def turned(self, taken: int, done: int, facts: int) -> None:
        """A turn took up so many steps, did so many (those that followed at once included), and brought so many facts."""
        self._steps(max(taken, done))
        self._facts(facts)


def route(method: str, template: str) -> Route:
    """The meter of a route; ask once when the route is built."""
    meter = Route(method, template)
    _all_requests.routes.append(meter)
    return meter


def committer(name: str) -> Committer:
    """The meter of a committer; ask once."""
    return Committer(name)


def follower(name: str) -> Follower:
    """The meter of a follower; ask once."""
    return Follower(name)


def flows(worker: str) -> Flows:
    """The meter of a worker of flows; ask once."""
    return Flows(worker)


def refused(code: str) -> None:
    """A rule said no. `code` is a word from our own sources."""
    _refusals.labels(code).inc()


def untold(channel: str, status: str, count: int = 1) -> None:
    """So many messages ended `failed` or `unknown`."""
    _untold.labels(channel, status).inc(count)


def pool(idle: int, busy: int) -> None:
    """What the connection pool looks like at this moment."""
    _pool.labels("idle").set(idle)
    _pool.labels("busy").set(busy)


def exposition() -> bytes:
    """Everything, in the text format that Prometheus reads (`CONTENT_TYPE`)."""
    return generate_latest(REGISTRY)
