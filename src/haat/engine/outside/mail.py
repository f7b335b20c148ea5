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
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import formatdate, parseaddr

import aiosmtplib

from haat.kernel.errors import Refused, Unavailable
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Unknown

_FOR_GOOD = 500
GOODBYE_S = 2.0  # politeness has an end; the mail is taken


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
    """The bytes of the mail: text, and HTML beside it. Refuses what cannot stand in a mail, as a line break in an address."""
    made = EmailMessage(policy=MAIL_POLICY.clone(cte_type="7bit"))
    try:
        made["Message-ID"] = f"<{mail.message_id}>"
        made["Date"] = formatdate(sent_at)
        made["From"] = mail.sender
        made["To"] = mail.to
        made["Subject"] = mail.subject
        if mail.reply_to:
            made["Reply-To"] = mail.reply_to
        for name, value in mail.headers:
            made[name] = value
        made.set_content(mail.text)
        if mail.html:
            made.add_alternative(mail.html, subtype="html")
        return made.as_bytes()
    except (ValueError, IndexError, MessageError) as error:
        raise Refused("mail_malformed", f"{type(error).__name__}: {error}"[:200]) from error


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
