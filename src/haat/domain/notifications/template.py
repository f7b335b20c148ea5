"""Texts: the files that Haat brings, an operator's own instead of them, and what both become with the values filled in. Pure.

    templates/<language>/<event>.txt      sections `[customer email]`, `[customer sms]` …, each a Jinja template
    templates/layout.html                 draws the HTML of a mail from its text: paragraphs, the button of a link

A mail's first line is `Subject: …`. The text is the only source, so text and HTML say the same. Templates run in Jinja's sandbox
with strict names, no loops over made-up ranges and no arithmetic that could fill the memory: an operator is trusted, a mistake is not.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

from haat.domain.notifications import sms, wording
from haat.domain.notifications.telling import LANGUAGES, WRITTEN, Channel, Language, Role, written
from haat.kernel.errors import Refused

TEXT_MAX = 8_000
RENDERED_MAX = 40_000
SUBJECT_MAX = 150
_SECTION = re.compile(r"^\[(customer|vendor|admin) (email|sms)\]$", re.MULTILINE)
_GAPS = re.compile(r"\n\s*\n\s*\n")
Key = tuple[str, Role, Channel, Language]


class Written(Struct, frozen=True):
    """A message in words. `parts`: of an SMS, 0 for a mail."""

    subject: str
    body: str
    parts: int


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int) and isinstance(right, int)) or operator == "**":
            raise SecurityError(f"a template does not need {operator}")
        return left * right


def _environment(language: Language) -> _Sandbox:
    made = _Sandbox(
        autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False, cache_size=0
    )
    made.filters.update(wording.filters(language))
    made.globals = {}
    return made


_ENVIRONMENTS = {language: _environment(language) for language in LANGUAGES}
_PAGE = _Sandbox(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def compiled(language: Language, text: str) -> jinja2.Template:
    """The template of a text. Refuses one that is too long or no template, naming the line."""
    if len(text) > TEXT_MAX:
        raise Refused("template_too_long", f"A text has {TEXT_MAX} characters at most.")
    try:
        return _ENVIRONMENTS[language].from_string(text)
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise Refused("template_broken", f"Line {line}: {error}", line=line) from error


class Texts:
    """Every text by (event, role, channel, language): Haat's own, with an operator's in its place where there is one."""

    def __init__(self, own: Mapping[Key, str] | None = None) -> None:
        self._own = {key: compiled(key[3], text) for key, text in (own or {}).items()}

    def write(self, key: Key, values: Mapping[str, Any], *, sms_parts_max: int) -> Written:
        """The message. An operator's text that cannot be filled in gives way to Haat's own: what happened is told all the same."""
        own = self._own.get(key)
        if own is not None:
            try:
                return fill(own, key[2], values, sms_parts_max=sms_parts_max)
            except Refused:
                pass
        return fill(_brought(key), key[2], values, sms_parts_max=sms_parts_max)


def fill(template: jinja2.Template, channel: Channel, values: Mapping[str, Any], *, sms_parts_max: int) -> Written:
    """The message that `values` make. Refuses a template that asks for what is not there, or has no end."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in template.generate(**values):
            pieces.append(piece)
            size += len(piece)
            if size > RENDERED_MAX:
                raise Refused("template_too_long", f"The message has more than {RENDERED_MAX} characters.")
    except Refused:
        raise
    except Exception as error:  # whatever a text does with values that it was not written for, it is the text that is wrong
        raise Refused("template_broken", f"{type(error).__name__}: {error}"[:300]) from error
    text = _GAPS.sub("\n\n", "".join(pieces).replace("\0", "")).strip()
    if channel == "sms":
        short = sms.fit(" ".join(text.split()), sms_parts_max)
        return Written("", short, sms.parts(short))
    first, _, rest = text.partition("\n")
    if not first.startswith("Subject:") or not rest.strip():
        raise Refused("template_broken", "A mail begins with the line «Subject: …», then comes its text.")
    return Written(" ".join(first.removeprefix("Subject:").split())[:SUBJECT_MAX], rest.strip(), 0)


def check(key: Key, text: str, samples: Iterable[Mapping[str, Any]], *, sms_parts_max: int) -> list[Written]:
    """What `text` would say of every sample. Refuses a text that fails on one, an SMS of too many parts, an unknown place."""
    event, role, channel, _ = key
    if channel not in WRITTEN or (event, role, channel) not in written():
        raise Refused("unknown_template", "There is no such text.", kind="missing")
    template = compiled(key[3], text)
    shown = [fill(template, channel, values, sms_parts_max=1_000) for values in samples]
    longest = max((each.parts for each in shown), default=0)
    if longest > sms_parts_max:
        raise Refused("sms_too_long", f"The SMS has {longest} parts, {sms_parts_max} are allowed.", parts=longest, allowed=sms_parts_max)
    if any(not each.body for each in shown):
        raise Refused("template_broken", "The message is empty.")
    return shown


@cache
def _brought(key: Key) -> jinja2.Template:
    """Haat's own, made when it is first needed: all of them together take a third of a second of every start."""
    return compiled(key[3], _SOURCES[key])


def brought(key: Key) -> str:
    """The text that Haat brings. Raises KeyError where there is none."""
    return _SOURCES[key]


def html(subject: str, body: str, *, name: str, language: Language) -> str:
    """A mail's text as a page: every blank line a paragraph, every address a link; all else escaped."""
    paragraphs = [block.splitlines() for block in re.split(r"\n\s*\n", body)]
    return _LAYOUT.render(subject=subject, paragraphs=paragraphs, name=name, language=language)


def _read() -> dict[Key, str]:
    home = files("haat.domain.notifications") / "templates"
    found: dict[Key, str] = {}
    for language in LANGUAGES:
        for file in (home / language).iterdir():
            if file.name.endswith(".txt"):
                pieces = _SECTION.split(file.read_text(encoding="utf-8"))
                for role, channel, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
                    found[file.name.removesuffix(".txt"), role, channel, language] = text.strip()  # type: ignore[index]
    return found


_SOURCES = _read()
_LAYOUT = _PAGE.from_string((files("haat.domain.notifications") / "templates" / "layout.html").read_text(encoding="utf-8"))
