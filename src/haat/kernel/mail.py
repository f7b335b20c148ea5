"""A mail, and the server that takes it: what `engine/outside/mail.py` sends and a transport of notifications composes. Pure."""

from typing import Literal

from msgspec import Struct


class MailServer(Struct, frozen=True):
    """An SMTP server. `security`: `tls` from the first byte, `starttls` demanded, or `none` (a relay on the same machine)."""

    host: str
    port: int = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    certificate: str = ""  # PEM of the authority to trust, where it is none that everybody trusts

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port}, {self.security})"


class Mail(Struct, frozen=True):
    """One mail to one address. `message_id` without brackets: the same for the same mail, so that a double can be seen as one."""

    message_id: str
    sender: str
    to: str
    subject: str
    text: str
    html: str = ""
    reply_to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
