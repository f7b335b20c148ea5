"""The contract of a transport: one file in `transports/` that declares `TRANSPORT = Transport(…)`.

`send` is a conversation over HTTP (kernel/outside.py), `mail` composes a mail for a server; a transport has one of the two, or
neither where it only writes down. It ends with `Sent`, or raises

    Refused       this message will never be taken: a number that is none, a blocked address
    Unavailable   it surely was not taken, later it may be: out of credit, too fast, nobody there
    Unknown       it may have been taken

`repeatable(connection, first, now)`: whether the same message tried first at `first` may be handed over once more without being
delivered twice. Only then is a message of unknown fate sent again by itself: told once beats told twice.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from haat.domain.notifications.telling import Channel, Language, Role
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Connection, Conversation


class Message(Struct, frozen=True, kw_only=True):
    """One notification on its way out. `id` is its own and the same in every try; `to` empty: the connection's own address."""

    id: str
    event: str
    role: Role
    channel: Channel
    language: Language
    to: str
    subject: str
    body: str
    html: str = ""
    order_id: str
    version: int
    at: datetime
    data: Mapping[str, Any] = {}


class Sent(Struct, frozen=True):
    """It was taken. `reference`: what the other side calls it."""

    reference: str = ""


class Transport(Struct, frozen=True, kw_only=True):
    """A way out. `config` and `secrets` are the types in which an operator sets a connection up."""

    code: str
    title: str
    channels: tuple[Channel, ...]
    config: type[Struct]
    secrets: type[Struct]
    send: Callable[[Connection, Message, datetime], Conversation[Sent]] | None = None
    mail: Callable[[Connection, Message], tuple[MailServer, Mail]] | None = None
    repeatable: Callable[[Connection, datetime, datetime], bool]


def never(connection: Connection, first: datetime, now: datetime) -> bool:
    """A second try could be a second message."""
    return False


def always(connection: Connection, first: datetime, now: datetime) -> bool:
    """The other side sees by our id that it has it."""
    return True
