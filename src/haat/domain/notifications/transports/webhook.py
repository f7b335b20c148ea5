"""A web address that is told: CloudEvents 1.0 as JSON, signed as Standard Webhooks says.

`webhook-id` is our id and the same in every try, so whoever listens keeps one of two; `webhook-timestamp` is of this try. The
signature is `v1,` + base64(HMAC-SHA256(secret, "id.timestamp.body")), one for each secret while they change. Only 2xx is taken;
410 means never again; anything else, redirects included, is tried later.
"""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from haat.domain.notifications.telling import EVENTS, EVERYTHING
from haat.domain.notifications.transport import Message, Sent, Transport, always
from haat.kernel import time
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Request, ask

_PREFIX = "whsec_"
Event = Annotated[str, Meta(pattern=rf"^({'|'.join(EVENTS)}|{re.escape(EVERYTHING)})$")]


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`source`: who tells, in the event. `events`: what is told; none: what the desk is told, or the vendor.

    `vendor`: this is that vendor's, and hears what vendors are told, of its own goods and amounts only.
    """

    url: Annotated[str, Meta(pattern=r"^https?://", max_length=1_000)]
    source: Annotated[str, Meta(min_length=1, max_length=200)] = "haat"
    events: Annotated[tuple[Event, ...], Meta(min_length=1, max_length=len(EVENTS))] | None = None
    vendor: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")] | None = None
    per_minute: Annotated[int, Meta(ge=1)] | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """`whsec_` + base64 of 24 to 64 random bytes; the new one first while they change."""

    secrets: Annotated[tuple[Annotated[str, Meta(pattern=r"^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")], ...], Meta(min_length=1, max_length=3)]

    def __post_init__(self) -> None:
        for each in self.secrets:
            try:
                base64.b64decode(each.removeprefix(_PREFIX), validate=True)
            except binascii.Error as error:
                raise ValueError("a secret is no base64") from error


def send(connection: Connection, message: Message, now: datetime) -> Conversation[Sent]:
    """One event."""
    config: Config = connection.config
    secrets: Secrets = connection.secrets
    body = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": message.id,
            "source": config.source,
            "type": f"notification.{message.event}",
            "subject": message.order_id,
            "time": time.text(message.at),
            "timestamp": time.text(message.at),
            "datacontenttype": "application/json",
            "data": {"order_id": message.order_id, "version": message.version, "role": message.role, **message.data},
        }
    )
    stamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/cloudevents+json",
        "webhook-id": message.id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signature(each, message.id, stamp, body) for each in secrets.secrets),
    }
    reply = yield from ask(Request("POST", config.url, headers, body, repeatable=True))
    if reply.status == 410:
        raise Refused("webhook_gone", "The address says that it is gone for good.")
    if not 200 <= reply.status < 300:
        wait = reply.headers.get("retry-after", "")
        later = min(int(wait), 3_600) if wait.isdecimal() else 5
        raise Unavailable("webhook_not_taken", f"answered {reply.status}", retry_after_s=later)
    return Sent()


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """The signature under one secret."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256)).decode()


TRANSPORT = Transport(code="webhook", title="Webhook", channels=("webhook",), config=Config, secrets=Secrets, send=send, repeatable=always)
