"""Who may be spoken with: rows that an operator writes, checked against what the plug-in says it needs, secrets sealed.

    code «bkash-main» = kind gateway + plug-in bkash + config + secrets + how much at once + how long at most

Secrets go in and never come out: whoever reads sees only which are set. A connection is switched off, never deleted, as payments
and parcels name it for ever. It may declare a fallback, which serves in its place while its breaker is open. Processes keep all of them
in memory (`Book`) and hear of changes like of other reference data.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from haat.engine import changes, deadlines
from haat.engine.changes import Memory, Whole
from haat.engine.database import Row, Tx
from haat.engine.outside import tokens
from haat.engine.outside.vault import Vault
from haat.kernel.errors import Broken, HaatError, Refused
from haat.kernel.outside import Connection, stand_in

log = logging.getLogger("haat.outside")
KIND = "connections"
Kind = Literal["gateway", "courier", "transport"]
Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
_HOSTS = frozenset({"host", "port"})
SIZE_MAX = 16_384  # of config and of secrets: a private key in PEM has 3 KB
#: A step of a flow gives its call up after this long, so a connection that was allowed longer would not get it.
LIMIT_MAX_S = deadlines.CALL_S


class Plugin(Protocol):
    """What every kind of plug-in that is spoken with has."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def config(self) -> type[Struct]: ...
    @property
    def secrets(self) -> type[Struct]: ...


#: kind → code → plug-in
Plugins = Mapping[str, Mapping[str, Plugin]]


class Sheet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said about a connection. `secrets` left out: those that are there stay; the ones given replace those of that name.

    `limit_s`: how long one operation may take, at most the half minute for which the steps of an order wait. `fallback`: another
    connection of its kind, which serves in its place while it does not answer.
    """

    kind: Kind
    plugin: Annotated[str, Meta(min_length=1, max_length=64)]
    title: Annotated[str, Meta(max_length=200)] = ""
    active: bool = True
    priority: Annotated[int, Meta(ge=0, le=10_000)] = 100
    config: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    concurrency: Annotated[int, Meta(ge=1, le=1000)] = 8
    limit_s: Annotated[int, Meta(ge=1, le=LIMIT_MAX_S)] = LIMIT_MAX_S
    fallback: Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9._-]{0,63})?$")] = ""


class Stored(Struct, frozen=True, kw_only=True):
    """A connection as it stands, for people. `secrets_set`: the names of those that are there."""

    code: str
    kind: str
    plugin: str
    title: str
    active: bool
    priority: int
    config: dict[str, Any]
    secrets_set: list[str]
    concurrency: int
    limit_s: int
    fallback: str
    version: int
    created_at: datetime
    updated_at: datetime
    problem: str = ""


class Book:
    """All connections, in memory. One whose row does not fit its plug-in any more is left out, with a complaint."""

    def __init__(self, memory: Memory, plugins: Plugins, vault: Vault) -> None:
        self.plugins = plugins
        self.vault = vault
        self._all: Whole[Mapping[str, Connection]] = Whole({KIND}, self._load)
        memory.keep(self._all)

    def get(self, code: str) -> Connection | None:
        """The connection, active or not."""
        return self._all.value.get(code)

    def need(self, code: str) -> Connection:
        """The connection, active or not. Raises Refused where there is none that works."""
        found = self.get(code)
        if found is None:
            raise Refused("unknown_connection", f"There is no working connection {code[:64]}.", kind="missing")
        return found

    def active(self, kind: Kind) -> list[Connection]:
        """Those that new work may go to, the most wanted (lowest `priority`) first."""
        found = [each for each in self._all.value.values() if each.kind == kind and each.active]
        return sorted(found, key=lambda each: (each.priority, each.code))

    def stand_in(self, code: str, among: Collection[str]) -> str:
        """Who of these serves in place of a connection, as was declared (`kernel.outside.stand_in`); "" where none of them does."""
        known = self._all.value
        return stand_in(code, lambda each: known[each].fallback if each in known else "", among)

    def plugin(self, connection: Connection) -> Any:
        """The plug-in of a connection."""
        return self.plugins[connection.kind][connection.plugin]

    async def _load(self, tx: Tx) -> Mapping[str, Connection]:
        found: dict[str, Connection] = {}
        for row in await tx.fetch(_SELECT + " ORDER BY code"):
            try:
                found[row["code"]] = connection_of(row, self.plugins, self.vault)
            except HaatError as error:
                log.error("a connection cannot be used", extra={"connection": row["code"], "why": str(error)})
        return found


def fit(plugin: Plugin, config: Mapping[str, Any], secrets: Mapping[str, Any]) -> tuple[Any, Any]:
    """Both as the plug-in's own types. Raises Refused(`invalid`), naming the field, where they are not what it needs."""
    fitted = []
    for name, kind, given in (("config", plugin.config, config), ("secrets", plugin.secrets, secrets)):
        if len(msgspec.json.encode(given)) > SIZE_MAX:
            raise Refused("invalid", f"{name} is too large.", errors=[{"pointer": f"/{name}", "detail": f"{SIZE_MAX} bytes at most"}])
        try:
            fitted.append(msgspec.convert(given, kind))
        except msgspec.ValidationError as error:
            detail, _, place = str(error).partition(" - at `$")
            pointer = f"/{name}" + place.rstrip("`").replace(".", "/")
            raise Refused("invalid", f"{plugin.code}: {name}: {detail}", errors=[{"pointer": pointer, "detail": detail}]) from None
    return fitted[0], fitted[1]


async def put(
    tx: Tx, sheets: Mapping[str, Sheet], plugins: Plugins, vault: Vault, *, now: datetime, expected: Mapping[str, int] | None = None
) -> dict[str, Stored]:
    """Afterwards the connections are as the sheets say. Its kind and plug-in stay what they were (`plugin_fixed`).

    A fallback is another connection of the same kind (`unknown_fallback`), stored before or in the same call.
    `expected`: versions by code that must still stand (0: must not exist); another one is refused as `stale`.
    """
    rows = {row["code"]: row for row in await tx.fetch(_SELECT + " WHERE code = ANY($1::text[]) ORDER BY code FOR UPDATE", sorted(sheets))}
    for code, awaited in (expected or {}).items():
        there = rows[code]["version"] if code in rows else 0
        if there != awaited:
            raise Refused("stale", f"version {awaited} was expected, {there} is stored", kind="stale", connection=code)
    await _check_fallbacks(tx, sheets)
    for code in sorted(sheets):
        sheet, row = sheets[code], rows.get(code)
        if row is not None and (row["kind"], row["plugin"]) != (sheet.kind, sheet.plugin):
            raise Refused("plugin_fixed", f"{code} speaks with {row['plugin']}", kind="conflict", connection=code)
        plugin = plugins.get(sheet.kind, {}).get(sheet.plugin)
        if plugin is None:
            known = sorted(plugins.get(sheet.kind, {}))
            raise Refused("unknown_plugin", f"There is no {sheet.kind} {sheet.plugin}.", known=known)
        secrets = (_kept(row, sheet, vault) if row is not None else {}) | sheet.secrets
        fit(plugin, sheet.config, secrets)
        sealed = vault.seal(msgspec.json.encode(secrets), context=_context(code)) if secrets else b""
        config = msgspec.json.encode(sheet.config).decode()
        await tx.execute(
            _UPSERT, code, sheet.kind, sheet.plugin, sheet.title or plugin.title, sheet.active, sheet.priority, config, sealed,
            sheet.concurrency, sheet.limit_s, now, sheet.fallback,
        )  # fmt: skip
        if sheet.secrets:
            await tokens.drop(tx, code)
    await changes.announce(tx, KIND, sorted(sheets))
    stored = await everything(tx, plugins, vault)
    return {code: stored[code] for code in sheets}


async def deactivate(tx: Tx, codes: Sequence[str], *, now: datetime) -> list[str]:
    """Afterwards no new work goes to these; what is under way with them goes on. Those that were active."""
    rows = await tx.fetch(
        """UPDATE connections
           SET active = false, version = version + 1, updated_at = $2
           WHERE code = ANY($1::text[]) AND active
           RETURNING code""",
        sorted(codes),
        now,
    )
    if rows:
        await changes.announce(tx, KIND, sorted(row["code"] for row in rows))
    return sorted(row["code"] for row in rows)


async def reseal(tx: Tx, vault: Vault) -> tuple[int, list[str]]:
    """Seal every connection's secrets with the newest secret: how many were, and the codes of those that no secret opens."""
    anew: dict[str, bytes] = {}
    closed: list[str] = []
    for row in await tx.fetch("SELECT code, secrets FROM connections WHERE length(secrets) > 0 ORDER BY code FOR UPDATE"):
        try:
            sealed = vault.anew(row["secrets"], context=_context(row["code"]))
        except Broken:
            closed.append(row["code"])
            continue
        if sealed is not None:
            anew[row["code"]] = sealed
    await tx.executemany("UPDATE connections SET secrets = $2 WHERE code = $1", list(anew.items()))
    return len(anew), closed


async def load(tx: Tx, code: str, plugins: Plugins, vault: Vault) -> Connection:
    """One connection as it is stored now. Raises Refused where there is none, or it cannot be used."""
    row = await tx.fetchrow(_SELECT + " WHERE code = $1", code)
    if row is None:
        raise Refused("unknown_connection", f"There is no connection {code[:64]}.", kind="missing")
    return connection_of(row, plugins, vault)


async def everything(tx: Tx, plugins: Plugins, vault: Vault) -> dict[str, Stored]:
    """Every connection by code, without its secrets; `problem` says why one cannot be used."""
    return {row["code"]: _stored(row, plugins, vault) for row in await tx.fetch(_SELECT + " ORDER BY code")}


def connection_of(row: Row, plugins: Plugins, vault: Vault) -> Connection:
    """The row as its plug-in will read it. Raises Refused or Broken where it cannot."""
    plugin = plugins.get(row["kind"], {}).get(row["plugin"])
    if plugin is None:
        raise Broken(f"there is no {row['kind']} {row['plugin']}")
    config, secrets = fit(plugin, msgspec.json.decode(row["config"]), _opened(row, vault))
    return Connection(
        kind=row["kind"],
        code=row["code"],
        plugin=row["plugin"],
        title=row["title"],
        config=config,
        secrets=secrets,
        active=row["active"],
        priority=row["priority"],
        concurrency=row["concurrency"],
        limit_s=_limit(row),
        fallback=row["fallback"],
    )


async def _check_fallbacks(tx: Tx, sheets: Mapping[str, Sheet]) -> None:
    """Raises Refused where a fallback is nobody, of another kind, or the connection itself. One that is switched off may come back."""
    named = sorted({sheet.fallback for sheet in sheets.values() if sheet.fallback})
    if not named:
        return
    rows = await tx.fetch("SELECT code, kind FROM connections WHERE code = ANY($1::text[])", named)
    kinds = {row["code"]: row["kind"] for row in rows} | {code: sheet.kind for code, sheet in sheets.items()}
    for code, sheet in sorted(sheets.items()):
        if sheet.fallback and (sheet.fallback == code or kinds.get(sheet.fallback) != sheet.kind):
            detail = f"{sheet.fallback} is no other {sheet.kind} that could serve in place of {code}."
            raise Refused("unknown_fallback", detail, connection=code, fallback=sheet.fallback)


def _kept(row: Row, sheet: Sheet, vault: Vault) -> dict[str, Any]:
    """The secrets that stay. None where they cannot be opened any more; and nobody sends them elsewhere who does not know them."""
    try:
        secrets = _opened(row, vault)
    except Broken:
        return {}
    missing = sorted(secrets.keys() - sheet.secrets.keys())
    if missing and _places(msgspec.json.decode(row["config"])) != _places(sheet.config):
        raise Refused("secrets_needed", "Where it is spoken to elsewhere, its secrets are given anew.", kind="conflict", secrets=missing)
    return secrets


def _places(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a connection's settings says where it is spoken to: addresses, and names of machines."""
    return {name: value for name, value in config.items() if name in _HOSTS or (isinstance(value, str) and "://" in value)}


def _opened(row: Row, vault: Vault) -> dict[str, Any]:
    if not row["secrets"]:
        return {}
    return msgspec.json.decode(vault.open(row["secrets"], context=_context(row["code"])), type=dict[str, Any])


def _stored(row: Row, plugins: Plugins, vault: Vault) -> Stored:
    problem, names = "", list[str]()
    try:
        names = sorted(_opened(row, vault))
        connection_of(row, plugins, vault)
    except HaatError as error:
        problem = str(error)
    return Stored(
        **{name: row[name] for name in ("code", "kind", "plugin", "title", "active", "priority", "concurrency", "fallback")},
        limit_s=_limit(row),
        config=msgspec.json.decode(row["config"]),
        secrets_set=names,
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        problem=problem,
    )


def _limit(row: Row) -> int:
    """The row's limit; one from before there was a bound counts as the bound."""
    limit_s: int = row["limit_s"]
    return min(limit_s, LIMIT_MAX_S)


def _context(code: str) -> str:
    """What a connection's secrets are bound to."""
    return f"connection:{code}"


_SELECT = """
SELECT code, kind, plugin, title, active, priority, config::text AS config, secrets, concurrency, limit_s, fallback, version,
  created_at, updated_at
FROM connections
"""
_UPSERT = """
INSERT INTO connections
  (code, kind, plugin, title, active, priority, config, secrets, concurrency, limit_s, version, created_at, updated_at, fallback)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, $10, 1, $11, $11, $12)
ON CONFLICT (code) DO UPDATE SET
  title = excluded.title, active = excluded.active, priority = excluded.priority, config = excluded.config,
  secrets = excluded.secrets, concurrency = excluded.concurrency, limit_s = excluded.limit_s,
  fallback = excluded.fallback, version = connections.version + 1, updated_at = excluded.updated_at
"""
