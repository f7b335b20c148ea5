"""HTTP: endpoints as declarations, decoded, bounded, authorised and answered in one place.

An `Endpoint` says what it takes and gives; the OpenAPI description is derived from the same words. It is a bare ASGI
application behind Starlette's router: nothing stands between the socket and the handler that a request does not need.
Every error leaves as a problem (engine/problems.py), every request is measured by its route and carries a trace id.
"""

import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route

from haat.engine import metrics, problems, streaming
from haat.engine.database import Unstorable
from haat.engine.draw import trace_id
from haat.kernel.errors import HaatError, Refused, Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = logging.getLogger("haat.web")

BODY_MAX = 1 << 20
PATH_WORD_MAX = 200
_encode = msgspec.json.Encoder().encode
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_PATH = re.compile(r"^(?P<detail>.*) - at `\$(?P<path>.*)`$").match
_NUL = b"\\u0000"


class Principal(Protocol):
    """Who asks. `actor` is how facts name them."""

    @property
    def role(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def actor(self) -> str: ...

    def may(self, scope: str) -> bool: ...


class Call(msgspec.Struct):
    """One request, as a handler sees it. `data` is the decoded body, `query` the decoded query (None where there is none).

    `chunks` is the body as it arrives, for an endpoint that takes a stream; `pairs` the query as it came, for one that takes any.
    """

    path: Mapping[str, str]
    query: Any
    data: Any
    body: bytes
    headers: Mapping[bytes, bytes]
    principal: Any
    trace: str
    chunks: AsyncIterator[bytes] | None = None
    pairs: Mapping[str, str] = {}

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Answer(msgspec.Struct, frozen=True):
    """What is sent back: a value to be encoded as JSON (or bytes as they are), and headers."""

    status: int
    value: Any = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    content_type: bytes = b"application/json"
    stream: AsyncIterator[bytes] | None = None


class Gate(Protocol):
    """Says who asks, and counts how often. Raises Refused (unauthenticated, too_many)."""

    async def enter(self, headers: Mapping[bytes, bytes], query: Mapping[str, str]) -> tuple[Any, Sequence[tuple[bytes, bytes]]]: ...


class Endpoint(msgspec.Struct, frozen=True):
    """One operation of the API. `roles` empty = open to all. `answers` and `problems` are what it may say, for the description.

    `scope` is what a key needs beside its role (`noun:verb`); empty, it follows from path and method. `streams` are the media types
    of a body that is handed over as it arrives, `body_max` bytes at the most. `any_query`: others decide what its query holds.
    """

    method: str
    path: str
    name: str
    summary: str
    handle: Callable[[Call], Awaitable[Answer]]
    tag: str
    roles: frozenset[str] = frozenset()
    body: Any = None
    streams: tuple[str, ...] = ()
    query: Any = None
    answers: Mapping[int, Any] = {}
    problems: tuple[int, ...] = ()
    idempotent: bool = False
    example: Any = None
    body_max: int = BODY_MAX
    description: str = ""
    scope: str = ""
    any_query: bool = False


def scope_of(endpoint: Endpoint) -> str:
    """What a key must be allowed to do: `vendor_orders:read` for GET /v1/vendor-orders/…, `:write` for what changes something."""
    if endpoint.scope or not endpoint.roles:
        return endpoint.scope
    noun = endpoint.path.split("/")[2].partition("{")[0].replace("-", "_")
    return f"{noun}:{'read' if endpoint.method == 'GET' else 'write'}"


class Limited(Refused):
    """Asked too often; `headers` say how often one may, and from when on again."""

    def __init__(self, detail: str, headers: Sequence[tuple[bytes, bytes]], *, retry_after_s: int) -> None:
        super().__init__("rate_limited", detail, kind="too_many", retry_after_s=retry_after_s)
        self.headers = headers


class TooLarge(HaatError):
    """The body is larger than this endpoint takes."""


def routes(endpoints: Sequence[Endpoint], gate: Gate) -> list[Route]:
    """Starlette routes, one per path, in the order in which the paths first come (put the busy ones first)."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [Route(path, _Resource(path, found, gate)) for path, found in by_path.items()]


class _Operation:
    """An endpoint made ready: decoders built, meter and scope resolved."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.scope = scope_of(endpoint)
        self.decode = msgspec.json.Decoder(endpoint.body).decode if endpoint.body is not None else None
        self.meter = metrics.route(endpoint.method, endpoint.path)


class _Resource:
    """All operations of one path, as an ASGI application."""

    def __init__(self, path: str, endpoints: Sequence[Endpoint], gate: Gate) -> None:
        self._operations = {e.method: _Operation(e) for e in endpoints}
        if "GET" in self._operations:
            self._operations["HEAD"] = self._operations["GET"]
        self._allow = ", ".join(sorted(self._operations)).encode()
        self._gate = gate
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        trace = _trace(headers)
        operation = self._operations.get(scope["method"])
        if operation is None:
            detail = f"{scope['method']} is not answered here."
            await _send_problem(send, problems.problem(405, "method_not_allowed", detail, trace=trace), [(b"allow", self._allow)])
            return
        extra: Sequence[tuple[bytes, bytes]] = ()
        try:
            call, extra = await self._call(operation, scope, headers, trace, receive)
            answer = await operation.endpoint.handle(call)
        except HaatError as error:
            status = await _send_error(send, error, trace, extra)
        except Unstorable as error:
            log.warning("a value that cannot be kept", extra={"operation": operation.endpoint.name, "trace": trace, "error": repr(error)})
            status = await _send_error(send, Refused("out_of_range", "A value is out of the range that can be kept."), trace, extra)
        except Exception:
            log.exception("an endpoint broke", extra={"operation": operation.endpoint.name, "trace": trace})
            status = 500
            await _send_problem(
                send, problems.problem(500, "broken", "Something of ours is wrong; it has been written down.", trace=trace), ()
            )
        else:
            status = answer.status
            await _send(receive, send, answer, extra, trace, empty=scope["method"] == "HEAD")
        operation.meter.answered(status, time.perf_counter() - began)

    async def _call(
        self, operation: _Operation, scope: Scope, headers: dict[bytes, bytes], trace: str, receive: Receive
    ) -> tuple[Call, Sequence[tuple[bytes, bytes]]]:
        endpoint = operation.endpoint
        raw_query = scope["query_string"]
        query = _pairs(raw_query) if raw_query else {}
        principal: Any = None
        extra: Sequence[tuple[bytes, bytes]] = ()
        if endpoint.roles:
            principal, extra = await self._gate.enter(headers, query)
            if principal.role not in endpoint.roles:
                raise Refused("forbidden", f"The role {principal.role} may not do this.", kind="forbidden")
            if not principal.may(operation.scope):
                raise Refused("scope_missing", f"This key lacks the scope {operation.scope}.", kind="forbidden", scope=operation.scope)
        body = b""
        data = None
        chunks: AsyncIterator[bytes] | None = None
        if operation.decode is not None:
            body = await read_body(receive, headers, endpoint.body_max)
            data = decode_body(operation.decode, body, headers)
        elif endpoint.streams:
            if media_type(headers) not in endpoint.streams:
                raise WrongMedia(f"Send the body as {' or '.join(endpoint.streams)}.")
            chunks = read_chunks(receive, headers, endpoint.body_max)
        asked = None if endpoint.query is None else decode_query(endpoint.query, query)
        if endpoint.query is None and query and "access_token" not in query and not endpoint.any_query:
            raise Refused("unknown_parameter", "This takes no query parameters.", kind="malformed", parameters=sorted(query))
        path = scope.get("path_params", {})
        if any(len(word) > PATH_WORD_MAX or "\0" in word for word in path.values()):
            raise Refused("no_such_path", "There is nothing here.", kind="missing")
        return Call(path, asked, data, body, headers, principal, trace, chunks, query if endpoint.any_query else {}), extra


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body, `limit` bytes at the most."""
    declared = headers.get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"The body may have {limit} bytes.")
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise TooLarge(f"The body may have {limit} bytes.")
    if message["type"] == "http.disconnect":
        raise Refused("disconnected", "The client went away.", kind="malformed")
    if len(body) > limit:
        raise TooLarge(f"The body may have {limit} bytes.")
    return body


async def read_chunks(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives, `limit` bytes at the most. Raises where it breaks off: what is incomplete is not the whole."""
    declared = headers.get(b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > limit:
        raise TooLarge(f"The body may have {limit} bytes.")
    taken = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("disconnected", "The body broke off.", kind="malformed")
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        taken += len(chunk)
        if taken > limit:
            raise TooLarge(f"The body may have {limit} bytes.")
        yield chunk


def media_type(headers: Mapping[bytes, bytes]) -> str:
    """The media type of the body, without parameters; empty where the request names none."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


def decode_body(decode: Callable[[bytes], Any], body: bytes, headers: Mapping[bytes, bytes]) -> Any:
    """The typed value of a JSON body. 400 where it is no JSON, 422 with the place where it is not what is asked for."""
    kind = headers.get(b"content-type", b"application/json")
    if not kind.startswith(b"application/json") and b"+json" not in kind:
        raise WrongMedia("Send the body as application/json.")
    if _NUL in body:
        raise Refused("invalid", "Text must not contain the character U+0000.")
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(error, "pointer") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused("malformed_json", "The body is not readable JSON.", kind="malformed", reason=str(error)[:200]) from error


class WrongMedia(HaatError):
    """The body comes in a form that this endpoint does not read."""


def decode_query(kind: Any, query: Mapping[str, str]) -> Any:
    """The typed value of a query string; unknown parameters are refused."""
    if any("\0" in v or v.lower() == "null" for v in query.values()):  # msgspec would take the text «null» for nothing said
        raise Refused("invalid_parameter", "A parameter must not be null or contain the character U+0000.", kind="malformed")
    try:
        found = msgspec.convert({k: v for k, v in query.items() if k != "access_token"}, kind, strict=False)
    except msgspec.ValidationError as error:
        refused = _invalid(error, "parameter")
        raise Refused("invalid_parameter", refused.detail, kind="malformed", **refused.data) from error
    for name, value in query.items():
        if ":" not in value and isinstance(getattr(found, name, None), datetime):  # msgspec also takes seconds since 1970
            raise Refused("invalid_parameter", f"{name} is an instant as in RFC 3339.", kind="malformed")
    return found


def _invalid(error: msgspec.ValidationError, where: str) -> Refused:
    text = str(error)
    found = _PATH(text)
    detail = found["detail"] if found else text
    path = found["path"] if found else ""
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/").replace("[...]", "/*"))
    return Refused("invalid", detail, errors=[{where: pointer if where == "pointer" else pointer.lstrip("/"), "detail": detail}])


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        found = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=50, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise Refused("malformed_query", "The query string is not readable.", kind="malformed") from error
    pairs = dict(found)
    if len(pairs) < len(found):
        raise Refused("repeated_parameter", "A parameter may be given once.", kind="malformed")
    return pairs


def _trace(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"traceparent")
    if given is not None:
        found = _TRACEPARENT(given.decode("latin-1"))
        if found and found[1] != "0" * 32:
            return found[1]
    return trace_id()


async def _send(receive: Receive, send: Send, answer: Answer, extra: Sequence[tuple[bytes, bytes]], trace: str, *, empty: bool) -> None:
    if answer.stream is not None:
        headers = [(b"content-type", answer.content_type), (b"trace-id", trace.encode()), *answer.headers, *extra]
        await streaming.send_stream(receive, send, answer.status, headers, streaming.nothing() if empty else answer.stream)
        return
    value = answer.value
    body = value if isinstance(value, bytes) else b"" if value is None else _encode(value)
    headers = [(b"content-length", str(len(body)).encode()), (b"trace-id", trace.encode()), *answer.headers, *extra]
    if body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if empty else body})


async def _send_error(send: Send, error: HaatError, trace: str, extra: Sequence[tuple[bytes, bytes]]) -> int:
    headers = list(extra)
    if isinstance(error, TooLarge):
        problem = problems.problem(413, "too_large", str(error), trace=trace)
    elif isinstance(error, WrongMedia):
        problem = problems.problem(415, "wrong_media_type", str(error), trace=trace)
    else:
        problem = problems.of(error, trace)
        metrics.refused(problem.code)
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    elif problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    elif isinstance(error, Refused) and error.kind == "too_many":
        headers.append((b"retry-after", str(error.data.get("retry_after_s", 1)).encode()))
        headers.extend(error.headers if isinstance(error, Limited) else ())
    if problem.status == 500:
        log.error("broken", extra={"trace": trace, "error": repr(error)})
    await _send_problem(send, problem, headers)
    return problem.status


async def _send_problem(send: Send, problem: problems.Problem, headers: Sequence[tuple[bytes, bytes]]) -> None:
    body = _encode(problem)
    start = [(b"content-type", problems.CONTENT_TYPE), (b"content-length", str(len(body)).encode()), *headers]
    if problem.trace_id:
        start.append((b"trace-id", problem.trace_id.encode()))
    await send({"type": "http.response.start", "status": problem.status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """What every path that is not ours answers."""
    del receive
    if scope["type"] == "http":
        await _send_problem(send, problems.problem(404, "no_such_path", "There is nothing here."), ())
