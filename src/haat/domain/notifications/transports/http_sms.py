"""SMS by any gateway that takes one HTTP request: its address, headers and body are an operator's templates.

    ${to} +8801712345678   ${plain} 8801712345678   ${local} 01712345678   ${text}   ${id}   ${secret}

In a JSON body values are escaped as JSON, elsewhere as a form does. The message was taken when `taken` stands in the answer (a regular
expression), will never be when `refused` does; whatever else was answered was not taken, and is tried again. No answer is unknown, and
not repeated unless the gateway is said to know our id (`knows_id`). For bulksmsbd: `taken` `"response_code":\\s*202`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from string import Template
from typing import Annotated, Literal
from urllib.parse import quote_plus

from msgspec import Meta, Struct

from haat.domain.notifications.transport import Message, Sent, Transport
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Request, answered, ask

NAMES = frozenset({"to", "plain", "local", "text", "id", "secret"})
Pattern = Annotated[str, Meta(max_length=300)]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`body` empty: everything is in the address. `reference`: a regular expression whose first group is the gateway's id."""

    url: Annotated[str, Meta(pattern=r"^https?://", max_length=1_000)]
    method: Literal["GET", "POST"] = "POST"
    form: Literal["json", "form"] = "json"
    headers: Annotated[Mapping[str, str], Meta(max_length=20)] = {}
    body: Annotated[str, Meta(max_length=4_000)] = ""
    taken: Pattern = ""
    refused: Pattern = ""
    reference: Pattern = ""
    knows_id: bool = False
    per_minute: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        for text in (self.url, self.body, *self.headers.values()):
            unknown = set(Template(text).get_identifiers()) - NAMES
            if unknown:
                raise ValueError(f"there is no ${{{sorted(unknown)[0]}}}")
        for pattern in (self.taken, self.refused, self.reference):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"«{pattern}» is no regular expression: {error}") from error


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    secret: Annotated[str, Meta(max_length=1_000)] = ""


def send(connection: Connection, message: Message, now: datetime) -> Conversation[Sent]:
    """One request, one SMS."""
    config: Config = connection.config
    secrets: Secrets = connection.secrets
    plain = message.to.lstrip("+")
    values = {
        "to": message.to,
        "plain": plain,
        "local": plain.removeprefix("88") if plain.startswith("8801") else plain,
        "text": message.body,
        "id": message.id.replace("-", ""),
        "secret": secrets.secret,
    }
    typed = {} if not config.body else {"content-type": f"application/{'json' if config.form == 'json' else 'x-www-form-urlencoded'}"}
    in_form = {name: quote_plus(value) for name, value in values.items()}
    in_body = {name: json.dumps(value)[1:-1] for name, value in values.items()} if config.form == "json" else in_form
    request = Request(
        config.method,
        Template(config.url).substitute(in_form),
        typed | {name.lower(): Template(value).substitute(values) for name, value in config.headers.items()},
        Template(config.body).substitute(in_body).encode(),
        repeatable=config.knows_id,
    )
    reply = answered((yield from ask(request)))
    text = reply.body.decode("utf-8", "replace")
    if config.refused and re.search(config.refused, text):
        raise Refused("sms_refused", text[:200])
    if reply.status >= 300 or (config.taken and not re.search(config.taken, text)):
        raise Unavailable("sms_not_taken", f"answered {reply.status}: {text[:200]}", retry_after_s=60)
    found = re.search(config.reference, text) if config.reference else None
    return Sent(found[1] if found and found.groups() else "")


def known(connection: Connection, first: datetime, now: datetime) -> bool:
    """What the operator says of this gateway."""
    return bool(connection.config.knows_id)


TRANSPORT = Transport(
    code="http_sms", title="SMS (any HTTP gateway)", channels=("sms",), config=Config, secrets=Secrets, send=send, repeatable=known
)
