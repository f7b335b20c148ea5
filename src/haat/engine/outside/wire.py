"""One HTTP exchange, and what can be said about it when it fails: not sent, or lost on the way.

aiohttp with one pool of connections; no redirects, no cookies, no proxies of the environment, a bounded answer. The library
itself never sends a request twice (it would repeat GETs after a lost connection, and there are gateways whose refund is a GET).

Operators may name addresses of their own network, where gateways of their own stand. Nobody is sent to the addresses at which
clouds hand a machine its credentials; looked at when the connection is made, so that no name leads there either.
"""

import ipaddress
import socket
from types import SimpleNamespace
from typing import Any

import aiohttp

from haat.kernel.outside import Reply, Request

BODY_MAX = 1 << 20
CONNECT_S = 10.0
KEEP_S = 15.0  # shorter than servers usually keep an idle connection, so that few requests meet a closed one
POOL_MAX = 200
_AGENT = "haat"
#: Link-local, and what some clouds use in its place.
_CREDENTIALS = tuple(
    ipaddress.ip_network(each)
    for each in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32")
)
_Address = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class NotSentError(Exception):
    """The request did not leave: nobody there, no such name, no secure line."""


class LostError(Exception):
    """The request may have arrived; its answer did not."""


class Sending:
    """Whether a request has left yet; asked by whoever stops waiting for its answer."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = False


class Wire:
    """The HTTP client of one process; opened when first used."""

    def __init__(self, *, body_max: int = BODY_MAX) -> None:
        self._body_max = body_max
        self._session: aiohttp.ClientSession | None = None

    async def exchange(self, request: Request, sending: Sending) -> Reply:
        """The reply. Raises NotSentError or LostError; redirects are answers like others."""
        try:
            async with self._open().request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                trace_request_ctx=sending,
                middlewares=(_once,),
            ) as answer:
                body = await self._read(answer)
                return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise NotSentError(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise (LostError if sending.left else NotSentError)(type(error).__name__) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            noting = aiohttp.TraceConfig()
            noting.on_request_headers_sent.append(_has_left)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=POOL_MAX, keepalive_timeout=KEEP_S, ttl_dns_cache=60, socket_factory=_socket),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": _AGENT},
                trace_configs=[noting],
            )
        return self._session

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body, refused where it is larger than any honest answer."""
        body = bytearray()
        async for chunk in answer.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > self._body_max:
                answer.close()
                raise aiohttp.ClientPayloadError("the answer is too large")
        return bytes(body)


def forbidden(host: str) -> bool:
    """Whether this address (no name) is one that nobody is sent to."""
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in _CREDENTIALS)


def _socket(address: _Address) -> socket.socket:
    family, kind, protocol, _, place = address
    if forbidden(str(place[0])):
        raise OSError("nobody is sent to the place where clouds keep their machines' credentials")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Ends the library's own second try: it repeats only after errors of its own."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise LostError(type(error).__name__) from error


async def _has_left(session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams) -> None:
    del session, params
    context.trace_request_ctx.left = True
