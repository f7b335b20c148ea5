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
#: In the order in which they are applied: what is found → what stands there afterwards.
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic|token|digest)\s+[\w.~+/=-]{6,}"), r"\1 [hidden]"),
    (re.compile(r"(?i)(://[^\s:/@]+):[^\s@]+@"), r"\1:[hidden]@"),
    (re.compile(r"(?i)\b(password|passwd|secret|token|api_?key|signature)(\"?\s*[=:]\s*\"?)[^\s\"&,;]+"), r"\1\2[hidden]"),
    (re.compile(r"\b(?:haat|hgt)_(?=[\w-]*\d)[\w-]{16,}"), "[token]"),  # keys and guests' tokens of our own
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(rf"\+{_DIGIT}(?:[ -]?{_DIGIT}){{7,14}}(?!{_DIGIT})"), "[phone]"),
    (re.compile(rf"(?<![\w.-])(?:88|৮৮)?[0০][1১][3-9৩-৯](?:[ -]?{_DIGIT}){{8}}(?![\w])"), "[phone]"),  # Bangladesh, without a plus
)
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
    """`text` with phone numbers, e-mail addresses, tokens and passwords replaced."""
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
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
