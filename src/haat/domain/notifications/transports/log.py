"""Writes down and sends nothing: for development, and for a shop that wants to see what it would tell before it tells it."""

from msgspec import Struct

from haat.domain.notifications.transport import Transport, always


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set up."""


TRANSPORT = Transport(
    code="log", title="Only written down", channels=("email", "sms", "webhook"), config=Config, secrets=Config, repeatable=always
)
