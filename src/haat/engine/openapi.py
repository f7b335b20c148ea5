"""The API's description (OpenAPI 3.1), derived from the words that serve it: endpoint declarations and message structs.

Nothing is written twice. A type's schema comes from msgspec, which also decodes it; what every operation shares (who may
ask, limits, conditional requests, problems) is added here, so a new endpoint is described in full by being declared.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from haat.engine import problems
from haat.engine.web import PATH_WORD_MAX, Endpoint, scope_of

Json = dict[str, Any]
PROBLEM = "Problem"
_REF = "#/components/schemas/{name}"
_CONVERTER = re.compile(r"\{(\w+):\w+\}")
_PARAMETER = re.compile(r"\{(\w+)\}")


class About(msgspec.Struct, frozen=True):
    """What the document says of the whole. `tags` name the groups of operations, in their order."""

    title: str
    summary: str
    description: str
    version: str
    licence: str
    server: str
    tags: Mapping[str, str]
    #: example values of path parameters, by path; they hold for what lies beneath it as well
    paths: Mapping[str, Mapping[str, str]]


def describe(endpoints: Sequence[Endpoint], about: About) -> Json:
    """The whole document. Deterministic: the same declarations give the same bytes."""
    described = [e for e in endpoints if e.summary]
    types = _types(described)
    schemas, components = map(_of_sets, msgspec.json.schema_components([*types, problems.Problem], ref_template=_REF))
    schema_of = {id(kind): schema for kind, schema in zip(types, schemas, strict=False)}
    paths: dict[str, Json] = {}
    for endpoint in described:
        path = plain_path(endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path, schema_of, about)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title, "summary": about.summary, "description": about.description, "version": about.version,
            "license": {"name": about.licence, "identifier": about.licence},
        },
        "servers": [{"url": about.server}],
        "tags": [{"name": name, "description": text} for name, text in about.tags.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": {str(status): _problem(status) for status in sorted(problems.TITLES)},
            "securitySchemes": _SECURITY,
        },
    }  # fmt: skip


def plain_path(path: str) -> str:
    """The path as the description writes it: `/v1/products/{sku:path}` is `/v1/products/{sku}`."""
    return _CONVERTER.sub(r"{\1}", path)


def problems_of(endpoint: Endpoint) -> list[int]:
    """Every status with which this operation may refuse: its own, and those that come with what it takes and whom it lets in."""
    found = {400, 503, *endpoint.problems}
    if endpoint.roles:
        found |= {401, 403, 429}
    if endpoint.body is not None or endpoint.streams:
        found |= {413, 415, 422}
    if "{" in endpoint.path:
        found.add(404)
    return sorted(found - (set(endpoint.answers) - set(endpoint.problems)))


def _of_sets(schema: Any) -> Any:
    """The schema without `uniqueItems`: what is said twice of a set is taken as said once."""
    if isinstance(schema, dict):
        return {name: _of_sets(each) for name, each in schema.items() if name != "uniqueItems"}
    return [_of_sets(each) for each in schema] if isinstance(schema, list | tuple) else schema


def _types(endpoints: Iterable[Endpoint]) -> list[Any]:
    found: dict[int, Any] = {}
    for endpoint in endpoints:
        answers = [each for kind in endpoint.answers.values() for each in (kind if isinstance(kind, tuple) else (kind,))]
        for kind in (endpoint.body, endpoint.query, *answers):
            if kind is not None and not isinstance(kind, str):
                found[id(kind)] = kind
    return list(found.values())


def _operation(endpoint: Endpoint, path: str, schema_of: Mapping[int, Json], about: About) -> Json:
    said: Json = {"operationId": endpoint.name, "summary": endpoint.summary, "tags": [endpoint.tag]}
    text = [endpoint.description] if endpoint.description else []
    if endpoint.roles:
        text.append(f"Roles: {', '.join(sorted(endpoint.roles))}. Scope: `{scope_of(endpoint)}`.")
    if text:
        said["description"] = "\n\n".join(text)
    said["security"] = _security(endpoint)
    if endpoint.roles:
        said |= {"x-roles": sorted(endpoint.roles), "x-scope": scope_of(endpoint)}
    parameters = [*_path_parameters(path, _examples(path, about)), *_query_parameters(endpoint), *_header_parameters(endpoint)]
    if parameters:
        said["parameters"] = parameters
    body = _body(endpoint, schema_of)
    if body:
        said["requestBody"] = body
    answers = {str(status): _answer(endpoint, status, kind, schema_of) for status, kind in endpoint.answers.items()}
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in problems_of(endpoint)}
    both = {status: _either(int(status), answers[status]) for status in answers.keys() & refusals.keys()}
    said["responses"] = dict(sorted((answers | refusals | both).items()))
    return said


def _either(status: int, answer: Json) -> Json:
    """A page for a person where the endpoint says no, a problem where nobody came as far as to it."""
    problem = _problem(status)
    return problem | {"content": problem["content"] | answer.get("content", {})}


def _security(endpoint: Endpoint) -> list[Json]:
    if not endpoint.roles:
        return []
    return [{"bearer": []}, {"link": []}] if "guest" in endpoint.roles else [{"bearer": []}]


def _examples(path: str, about: About) -> Json:
    """Example values for the path's parameters: its own, and those of the resources that it lies beneath."""
    found: Json = {}
    for prefix in sorted(about.paths, key=len):
        if path == prefix or path.startswith(prefix + "/"):
            found |= about.paths[prefix]
    return found


def _path_parameters(path: str, examples: Mapping[str, str]) -> list[Json]:
    found = []
    for name in _PARAMETER.findall(path):
        schema: Json = {"type": "string", "minLength": 1, "maxLength": PATH_WORD_MAX}
        if name == "id":
            schema = {"type": "string", "format": "uuid"}
        parameter: Json = {"name": name, "in": "path", "required": True, "schema": schema}
        if name in examples:
            parameter["example"] = examples[name]
        found.append(parameter)
    return found


def _query_parameters(endpoint: Endpoint) -> list[Json]:
    if endpoint.query is None:
        return []
    (_,), components = msgspec.json.schema_components([endpoint.query], ref_template=_REF)
    schema = components[endpoint.query.__name__]
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(kind)}
        for name, kind in schema["properties"].items()
    ]


def _without_null(schema: Json) -> Json:
    """A parameter that is not given is absent, never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if not kinds:
        return {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    rest = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    return rest | kinds[0] if len(kinds) == 1 else rest | {"anyOf": kinds}


def _header_parameters(endpoint: Endpoint) -> list[Json]:
    names = ["Idempotency-Key"] if endpoint.idempotent else []
    if 412 in endpoint.problems:
        names.append("If-Match")
    if 304 in endpoint.answers:
        names.append("If-None-Match")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _body(endpoint: Endpoint, schema_of: Mapping[int, Json]) -> Json:
    if endpoint.body is None and not endpoint.streams:
        return {}
    if endpoint.body is None:
        said: Json = {"schema": {"type": "string"}}
        if endpoint.example is not None:
            said["examples"] = {"example": {"value": endpoint.example}}
        return {
            "required": True,
            "content": {media: said if n == 0 else {"schema": {"type": "string"}} for n, media in enumerate(endpoint.streams)},
        }
    content: Json = {"schema": schema_of[id(endpoint.body)]}
    if endpoint.example is not None:
        content["examples"] = {"example": {"value": endpoint.example}}
    return {"required": True, "content": {"application/json": content}}


def _answer(endpoint: Endpoint, status: int, kind: Any, schema_of: Mapping[int, Json]) -> Json:
    headers = ["trace-id"]
    if endpoint.roles:
        headers += ["RateLimit", "RateLimit-Policy"]
    if status in (201, 202):
        headers.append("Location")
    if 304 in endpoint.answers or 412 in endpoint.problems:
        headers.append("ETag")
    if endpoint.query is not None and "cursor" in endpoint.query.__struct_fields__:
        headers.append("Link")
    said: Json = {"description": HTTPStatus(status).phrase, "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers}}
    if isinstance(kind, str):
        said["content"] = {kind: {"schema": {"type": "string"}}}
    elif isinstance(kind, tuple):
        typed = [schema_of[id(each)] for each in kind if not isinstance(each, str)]
        said["content"] = {"application/json": {"schema": typed[0] if len(typed) == 1 else {"anyOf": typed}}}
        said["content"] |= {each: {"schema": {"type": "string"}} for each in kind if isinstance(each, str)}
    elif kind is not None:
        said["content"] = {"application/json": {"schema": schema_of[id(kind)]}}
    return said


def _problem(status: int) -> Json:
    headers = ["trace-id"]
    if status in (429, 503):
        headers.append("Retry-After")
    if status == 429:
        headers += ["RateLimit", "RateLimit-Policy"]
    return {
        "description": problems.TITLES[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {problems.CONTENT_TYPE.decode(): {"schema": {"$ref": _REF.format(name=PROBLEM)}}},
    }


def _header(description: str, example: str, **schema: Any) -> Json:
    return {"description": description, "schema": {"type": "string", **schema}, "example": example}


_HEADERS: Json = {
    "trace-id": _header(
        "The trace that this answer belongs to; facts, logs and problems carry it too.", "4bf92f3577b34da6a3ce929d0e0e4736"
    ),
    "RateLimit": _header("Requests left (r) and seconds until the count begins anew (t).", '"minute";r=598;t=31'),
    "RateLimit-Policy": _header("Requests (q) in a window of seconds (w); absent where a key has no limit.", '"minute";q=600;w=60'),
    "Retry-After": _header("Seconds after which trying again makes sense.", "1"),
    "Location": _header("Where the new resource is.", "/v1/orders/01890a5d-ac96-774b-bcce-b302099a8057"),
    "ETag": _header("The version of the resource, for If-Match and If-None-Match.", '"3"'),
    "Link": _header("The next page (rel=next), absent on the last.", '<?cursor=…&limit=50>; rel="next"'),
}
_PARAMETERS: Json = {
    "Idempotency-Key": {
        "name": "Idempotency-Key", "in": "header", "required": False, "example": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
        "description": "One key for one wish: sent again, it is answered again and not done again. Kept for at least 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": PATH_WORD_MAX},
    },
    "If-Match": {
        "name": "If-Match", "in": "header", "required": False, "example": '"3"',
        "description": "Only where the resource still has this version (its ETag); else 412.", "schema": {"type": "string"},
    },
    "If-None-Match": {
        "name": "If-None-Match", "in": "header", "required": False, "example": '"3"',
        "description": "The version that you have; 304 where it is still the one.", "schema": {"type": "string"},
    },
}  # fmt: skip
_SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key (`haat_…`), or the token of a guest's order or cart."},
    "link": {"type": "apiKey", "in": "query", "name": "access_token", "description": "The token of a guest's order, in a link."},
}
