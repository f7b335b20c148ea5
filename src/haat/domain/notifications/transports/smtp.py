"""E-mail by SMTP (RFC 5321), with a text and an HTML part. The Message-ID is made of our id, so that a double shows itself.

Automatic mail says so (RFC 3834), which keeps holiday replies away. A server that took a mail and whose answer was lost may have
it; a second try would be a second mail.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from haat.domain.notifications.transport import Message, Transport, never
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Connection


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sender`: `Name <shop@example.com>` or the bare address. `certificate`: PEM of an authority of one's own."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    sender: Annotated[str, Meta(min_length=3, max_length=320)]
    reply_to: Annotated[str, Meta(max_length=320)] = ""
    certificate: Annotated[str, Meta(max_length=20_000)] = ""
    per_minute: Annotated[int, Meta(ge=1)] | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    """Empty: the server asks for none."""

    username: Annotated[str, Meta(max_length=320)] = ""
    password: Annotated[str, Meta(max_length=1_000)] = ""


def compose(connection: Connection, message: Message) -> tuple[MailServer, Mail]:
    """The mail, and where it is handed in."""
    config: Config = connection.config
    secrets: Secrets = connection.secrets
    domain = config.sender.rpartition("@")[2].rstrip("> ") or "localhost"
    server = MailServer(config.host, config.port, config.security, secrets.username, secrets.password, config.certificate)
    return server, Mail(
        message_id=f"{message.id}@{domain}",
        sender=config.sender,
        to=message.to,
        subject=message.subject,
        text=message.body,
        html=message.html,
        reply_to=config.reply_to,
        headers=(("Auto-Submitted", "auto-generated"), ("X-Haat-Order", message.order_id), ("Content-Language", message.language)),
    )


TRANSPORT = Transport(
    code="smtp", title="E-mail (SMTP)", channels=("email",), config=Config, secrets=Secrets, mail=compose, repeatable=never
)
