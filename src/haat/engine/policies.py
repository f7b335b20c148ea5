"""What an operator decides about how the house behaves: a document for each subject, in versions that all stay.

    Policies(memory, {"payment": paying.Policy, …})     every process keeps those in force in memory
    policies.of("payment", paying.Policy)()  ─►  what is in force: the last one written, else what its type begins with

What is decided from then on goes by the new one, within a second in every process. What was decided before stands: a timer that was
set goes off when it was to, a hold keeps its time.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from haat.engine import changes
from haat.engine.changes import Memory, Whole
from haat.engine.database import Tx
from haat.kernel.errors import Refused

log = logging.getLogger("haat.policies")
KIND = "policies"
VERSIONS_MAX = 1_000  # of one subject that are shown
_LOCK = 0x706F6C69

P = TypeVar("P", bound=Struct)


class PolicyVersion(Struct, frozen=True):
    """A policy as somebody wrote it. `version` counts from 1; 0 is what the house begins with. `policy` holds every field."""

    code: str
    version: int
    policy: dict[str, Any]
    by: str = ""
    at: datetime | None = None


class Policies:
    """Those in force, by subject. `kinds`: the type of each, which says its fields, bounds and beginnings."""

    def __init__(self, memory: Memory, kinds: Mapping[str, type[Struct]]) -> None:
        self.kinds = kinds
        self._all: Whole[Mapping[str, Struct]] = Whole({KIND}, self._load)
        memory.keep(self._all)

    def of(self, code: str, kind: type[P]) -> Callable[[], P]:
        """Reads the policy of a subject as it is at the moment of asking. Raises TypeError where its type is another one."""
        if self.kinds[code] is not kind:
            raise TypeError(f"the policy of {code} is a {self.kinds[code].__qualname__}")

        def in_force() -> P:
            return self._all.value[code]  # type: ignore[return-value]

        return in_force

    async def _load(self, tx: Tx) -> Mapping[str, Struct]:
        written = await _written(tx)
        return {code: _read(written.get(code), code, kind) for code, kind in self.kinds.items()}


def beginning(code: str, kind: type[Struct]) -> PolicyVersion:
    """What holds while nobody has said anything."""
    return PolicyVersion(code, 0, _plain(kind()))


async def in_force(tx: Tx, kinds: Mapping[str, type[Struct]]) -> dict[str, PolicyVersion]:
    """What holds for every subject, as it is read today: whole, with what the house begins with where nothing was said."""
    written = await _written(tx)
    found: dict[str, PolicyVersion] = {}
    for code, kind in kinds.items():
        last = written.get(code)
        found[code] = beginning(code, kind) if last is None else replace(last, policy=_plain(_read(last, code, kind)))
    return found


async def versions(tx: Tx, code: str) -> list[PolicyVersion]:
    """All that a subject's policy ever was, the newest first; at most `VERSIONS_MAX`."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM policies WHERE code = $1 ORDER BY version DESC LIMIT {VERSIONS_MAX}", code)
    return [_version(row) for row in rows]


async def put(tx: Tx, code: str, policy: Struct, *, by: str, now: datetime, expected: int | None = None) -> PolicyVersion:
    """Afterwards this is the subject's policy; one that would not change keeps its version.

    `expected`: the version that must still stand (0: none yet), None for any; refused as `stale` otherwise. Of two who write at the
    same time one waits for the other.
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _LOCK, code)
    standing = (await _written(tx)).get(code) or beginning(code, type(policy))
    if expected is not None and expected != standing.version:
        raise Refused("stale", f"Version {expected} was expected, {standing.version} is stored.", kind="stale", version=standing.version)
    wanted = PolicyVersion(code, standing.version + 1, _plain(policy), by, now)
    if wanted.policy == standing.policy:
        return standing
    await tx.execute(
        "INSERT INTO policies (code, version, policy, by, at) VALUES ($1, $2, $3::text::json, $4, $5)",
        code,
        wanted.version,
        msgspec.json.encode(wanted.policy).decode(),
        by,
        now,
    )
    await changes.announce(tx, KIND, [code])
    return wanted


async def _written(tx: Tx) -> dict[str, PolicyVersion]:
    """The last version of every subject of which anything was said."""
    rows = await tx.fetch(f"SELECT DISTINCT ON (code) {_COLUMNS} FROM policies ORDER BY code, version DESC")
    return {row[0]: _version(row) for row in rows}


def _read(written: PolicyVersion | None, code: str, kind: type[Struct]) -> Struct:
    """The policy that was written. What of it does not fit its type any more begins anew, with a complaint; the rest stands."""
    if written is None:
        return kind()
    said = {name: value for name, value in written.policy.items() if name in kind.__struct_fields__}
    problems: list[str] = []
    for name in list(said):
        try:
            msgspec.convert({name: said[name]}, kind)
        except msgspec.ValidationError as error:
            problems.append(str(error))
            del said[name]
    if problems:
        log.error("a policy does not fit any more", extra={"policy": code, "version": written.version, "why": "; ".join(problems)})
    return msgspec.convert(said, kind)


def _plain(policy: Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(policy, order="deterministic")
    return plain


def _version(row: Any) -> PolicyVersion:
    return PolicyVersion(row[0], row[1], msgspec.json.decode(row[2]), row[3], row[4])


_COLUMNS = "code, version, policy::text, by, at"
