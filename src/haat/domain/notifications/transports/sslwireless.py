"""SMS by SSL Wireless (ISMS Plus, Push API v3): POST JSON `/api/v3/send-sms`, one message.

Asked with `api_token, sid, msisdn (8801…), sms, csms_id`; answered `status, status_code, error_message, smsinfo[{sms_status,
status_message, msisdn, csms_id, reference_id}]`. `csms_id` (20 letters and digits, unique within a day) is made of our id: within the
day a second try is answered «duplicate» and nothing is sent twice. Two tables of codes are in use by integrators, v3.0 (duplicate
4012) and v3.1 (4023); both are read. Sources: the provider's PHP sample as published by integrators, and public client libraries.
"""

import hashlib
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct

from haat.domain.notifications.transport import Message, Sent, Transport
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Request, Unknown, answered, ask

TEXT_MAX = 1_000
DAY = ZoneInfo("Asia/Dhaka")
TAKEN = 200
DUPLICATE = {"4023", "4012"}
#: The account or the pace, not the message: wrong token, sender, address or format; too many requests.
ACCOUNT = {"4001", "4002", "4003", "4004", "4005", "4029", "4030", "4031", "4034", "4035", "4038", "4039"}
TOO_FAST = {"4029", "4031", "4039"}
#: v3.0 speaks of a wrong message where v3.1 speaks of a wrong number: the words decide.
ACCOUNT_WORDS = ("unauthorized", "not permitted", "whitelist", "blacklist", "limit exceeded", "too many", "signature", "balance", "credit")


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`sid`: the masking name or number under which SSL Wireless sends for us."""

    sid: Annotated[str, Meta(min_length=1, max_length=64)]
    url: Annotated[str, Meta(pattern=r"^https?://", max_length=200)] = "https://smsplus.sslwireless.com"
    per_minute: Annotated[int, Meta(ge=1)] | None = None


class Secrets(Struct, frozen=True, forbid_unknown_fields=True):
    api_token: Annotated[str, Meta(min_length=1, max_length=200)]


def send(connection: Connection, message: Message, now: datetime) -> Conversation[Sent]:
    """One SMS. A duplicate means that an earlier try arrived."""
    config: Config = connection.config
    secrets: Secrets = connection.secrets
    if len(message.body) > TEXT_MAX:
        raise Refused("sms_too_long", f"SSL Wireless takes {TEXT_MAX} characters.")
    asked = {
        "api_token": secrets.api_token,
        "sid": config.sid,
        "msisdn": message.to.lstrip("+"),
        "sms": message.body,
        "csms_id": reference(message.id),
    }
    request = Request(
        "POST",
        f"{config.url.rstrip('/')}/api/v3/send-sms",
        {"content-type": "application/json", "accept": "application/json"},
        msgspec.json.encode(asked),
        repeatable=True,
    )
    reply = answered((yield from ask(request)))
    said = reply.fields()
    code = str(said.get("status_code", "")) or str(reply.status)
    if code in DUPLICATE:
        return Sent(reference(message.id))
    if said.get("status") == "SUCCESS" and code == str(TAKEN):
        return _taken(said, message)
    raise _problem(code, str(said.get("error_message") or f"answered {reply.status}")[:200])


def reference(notification: str) -> str:
    """Our reference over there: twenty characters of a hash of our id."""
    return hashlib.blake2b(notification.encode(), digest_size=10).hexdigest()


def same_day(connection: Connection, first: datetime, now: datetime) -> bool:
    """References are unique within a day of Dhaka's calendar only."""
    return first.astimezone(DAY).date() == now.astimezone(DAY).date()


def _taken(said: dict[str, object], message: Message) -> Sent:
    infos = said.get("smsinfo")
    info = infos[0] if isinstance(infos, list) and infos and isinstance(infos[0], dict) else {}
    if info.get("sms_status") == "FAILED":
        raise Refused("sms_refused", str(info.get("status_message") or "refused")[:200])
    return Sent(str(info.get("reference_id") or reference(message.id)))


def _problem(code: str, words: str) -> Refused | Unavailable | Unknown:
    if code in TOO_FAST:
        return Unavailable("sms_too_fast", words, retry_after_s=10)
    if code == "5000":
        return Unknown("sms_trouble", words)
    if code in ACCOUNT or any(word in words.lower() for word in ACCOUNT_WORDS) or not code.startswith("4"):
        return Unavailable("sms_account", f"{code}: {words}", retry_after_s=300)
    return Refused("sms_refused", f"{code}: {words}")


TRANSPORT = Transport(
    code="sslwireless", title="SMS (SSL Wireless)", channels=("sms",), config=Config, secrets=Secrets, send=send, repeatable=same_day
)
