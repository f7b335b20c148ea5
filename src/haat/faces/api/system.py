"""What operators and machines ask of the process itself: is it alive, is it ready, how is it doing."""

import msgspec

from haat.engine import metrics
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api.shop import Shop
from haat.kernel.errors import HaatError


class Health(msgspec.Struct, frozen=True):
    """`pass` or `fail`, and of what."""

    status: str
    checks: dict[str, str] = {}


def endpoints(shop: Shop) -> list[Endpoint]:
    async def livez(call: Call) -> Answer:
        del call
        return Answer(200, Health("pass"))

    async def readyz(call: Call) -> Answer:
        del call
        checks = {"database": "pass", "accepting": "fail" if shop.placing.stopping else "pass"}
        try:
            await shop.database.ping()
        except (HaatError, OSError):
            checks["database"] = "fail"
        good = all(state == "pass" for state in checks.values())
        return Answer(200 if good else 503, Health("pass" if good else "fail", checks))

    async def exposition(call: Call) -> Answer:
        del call
        metrics.pool(*shop.database.connections())
        return Answer(200, metrics.exposition(), content_type=metrics.CONTENT_TYPE.encode())

    return [
        Endpoint("GET", "/livez", "livez", "The process runs", livez, "System", answers={200: Health}),
        Endpoint("GET", "/readyz", "readyz", "The process may take traffic", readyz, "System", answers={200: Health, 503: Health}),
        Endpoint("GET", "/metrics", "metrics", "Prometheus metrics", exposition, "System", answers={200: "text/plain"}),
    ]
