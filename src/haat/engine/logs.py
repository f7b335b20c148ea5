"""Structured logs: one event with fields to a line, JSON for machines, colours for a terminal, and nobody's private life.

`structlog.get_logger()` and the standard library's loggers come out alike. Before a line is written, fields that name
something private are replaced, and so are phone numbers, e-mail addresses, tokens and passwords found inside any text,
tracebacks included. Write ids, codes and counts; the redaction is a net, not a licence.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

#: A field is private when its name, or a part of it between underscores, is one of these.
PRIVATE = frozenset(
    {"address", "addresses", "authorization", "card", "cookie", "email", "house", "key", "line1", "line2", "mail", "mobile", "nid", "otp"}
    | {
        "bearer",
        "landmark",
        "password",
        "phone",
        "phones",
        "postcode",
        "recipient",
        "road",
        "secret",
        "signature",
        "street",
        "token",
        "tokens",
        "village",
    }
)
#: These look private by one of their parts and are not.
PUBLIC = frozenset({"address_served", "key_id"})
HIDDEN = "[hidden]"
_DIGIT = "[0-9০-৯]"
_MORE = rf"(?:(?:[ +-]|%20|%2[Dd])?{_DIGIT})"
#: Where a word may begin though a letter or digit stands before it: behind what an address (%2F) or JSON (\n, \u003d) writes for a sign.
_ESCAPES = (r"%[0-9A-Fa-f]{2}", r"\\[bfnrt]", r"\\u[0-9A-Fa-f]{4}")
_BEGINS = "|".join([r"\b", *(f"(?<={escape})" for escape in _ESCAPES)])
_BEGAN = "|".join([r"(?<![\w.-].)", *(f"(?<={escape}.)" for escape in _ESCAPES)])  # a character ago
_LOCAL, _DOMAIN = r"[\w.%+-]", r"(?:@|%40)[\w-]+(?:\.[\w-]+)+"
_QUOTE = r'(?:\\*"|%22)?'
#: In the order in which they are applied: what such a text has in it (in small letters), what is found → what stands there afterwards.
PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (
        ("bearer", "basic", "token", "digest"),
        re.compile(rf"(?i)(?:{_BEGINS})(bearer|basic|token|digest)(?:\s|\+|%20)+[\w.~+/=%-]{{6,}}"),
        r"\1 [hidden]",
    ),
    (("://",), re.compile(r"(://[^\s:/@]+):[^\s@]+@"), r"\1:[hidden]@"),
    (
        ("pass", "secret", "token", "key", "signature"),
        re.compile(
            r"(?i)(password|passwd|secret|token|api_?key|(?<![^?&])key|signature)"
            rf"({_QUOTE}\s*(?:[=:]|%3[AD])\s*{_QUOTE})(?:(?!%2[26C])[^\s\"&,;])+"
        ),
        r"\1\2[hidden]",
    ),
    # Keys, guests' links to orders and carts, and pay links of our own.
    (("haat_", "hgt_", "hct_", "hpl_"), re.compile(r"h(?:aat|gt|ct|pl)_(?=[\w-]*\d)[\w-]{16,}"), "[token]"),
    (("eyj",), re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[token]"),
    (("@", "%40"), re.compile(rf"(?<!{_LOCAL}){_LOCAL}+{_DOMAIN}(?:{_LOCAL}*{_DOMAIN})*"), "[e-mail]"),  # several that touch are one
    (("+", "%2b", r"\u002b"), re.compile(rf"(?:\+|%2[Bb]|\\u002[Bb]){_DIGIT}{_MORE}{{7,14}}(?!{_DIGIT})"), "[phone]"),
    (  # Bangladesh, without a plus
        ("",),
        re.compile(rf"[08০৮](?:{_BEGAN})(?:(?<=[8৮])[8৮][0০]|(?<=[0০]))[1১][3-9৩-৯]{_MORE}{{8}}(?!\w)"),
        "[phone]",
    ),
)
_BANGLA = re.compile(r"(?i)(?:%E0%A7%A|\\u09e)([6-9A-F])")
DEPTH_MAX = 6
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

Event = MutableMapping[str, Any]


def configure(*, level: str = "info", form: str = "auto", stream: TextIO | None = None) -> None:
    """All logs of this process go to `stream` (standard error) in `form`: json, console, or auto (console in a terminal).

    Replaces what was configured before; call it once, first thing, from the command line's entry.
    """
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty()) if console else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    # Whoever serves HTTP or migrates brings a voice of their own; ours says it once.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "sqlalchemy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("uvicorn.access", "asyncio", "alembic", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redact(_: Any, __: str, event: Event) -> Event:
    """A structlog processor: the event without anything private. O(length of the texts in it)."""
    return {name: HIDDEN if _is_private(name) and value is not None else _clean(value, DEPTH_MAX) for name, value in event.items()}


def clean_text(text: str) -> str:
    """`text` with phone numbers, e-mail addresses, tokens and passwords replaced, also those that an address, a form or JSON escaped.

    Bangla digits that were escaped come out as themselves.
    """
    lower = text.lower()
    if "%e0%a7%a" in lower or r"\u09e" in lower:
        text = _BANGLA.sub(lambda found: chr(0x9E0 + int(found[1], 16)), text)
    for signs, pattern, instead in PATTERNS:
        for sign in signs:
            if sign in lower:
                text = pattern.sub(instead, text)
                break
    return text


def _is_private(name: str) -> bool:
    lower = name.lower().replace("-", "_")
    return lower not in PUBLIC and (lower in PRIVATE or not PRIVATE.isdisjoint(lower.split("_")))


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool | int | float | type(None)):
        return value
    if depth == 0:
        return "[deep]"
    if isinstance(value, dict):
        return {name: HIDDEN if _is_private(str(name)) else _clean(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(inner, depth - 1) for inner in value]
    return clean_text(repr(value))
