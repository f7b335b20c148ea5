"""Hands a mail to an SMTP server (aiosmtplib), and says exactly how far it came when that fails.

Until the text itself is handed over nothing has happened (Unavailable, or Refused where the server will not have this address);
from then on, without an answer, the server may have it (Unknown). One connection to one mail: a server that closes it in between
never leaves a doubt about another mail.
"""

import asyncio
import ssl
from collections.abc import Awaitable
from contextlib import suppress
from email.errors import MessageError
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr, formatdate, parseaddr
from secrets import token_hex

import aiosmtplib

from haat.kernel.errors import Refused, Unavailable
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Unknown

_FOR_GOOD = 500
GOODBYE_S = 2.0  # politeness has an end; the mail is taken
_POLICY = compat32.clone(linesep="\r\n")  # EmailMessage's policies parse each header that they are given: three times the work
_LINE_MAX = 998
_BREAKS = frozenset("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")  # whatever `str.splitlines` ends a line at, as the email package does


async def deliver(server: MailServer, mail: Mail, *, sent_at: float, limit_s: float = 30.0) -> str:
    """Hand it over; returns what the server said to it. `sent_at`: Unix seconds for the Date. Raises Refused, Unavailable or Unknown."""
    body = composed(mail, sent_at)
    handing_over = False
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=parseaddr(mail.sender)[1].rpartition("@")[2] or "localhost",
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        timeout=limit_s,
        tls_context=_trust(server),
    )
    try:
        async with asyncio.timeout(limit_s):
            await _answered(client.connect())
            if server.username:
                await _answered(client.login(server.username, server.password))
            await _answered(client.mail(parseaddr(mail.sender)[1]))
            await client.rcpt(mail.to)
            handing_over = True
            said = await client.data(body)
        with suppress(aiosmtplib.SMTPException, TimeoutError, OSError):
            await client.quit(timeout=GOODBYE_S)
        return said.message[:200]
    except (aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as error:
        words = f"{error.code} {error.message}"[:200]
        if error.code >= _FOR_GOOD:
            raise Refused("mail_refused", words) from error
        raise Unavailable("mail_later", words, retry_after_s=300) from error
    except (aiosmtplib.SMTPException, TimeoutError, OSError) as error:
        if handing_over:
            raise Unknown("mail_unanswered", f"no answer to the text: {type(error).__name__}") from error
        raise Unavailable("mail_unreachable", f"{type(error).__name__}: {error}"[:200], retry_after_s=30) from error
    finally:
        client.close()


def composed(mail: Mail, sent_at: float) -> bytes:
    """The bytes of the mail (RFC 5322), ASCII throughout: text, and HTML beside it. Refuses what cannot stand in a mail, as a line break
    in a header or an address that is not ASCII."""
    try:
        made = _parts(mail)
        made["Message-ID"] = f"<{mail.message_id}>"
        made["Date"] = formatdate(sent_at)
        made["From"] = _mailbox(mail.sender)
        made["To"] = formataddr(("", mail.to))
        made["Subject"] = _words("Subject", mail.subject)
        if mail.reply_to:
            made["Reply-To"] = _mailbox(mail.reply_to)
        for name, value in mail.headers:
            made[name] = _words(name, value)
        if broken := [name for name, value in made.items() if _BREAKS.intersection(value)]:
            raise ValueError(f"a line break in {broken[0]}")
        return made.as_bytes()
    except (ValueError, MessageError) as error:
        raise Refused("mail_malformed", f"{type(error).__name__}: {error}"[:200]) from error


def _parts(mail: Mail) -> MIMEBase:
    text = _part(mail.text, "plain")
    if not mail.html:
        return text
    both = MIMEMultipart("alternative", boundary=f"=_{token_hex(16)}", policy=_POLICY)
    both.attach(text)
    both.attach(_part(mail.html, "html"))
    return both


def _part(text: str, subtype: str) -> MIMEText:
    """As it is where it is ASCII with lines that SMTP takes (998, RFC 5321 4.5.3.1.6), else base64 of UTF-8 with CRLF (RFC 2046 4.1.1)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if text.isascii() and max(map(len, lines)) <= _LINE_MAX:
        return MIMEText("\n".join(lines), subtype, "us-ascii", policy=_POLICY)
    return MIMEText("\r\n".join(lines), subtype, "utf-8", policy=_POLICY)


def _mailbox(said: str) -> str:
    """`Name <address>` as a header has it. ValueError where there is no address in it, or one that is not ASCII."""
    name, address = parseaddr(said)
    if not address:
        raise ValueError("no address")
    return formataddr((name, address))


def _words(name: str, value: str) -> str:
    """As it is where it is ASCII, else in encoded words (RFC 2047), a line break in them left to be seen."""
    if value.isascii() or _BREAKS.intersection(value):
        return value
    return Header(value, "utf-8", header_name=name).encode(linesep="")


async def _answered(step: Awaitable[object]) -> None:
    """A step before the mail itself: whatever the server has against it is about us or it, never about this mail."""
    try:
        await step
    except aiosmtplib.SMTPResponseException as error:
        raise Unavailable("mail_account", f"{error.code} {error.message}"[:200], retry_after_s=300) from error


def _trust(server: MailServer) -> ssl.SSLContext | None:
    if server.security == "none":
        return None
    return ssl.create_default_context(cadata=server.certificate or None)
