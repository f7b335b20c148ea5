"""The API's description and its page: GET /openapi.json, and Swagger UI at /docs from this server's own files, without the internet."""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from haat.engine import openapi
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import examples
from haat.kernel.errors import Refused

ABOUT = """An order is its facts: whatever happens to it is recorded, never changed, and can be read, followed and replayed.

**Amounts** are integers in minor units (paisa) of the order's currency. **Instants** are RFC 3339 with an offset.
**Lists** are paged by cursor: `page.next` is the `cursor` of the next page. **Problems** are RFC 9457; match on `code`.
**Unknown fields and parameters are refused**, so that a typing error cannot silently mean the default."""
TAGS = {
    "Orders": "Place, read, follow, cancel, repeat.",
    "Carts": "From an empty basket to an order, for guests and customers.",
    "Quotes": "What a basket costs, and why. Nothing is stored.",
    "Payments": "How an order is paid, paid again and paid back; by which rules money goes through which gateway.",
    "Vendor orders": "Each vendor's part of an order: offered, taken or refused, picked and packed.",
    "Shipments": "Parcels: where each one is, what was said of it, its label.",
    "Sourcing": "Which place sends what: rules, nodes, what would be done with a basket, what was done with an order.",
    "Couriers": "Where couriers go, what they take, the rules of choice, and how their parcels fared.",
    "Products": "The catalogue: products, categories, files of products.",
    "Stock": "What is where, what came and went, what may be sold beyond it.",
    "Prices": "Price lists, promotions, coupons, tax, shipping, fees, dynamic prices. Every rule keeps its versions.",
    "Vendors": "Who sells.",
    "Channels": "Where orders come from.",
    "Fraud": "How orders are screened and why, who waits for a decision, the policies of channels.",
    "Policies": "What the marketplace has decided: which orders it takes, how money is asked for, how goods are followed. In versions.",
    "Flows": "What is under way with every order, what is stuck and why, and the repairs that are safe.",
    "People": "API keys and blocked buyers.",
    "Connections": "Gateways, couriers and transports that are set up. Secrets go in and never come out.",
    "Configuration": "Who changed what of connections, rules, rates, channels and places.",
    "Hooks": "Where gateways and couriers report, and where buyers come back from them.",
    "Notifications": "What is told to whom: texts, preferences, what was sent and what became of it.",
    "Events": "The feed of all facts.",
    "System": "Probes and metrics.",
}
FILES = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui-standalone-preset.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "favicon-32x32.png": b"image/png",
}
START = b"""window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "../openapi.json", dom_id: "#ui", deepLinking: true, persistAuthorization: true, tryItOutEnabled: true,
    displayRequestDuration: true, filter: true, docExpansion: "list", defaultModelsExpandDepth: 0,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  });
};
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Haat API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<style>body { margin: 0 }</style>
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
POLICY = b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"


def endpoints(described: Sequence[Endpoint], server: str) -> list[Endpoint]:
    """The document is made once; what is served is bytes."""
    document = msgspec.json.encode(openapi.describe(described, about(server)))
    etag = b'"%s"' % hashlib.blake2b(document, digest_size=8).hexdigest().encode()
    files = _files()

    async def description(call: Call) -> Answer:
        if call.headers.get(b"if-none-match") == etag:
            return Answer(304, headers=[(b"etag", etag)])
        return Answer(200, document, [(b"etag", etag), (b"access-control-allow-origin", b"*")])

    async def page(call: Call) -> Answer:
        del call
        return Answer(200, PAGE.encode(), [(b"content-security-policy", POLICY)], content_type=b"text/html; charset=utf-8")

    async def file(call: Call) -> Answer:
        found = files.get(call.path["file"])
        if found is None:
            raise Refused("no_such_path", "There is nothing here.", kind="missing")
        return Answer(200, found[0], [(b"cache-control", b"public, max-age=86400")], content_type=found[1])

    return [
        Endpoint("GET", "/openapi.json", "openapi", "", description, "System"),
        Endpoint("GET", "/docs", "docs", "", page, "System"),
        Endpoint("GET", "/docs/{file}", "docsFile", "", file, "System"),
    ]


def about(server: str) -> openapi.About:
    return openapi.About(
        title="Haat",
        summary="The order platform for multi-vendor marketplaces",
        description=ABOUT,
        version=importlib.metadata.version("haat"),
        licence="Apache-2.0",
        server=server or "/",
        tags=TAGS,
        paths=examples.PATHS,
    )


def _files() -> dict[str, tuple[bytes, bytes]]:
    """Swagger UI's own files, from the wheel that brings them. The wheel's Python code is not run."""
    spec = importlib.util.find_spec("swagger_ui")
    if spec is None or not spec.submodule_search_locations:
        return {}
    place = Path(next(iter(spec.submodule_search_locations))) / "static"
    found = {name: ((place / name).read_bytes(), kind) for name, kind in FILES.items() if (place / name).exists()}
    return found | {"start.js": (START, FILES["swagger-ui-bundle.js"])}
