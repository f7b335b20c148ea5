"""Connections: the gateways, couriers and transports that an operator has set up. Secrets go in and never come out."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from haat.engine import outside as engine
from haat.engine.outside import Outside
from haat.engine.outside.connections import Code, Kind, Sheet, Stored
from haat.engine.web import Answer, Call, Endpoint
from haat.faces.api import access, conditions, examples
from haat.kernel.errors import HaatError, Refused, Unavailable


class ConnectionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kind`: gateways, couriers or transports only."""

    kind: Kind | None = None


class ConnectionView(msgspec.Struct, frozen=True):
    """`connection` as it stands; `resting`: it has failed too often and is left alone for now, as this process sees it."""

    connection: Stored
    resting: bool


class ConnectionList(msgspec.Struct, frozen=True):
    data: list[ConnectionView]


class PluginView(msgspec.Struct, frozen=True):
    """What can be connected. `config` and `secrets` are JSON schemas of what it needs; `abilities` what it can do."""

    kind: str
    code: str
    title: str
    config: dict[str, Any]
    secrets: dict[str, Any]
    abilities: dict[str, Any]


class PluginList(msgspec.Struct, frozen=True):
    data: list[PluginView]


class CheckResult(msgspec.Struct, frozen=True):
    """Whether the other side took our credentials, and what it said."""

    well: bool
    said: Annotated[str, Meta(max_length=500)]


def endpoints(outside: Outside) -> list[Endpoint]:
    desk = _Desk(outside)
    one = "/v1/connections/{code}"
    return [
        Endpoint("GET", "/v1/connections", "listConnections", "Connections", desk.many, "Connections", access.STAFF,
                 query=ConnectionsQuery, answers={200: ConnectionList}, problems=(400,)),
        Endpoint("GET", "/v1/connection-plugins", "listConnectionPlugins", "What can be connected, and what it needs", desk.plugins,
                 "Connections", access.STAFF, answers={200: PluginList}, scope="connections:read"),
        Endpoint("GET", one, "getConnection", "A connection", desk.one, "Connections", access.STAFF,
                 answers={200: ConnectionView, 304: None}, problems=(404,)),
        Endpoint("PUT", one, "putConnection", "Write a connection", desk.put, "Connections", access.STAFF, Sheet,
                 answers={200: ConnectionView, 201: ConnectionView}, problems=(409, 412, 413, 415, 422), example=examples.CONNECTION,
                 description="Secrets that are left out stay as they are; none is ever shown. Kind and plug-in stay what they were. "
                             "`fallback`: another connection of its kind that serves in its place while it does not answer."),
        Endpoint("DELETE", one, "switchOffConnection", "Switch a connection off", desk.delete, "Connections", access.STAFF,
                 answers={204: None}, problems=(404,),
                 description="No new work goes to it. It is not deleted, as payments and parcels name it; what is under way goes on."),
        Endpoint("POST", one + "/checks", "checkConnection", "Try a connection's credentials", desk.check, "Connections", access.STAFF,
                 answers={200: CheckResult}, problems=(404, 409)),
    ]  # fmt: skip


class _Desk:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._book = outside.book

    async def many(self, call: Call) -> Answer:
        found = [self._view(each) for each in (await self._stored()).values()]
        return Answer(200, ConnectionList([each for each in found if call.query.kind in (None, each.connection.kind)]))

    async def plugins(self, call: Call) -> Answer:
        del call
        found = []
        for kind, plugins in self._book.plugins.items():
            for plugin in plugins.values():
                said = getattr(plugin, "abilities", None) or getattr(plugin, "capabilities", None)
                abilities = msgspec.to_builtins(said) or {}
                found.append(PluginView(kind, plugin.code, plugin.title, _schema(plugin.config), _schema(plugin.secrets), abilities))
        return Answer(200, PluginList(found))

    async def one(self, call: Call) -> Answer:
        found = await self._known(call)
        if conditions.unchanged(call, found.version):
            return Answer(304, headers=[conditions.etag(found.version)])
        return Answer(200, self._view(found), [conditions.etag(found.version)])

    async def put(self, call: Call) -> Answer:
        code = conditions.named(call, "code", Code)
        version = conditions.expected(call)
        async with self._outside.database.transaction(by=call.principal.actor) as tx:
            known = code in await engine.connections.everything(tx, self._book.plugins, self._book.vault)
            if not known and conditions.must_exist(call):
                raise Refused("stale", "There is no such connection.", kind="stale")
            expected = None if version is None else {code: version}
            now = self._outside.clock.now()
            written = await engine.connections.put(tx, {code: call.data}, self._book.plugins, self._book.vault, now=now, expected=expected)
        found = written[code]
        headers = [conditions.etag(found.version), (b"location", b"/v1/connections/" + code.encode())]
        return Answer(200 if known else 201, self._view(found), headers)

    async def delete(self, call: Call) -> Answer:
        found = await self._known(call)
        async with self._outside.database.transaction(by=call.principal.actor) as tx:
            await engine.connections.deactivate(tx, [found.code], now=self._outside.clock.now())
        return Answer(204)

    async def check(self, call: Call) -> Answer:
        """Says what was found; only where nobody can be asked it is refused."""
        found = await self._known(call)
        if found.problem:
            return Answer(200, CheckResult(False, found.problem[:500]))
        async with self._outside.database.reading() as tx:
            connection = await engine.connections.load(tx, found.code, self._book.plugins, self._book.vault)
        check = getattr(self._book.plugin(connection), "check", None)
        if check is None:
            raise Refused("no_check", f"{found.plugin} has nothing to be checked by.", kind="conflict")
        try:
            said = await self._outside.drive(connection, check(connection, self._outside.clock.now()), subject="check")
        except (Refused, Unavailable) as error:
            return Answer(200, CheckResult(False, error.detail[:500]))
        except HaatError as error:
            return Answer(200, CheckResult(False, str(error)[:500]))
        return Answer(200, CheckResult(True, said[:500]))

    async def _known(self, call: Call) -> Stored:
        found = (await self._stored()).get(call.path["code"])
        if found is None:
            raise Refused("unknown_connection", "There is no such connection.", kind="missing")
        return found

    async def _stored(self) -> dict[str, Stored]:
        async with self._outside.database.reading() as tx:
            return await engine.connections.everything(tx, self._book.plugins, self._book.vault)

    def _view(self, stored: Stored) -> ConnectionView:
        return ConnectionView(stored, self._outside.is_open(stored.code))


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return msgspec.json.schema(kind)
