"""HTTP: endpoints as declarations, decoded, bounded, authorised and answered in one place.

An `Endpoint` says what it takes and gives; the OpenAPI description is derived from the same words. It is a bare ASGI
application behind Starlette's router: nothing stands between the socket and the handler that a request does not need.
Every error leaves as a problem (engine/problems.py), every request is measured by its route and carries a trace id.
"""

import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.routing import Route

from haat.engine import metrics, problems
from haat.engine.draw import trace_id
from haat.kernel.errors import HaatError, Refused, Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
log = logging.getLogger("haat.web")

BODY_MAX = 1 << 20
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


class Call(msgspec.Struct):
    """One request, as a handler sees it. `data` is the decoded body, `query` the decoded query (None where there is none)."""

    path: Mapping[str, str]
    query: Any
    data: Any
    body: bytes
    headers: Mapping[bytes, bytes]
    principal: Any
    trace: str

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

    def enter(self, headers: Mapping[bytes, bytes], query: Mapping[str, str]) -> tuple[Any, Sequence[tuple[bytes, bytes]]]: ...


class Endpoint(msgspec.Struct, frozen=True):
    """One operation of the API. `roles` empty = open to all. `answers` and `problems` are what it may say, for the description."""

    method: str
    path: str
    name: str
    summary: str
    handle: Callable[[Call], Awaitable[Answer]]
    tag: str
    roles: frozenset[str] = frozenset()
    body: Any = None
    body_media: str = "application/json"
    query: Any = None
    answers: Mapping[int, Any] = {}
    problems: tuple[int, ...] = ()
    idempotent: bool = False
    example: Any = None
    body_max: int = BODY_MAX
    description: str = ""


class TooLarge(HaatError):
    """The body is larger than this endpoint takes."""


def routes(endpoints: Sequence[Endpoint], gate: Gate) -> list[Route]:
    """Starlette routes, one per path, in the order in which the paths first come (put the busy ones first)."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, []).append(endpoint)
    return [Route(path, _Resource(path, found, gate)) for path, found in by_path.items()]


class _Operation:
    """An endpoint made ready: decoders built, meter resolved."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
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
        except Exception:
            log.exception("an endpoint broke", extra={"operation": operation.endpoint.name, "trace": trace})
            status = 500
            await _send_problem(send, problems.problem(500, "broken", "Something of ours is wrong; it has been written down.", trace=trace), ())
        else:
            status = answer.status
            await _send(send, answer, extra, trace, empty=scope["method"] == "HEAD")
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
            principal, extra = self._gate.enter(headers, query)
            if principal.role not in endpoint.roles:
                raise Refused("forbidden", f"The role {principal.role} may not do this.", kind="forbidden")
        body = b""
        data = None
        if endpoint.body is not None or endpoint.body_media != "application/json":
            body = await read_body(receive, headers, endpoint.body_max)
            if operation.decode is not None:
                data = decode_body(operation.decode, body, headers)
        asked = None if endpoint.query is None else decode_query(endpoint.query, query)
        if endpoint.query is None and query and "access_token" not in query:
            raise Refused("unknown_parameter", "This takes no query parameters.", kind="malformed", parameters=sorted(query))
        return Call(scope.get("path_params", {}), asked, data, body, headers, principal, trace), extra


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
    try:
        return msgspec.convert({k: v for k, v in query.items() if k != "access_token"}, kind, strict=False)
    except msgspec.ValidationError as error:
        refused = _invalid(error, "parameter")
        raise Refused("invalid_parameter", refused.detail, kind="malformed", **refused.data) from error


def _invalid(error: msgspec.ValidationError, where: str) -> Refused:
    text = str(error)
    found = _PATH(text)
    detail = found["detail"] if found else text
    path = found["path"] if found else ""
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/").replace("[...]", "/*"))
    return Refused("invalid", detail, errors=[{where: pointer if where == "pointer" else pointer.lstrip("/"), "detail": detail}])


def _pairs(raw: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=50, errors="strict"))
    except (UnicodeDecodeError, ValueError) as error:
        raise Refused("malformed_query", "The query string is not readable.", kind="malformed") from error


def _trace(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"traceparent")
    if given is not None:
        found = _TRACEPARENT(given.decode("latin-1"))
        if found and found[1] != "0" * 32:
            return found[1]
    return trace_id()


async def _send(send: Send, answer: Answer, extra: Sequence[tuple[bytes, bytes]], trace: str, *, empty: bool) -> None:
    if answer.stream is not None:
        await _send_stream(send, answer, extra)
        return
    value = answer.value
    body = value if isinstance(value, bytes) else b"" if value is None else _encode(value)
    headers = [(b"content-length", str(len(body)).encode()), *answer.headers, *extra]
    if body:
        headers.append((b"content-type", answer.content_type))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if empty else body})


async def _send_stream(send: Send, answer: Answer, extra: Sequence[tuple[bytes, bytes]]) -> None:
    assert answer.stream is not None
    headers = [(b"content-type", answer.content_type), *answer.headers, *extra]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    try:
        async for piece in answer.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        aclose = getattr(answer.stream, "aclose", None)
        if aclose is not None:
            await aclose()
    await send({"type": "http.response.body", "body": b""})


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
    if problem.status == 500:
        log.error("broken", extra={"trace": trace, "error": repr(error)})
    await _send_problem(send, problem, headers)
    return problem.status


async def _send_problem(send: Send, problem: problems.Problem, headers: Sequence[tuple[bytes, bytes]]) -> None:
    body = _encode(problem)
    start = [(b"content-type", problems.CONTENT_TYPE), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": problem.status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """What every path that is not ours answers."""
    del receive
    if scope["type"] == "http":
        await _send_problem(send, problems.problem(404, "no_such_path", "There is nothing here."), ())
