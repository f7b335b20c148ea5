"""Where messages to people arrive: SMS gateways, a mail server, web addresses that are told. Each is kept, repetitions too.

SSL Wireless (`/sms/api/v3/send-sms`, `csms_id` unique within a day), bulksmsbd (`/sms/api/smsapi`), and any address below
`/webhook/` (Standard Webhooks). The mail server speaks as much SMTP as is needed to hand a mail in.
"""

import asyncio
import contextlib
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mail

from haat_world.connections import Connection
from haat_world.truth import Message
from haat_world.wire import Answer, Call, Operation
from haat_world.world import World

SMS_TOKEN, SMS_SENDER = "sms-token", "HAAT"
WEBHOOK_SECRET = "whsec_" + "d29ybGQtaW4tYS1ib3gtd29ybGQtaW4tYS1ib3g="
DUPLICATE = 4023


def connections(url: str, mail_port: int = 0) -> list[Connection]:
    """SMS and webhook; mail where the world has a mail server."""
    found = [
        Connection("sms", "transport", "sslwireless", {"url": f"{url}/sms", "sid": SMS_SENDER}, {"api_token": SMS_TOKEN}),
        Connection("webhook", "transport", "webhook", {"url": f"{url}/webhook/haat"}, {"secrets": [WEBHOOK_SECRET]}),
    ]
    mail = {"host": "127.0.0.1", "port": mail_port, "security": "none", "sender": "Haat <shop@example.com>"}
    return [*found, Connection("mail", "transport", "smtp", mail, {})] if mail_port else found


def sms_operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", "/api/v3/send-sms", "send", desk.ssl_wireless, lambda call: str(call.json()["csms_id"])),
        Operation("POST", "/api/smsapi", "send", desk.bulksmsbd, lambda call: str(call.form().get("number", ""))),
    ]


def webhook_operations(world: World) -> list[Operation]:
    desk = _Desk(world)
    return [
        Operation("POST", "/{name}", "webhook", desk.webhook, lambda call: f"message {call.headers.get('webhook-id', '')}"),
        Operation("GET", "/{name}", "visit", desk.visit, faulty=False),
    ]


class _Desk:
    def __init__(self, world: World) -> None:
        self._world = world

    def ssl_wireless(self, call: Call) -> Answer:
        asked = call.json()
        fields = {name: str(asked.get(name) or "") for name in ("api_token", "sid", "msisdn", "sms", "csms_id")}
        if fields["api_token"] != SMS_TOKEN or fields["sid"] != SMS_SENDER:
            return _failed(4001, "Unauthorized api_token")
        if not (fields["msisdn"].startswith("8801") and len(fields["msisdn"]) == 13) or not 0 < len(fields["csms_id"]) <= 20:
            return _failed(4025, "Invalid msisdn or csms_id")
        if ("sms", fields["csms_id"]) in self._world.truth.told:
            return _failed(DUPLICATE, "Duplicate csms_id")
        self._keep("sms", fields["msisdn"], fields["csms_id"], fields["sms"])
        sent = {
            "sms_status": "SUCCESS",
            "status_message": "Success",
            "msisdn": fields["msisdn"],
            "sms_type": "EN",
            "sms_body": fields["sms"],
            "csms_id": fields["csms_id"],
            "reference_id": self._world.word(16, "sms", fields["csms_id"]),
        }
        return Answer({"status": "SUCCESS", "status_code": 200, "error_message": "", "smsinfo": [sent]})

    def bulksmsbd(self, call: Call) -> Answer:
        asked = call.form() | dict(call.query)
        if asked.get("api_key") != SMS_TOKEN:
            return Answer({"response_code": 1011, "error_message": "User not found"})
        if not asked.get("number") or not asked.get("message"):
            return Answer({"response_code": 1003, "error_message": "Please required all fields"})
        for number in asked["number"].split(","):
            self._keep("sms", number.strip(), "", asked["message"])
        return Answer(
            {"response_code": 202, "message_id": len(self._world.truth.messages), "success_message": "SMS Submitted Successfully"}
        )

    def webhook(self, call: Call) -> Answer:
        text = call.body.decode("utf-8", "replace")
        self._keep("webhook", call.path["name"], call.headers.get("webhook-id", ""), text, call)
        return Answer({})

    def visit(self, call: Call) -> Answer:
        """A browser that came by."""
        self._keep("visit", call.path["name"], "", "", call)
        return Answer({})

    def _keep(self, kind: str, to: str, key: str, text: str, call: Call | None = None) -> None:
        headers, query = ({}, {}) if call is None else (dict(call.headers), dict(call.query))
        message = Message(kind=kind, to=to, id=key, text=text, at=self._world.now(), headers=headers, query=query)
        self._world.truth.tell(message)


def _failed(code: int, why: str) -> Answer:
    return Answer({"status": "FAILED", "status_code": code, "error_message": why, "smsinfo": []})


async def mail_server(world: World, port: int) -> asyncio.Server:
    """A server that takes every mail; the receiver's address, the Message-ID and the text are kept. Port 0 takes a free one."""
    return await asyncio.start_server(lambda reader, writer: _talk(world, reader, writer), "127.0.0.1", port)


async def _talk(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, as far as RFC 5321 needs it: greeting, envelope, text, goodbye."""
    receivers: list[str] = []
    writer.write(b"220 haat.world ESMTP\r\n")
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while line := await reader.readline():
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    writer.write(b"250-haat.world\r\n250 SMTPUTF8\r\n" if verb.upper() == "EHLO" else b"250 haat.world\r\n")
                case "RCPT":
                    receivers.append(rest.partition(":")[2].split(">")[0].strip(" <>"))
                    writer.write(b"250 OK\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    _keep_mail(world, receivers, await reader.readuntil(b"\r\n.\r\n"))
                    receivers = []
                    writer.write(b"250 taken\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                case _:
                    writer.write(b"250 OK\r\n")
            await writer.drain()
    writer.close()


def _keep_mail(world: World, receivers: list[str], raw: bytes) -> None:
    mail = message_from_bytes(raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
    subject = str(make_header(decode_header(mail["subject"] or "")))
    text = f"{subject}\n\n{_plain(mail)}"
    for to in receivers:
        world.truth.tell(Message(kind="mail", to=to, id=str(mail["message-id"] or ""), text=text, at=world.now()))


def _plain(mail: Mail) -> str:
    """Its first part of plain text, else of HTML; lines end as in Python."""
    found = [(part.get_content_subtype(), part) for part in mail.walk() if part.get_content_type() in ("text/plain", "text/html")]
    if not found:
        return ""
    part = next((part for kind, part in found if kind == "plain"), found[0][1])
    body = part.get_payload(decode=True)
    return body.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n") if isinstance(body, bytes) else ""
