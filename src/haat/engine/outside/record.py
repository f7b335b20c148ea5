"""What was said to whom, for whoever has to find out what went wrong: masked, bounded, kept for days.

Nothing waits for it: exchanges gather in memory and are written once a second. Masked are the connection's own secrets wherever
they stand and however they are escaped there, headers and fields that are named like a secret or like somebody's private life, and
whatever the logs would hide.
"""

import json
import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec

from haat.engine import logs
from haat.engine.database import Database
from haat.kernel.outside import Connection, Reply, Request

BODY_SHOWN = 4_000
WAITING_MAX = 10_000  # beyond that the oldest are forgotten: a record is a help, not a promise
KEEP_DAYS = 14
Recorded = Literal["none", "problems", "all"]
HIDDEN = "[hidden]"
_QUIET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "x-app-key", "password", "username", "api-key", "secret-key", "api-secret"}
    | {"api-access-token", "x-pathao-signature", "stripe-signature", "x-km-mc-id", "paperflykey", "user-id"}
)
_QUIET_WORDS = (
    r"\w*pass(?:word|wd)?|\w*secret|\w*token|(?:app|api|session)_?key|signature|sensitive\w*|authorization"
    r"|card_?(?:no|number)|pan|cvc|cvv|pin|otp|\w*msisdn|\w*mobile\w*|\w*phone\w*|\w*e?mail\w*|\w*_name|\w*name|\w*add(?:ress|\d)\w*|store_id"
)
_FIELD = re.compile(rf'(?i)("(?:{_QUIET_WORDS})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[\d.]+)')
_PAIR = re.compile(rf"(?i)((?:^|[?&\s])(?:\w*(?:{_QUIET_WORDS})\w*|cus_\w+|ship_\w+)=)[^&\s]*")
_AS_IT_IS = re.compile(r"[A-Za-z0-9_]*").fullmatch  # nobody escapes these


class Exchange(msgspec.Struct, frozen=True):
    """One request and what came of it. `status` 0: no answer."""

    connection: str
    subject: str
    at: datetime
    took_ms: int
    method: str
    url: str
    status: int
    request: str
    reply: str
    problem: str


class Record:
    """The record of one process. `recorded`: nothing, what went wrong, or everything."""

    def __init__(self, database: Database | None, *, recorded: Recorded = "problems", keep_days: int = KEEP_DAYS) -> None:
        self._database = database
        self._recorded = recorded
        self._keep = timedelta(days=keep_days)
        self._waiting: deque[Exchange] = deque(maxlen=WAITING_MAX)

    def note(
        self, connection: Connection, subject: str, request: Request, reply: Reply | None, *, at: datetime, took_ms: int, problem: str
    ) -> None:
        """Remember one exchange, if such are remembered."""
        wrong = bool(problem) or reply is None or reply.status >= 400
        if self._recorded == "none" or (self._recorded == "problems" and not wrong):
            return
        quiet = quiet_values(connection.secrets)
        sent = _shown(request.headers, request.body, quiet)
        got = "" if reply is None else _shown(reply.headers, reply.body, quiet)
        url = masked(request.url, quiet)[:2_000]
        status = 0 if reply is None else reply.status
        self._waiting.append(Exchange(connection.code, subject, at, took_ms, request.method, url, status, sent, got, problem[:200]))

    async def write(self) -> int:
        """Write what waits; how many it were."""
        found = list(self._waiting)
        self._waiting.clear()
        if not found or self._database is None:
            return 0
        columns = [[getattr(each, name) for each in found] for name in Exchange.__struct_fields__]
        async with self._database.reading() as tx:
            await tx.execute(_WRITE, *columns)
        return len(found)

    async def forget(self, now: datetime) -> None:
        """Drop what is older than `keep_days`."""
        if self._database is not None:
            async with self._database.reading() as tx:
                await tx.execute("DELETE FROM outside_exchanges WHERE at < $1", now - self._keep)


_WRITE = """
INSERT INTO outside_exchanges (connection, subject, at, took_ms, method, url, status, request, reply, problem)
SELECT * FROM unnest(
  $1::text[], $2::text[], $3::timestamptz[], $4::int[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[], $10::text[]
)
"""


def masked(text: str, quiet: tuple[str, ...] = ()) -> str:
    """`text` without what nobody should read: these secrets, fields and pairs with quiet names, what the logs hide."""
    for each in quiet:
        text = text.replace(each, HIDDEN)
        if not _AS_IT_IS(each):
            text = _spellings(each).sub(HIDDEN, text)
    text = _FIELD.sub(rf'\1"{HIDDEN}"', text)
    text = _PAIR.sub(rf"\1{HIDDEN}", text)
    return logs.clean_text(text)


@lru_cache(1024)
def _spellings(secret: str) -> re.Pattern[str]:
    """A secret as addresses, forms and JSON write it, whichever of its signs they escape."""
    return re.compile("".join([char if _AS_IT_IS(char) else _spelt(char) for char in secret]))


def _spelt(char: str) -> str:
    percent = "".join([f"%{byte:02x}" for byte in char.encode()])
    ways = (char, "\\" + char, percent, json.dumps(char)[1:-1], f"\\u{ord(char):04x}", "+" if char == " " else char)
    return f"(?i:{'|'.join([re.escape(way) for way in dict.fromkeys(ways)])})"


def bare(connection: Connection, pairs: Mapping[str, str]) -> dict[str, str]:
    """The pairs without values that are secrets of the connection: some parties prove themselves by a word in the address."""
    quiet = set(quiet_values(connection.secrets))
    return {name: HIDDEN if value in quiet else value for name, value in pairs.items()}


def masked_headers(headers: Mapping[str, str], quiet: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers, those that carry credentials without their values."""
    return {name: HIDDEN if name.lower() in _QUIET_HEADERS else _masked_header(value, quiet) for name, value in headers.items()}


@lru_cache(1024)
def _masked_header(value: str, quiet: tuple[str, ...]) -> str:
    """Headers say the same again and again."""
    return masked(value, quiet)


def _shown(headers: Mapping[str, str], body: bytes, quiet: tuple[str, ...]) -> str:
    head = "\n".join(f"{name}: {value}" for name, value in masked_headers(headers, quiet).items())
    text = body[: BODY_SHOWN * 2].decode("utf-8", "replace").replace("\0", "\ufffd")
    return f"{head}\n\n{masked(text, quiet)[:BODY_SHOWN]}"


def quiet_values(secrets: Any) -> tuple[str, ...]:
    """The values of a connection's secrets, the longest first, as one may contain another; the very short would hide half a text."""
    if secrets is None:
        return ()
    given = [value if isinstance(value, list | tuple) else (value,) for value in msgspec.to_builtins(secrets).values()]
    values = [value for some in given for value in some if isinstance(value, str) and len(value) >= 6]
    return tuple(sorted(values, key=len, reverse=True))
