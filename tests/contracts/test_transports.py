"""What every transport must keep, run over each one that is found; and every text, in every language, over every sample."""

import re
import string
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from haat.domain import notifications
from haat.engine import plugins
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.mail import Mail, MailServer
from haat.kernel.outside import Connection, Reply, Request, Unknown

TRANSPORTS: Mapping[str, notifications.Transport] = plugins.load(
    "haat.domain.notifications.transports", "TRANSPORT", notifications.Transport
)
AT = datetime(2026, 11, 2, 6, tzinfo=UTC)
URL = "https://gateway.example/in"
#: How each is set up. A new transport adds its line.
SET_UP: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "http_sms": ({"url": URL, "body": '{"to": "${plain}", "text": "${text}", "key": "${secret}"}', "taken": '"ok"'}, {"secret": "s3cret"}),
    "log": ({}, {}),
    "smtp": ({"host": "mail.example", "sender": "Haat <shop@example.com>"}, {"username": "u", "password": "s3cret"}),
    "sslwireless": ({"sid": "HAAT", "url": "https://gateway.example"}, {"api_token": "s3cret"}),
    "webhook": ({"url": URL}, {"secrets": ["whsec_" + "A" * 32]}),
}
#: What each is answered when it took a message.
TAKEN = {
    "http_sms": b'{"status": "ok"}',
    "sslwireless": b'{"status": "SUCCESS", "status_code": 200, "smsinfo": [{"sms_status": "SUCCESS", "reference_id": "R1"}]}',
    "webhook": b"",
}

every = pytest.mark.parametrize("transport", TRANSPORTS.values(), ids=list(TRANSPORTS))
over_http = pytest.mark.parametrize("transport", [t for t in TRANSPORTS.values() if t.send], ids=lambda t: t.code)


def connection(transport: notifications.Transport) -> Connection:
    config, secrets = SET_UP[transport.code]
    return Connection(
        kind="transport", code="here", plugin=transport.code,
        config=msgspec.convert(config, transport.config), secrets=msgspec.convert(secrets, transport.secrets),
    )  # fmt: skip


def message(transport: notifications.Transport, **said: Any) -> notifications.Message:
    channel = transport.channels[0]
    to = {"email": "rahima@example.com", "sms": "+8801712345678", "webhook": ""}[channel]
    fields: dict[str, Any] = {
        "id": "01a19ad7-db00-79ef-9d4a-8dab9b2e4422", "event": "placed", "role": "customer", "channel": channel, "language": "bn", "to": to,
        "subject": "অর্ডার", "body": 'অর্ডার "7KQ2" & <b>৳ ১০০</b>\\', "html": "<p>x</p>" if channel == "email" else "", "order_id": "o1",
        "version": 3, "at": AT, "data": {"number": "7KQ2"},
    }  # fmt: skip
    return notifications.Message(**(fields | said))


def talk(transport: notifications.Transport, *replies: Reply, now: datetime = AT, **said: Any) -> tuple[list[Request], notifications.Sent]:
    assert transport.send is not None
    conversation = transport.send(connection(transport), message(transport, **said), now)
    asked = []
    step = next(conversation)
    for reply in replies:
        assert isinstance(step, Request)
        asked.append(step)
        try:
            step = conversation.send(reply)
        except StopIteration as end:
            return asked, end.value
    raise AssertionError("it asks for more than one reply")


@every
def test_a_transport_says_what_it_is(transport: notifications.Transport) -> None:
    assert re.fullmatch(r"[a-z_]+", transport.code) and transport.title and transport.channels
    assert set(transport.channels) <= set(notifications.CHANNELS)
    assert transport.send is None or transport.mail is None
    for kind in (transport.config, transport.secrets):
        assert kind.__struct_config__.frozen and kind.__struct_config__.forbid_unknown_fields


@every
def test_a_transport_knows_whether_a_second_try_is_a_second_message(transport: notifications.Transport) -> None:
    assert transport.repeatable(connection(transport), AT, AT + timedelta(minutes=1)) in (True, False)


@over_http
def test_the_same_message_is_the_same_request_and_is_taken(transport: notifications.Transport) -> None:
    (first,), sent = talk(transport, Reply(200, body=TAKEN[transport.code]))
    (second,), _ = talk(transport, Reply(200, body=TAKEN[transport.code]))
    assert isinstance(sent, notifications.Sent) and first == second
    assert first.url.startswith("https://gateway.example") and first.method == "POST" and first.headers["content-type"]
    assert first.repeatable or not transport.repeatable(connection(transport), AT, AT)


@over_http
def test_the_text_arrives_whatever_signs_it_has(transport: notifications.Transport) -> None:
    (asked,), _ = talk(transport, Reply(200, body=TAKEN[transport.code]))
    said = msgspec.json.decode(asked.body)
    if "sms" in transport.channels:
        assert message(transport).body in said.values()
        assert "8801712345678" in said.values()
    else:
        assert said["data"]["number"] == "7KQ2"


@over_http
@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 418, 429, 500, 502, 503, 504])
def test_no_answer_but_the_right_one_is_taken_for_sent(transport: notifications.Transport, status: int) -> None:
    for body in (b"", b"<html>", b"[]", b"null", b'{"status": 7}', b"\xff\xfe"):
        with pytest.raises((Refused, Unavailable, Unknown)):
            talk(transport, Reply(status, body=body))


@over_http
def test_an_outage_is_never_a_refusal(transport: notifications.Transport) -> None:
    for status in (429, 502, 503):
        with pytest.raises((Unavailable, Unknown)):
            talk(transport, Reply(status))


@pytest.mark.parametrize("transport", [t for t in TRANSPORTS.values() if t.mail], ids=lambda t: t.code)
def test_a_mail_has_our_id_and_both_forms(transport: notifications.Transport) -> None:
    assert transport.mail is not None
    server, mail = transport.mail(connection(transport), message(transport))
    assert isinstance(server, MailServer) and isinstance(mail, Mail)
    assert mail.message_id.startswith(message(transport).id + "@") and mail.to == "rahima@example.com"
    assert (mail.text, mail.html) == (message(transport).body, "<p>x</p>")
    assert "s3cret" not in repr(server)


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the Standard Webhooks libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    webhook = TRANSPORTS["webhook"]
    made = webhook.send.__globals__["signature"](secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)  # type: ignore[union-attr]
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("code", "words", "problem"),
    [
        (4001, "Unauthorized", Unavailable), (4003, "IP not whitelisted", Unavailable), (4031, "TPS limit exceeded", Unavailable),
        (4029, "Too many requests", Unavailable), (4025, "Invalid MSISDN", Refused), (4026, "Blocked MSISDN", Refused),
        (4014, "Invalid MSISDN", Refused), (4038, "Limit exceeded", Unavailable), (5000, "Internal server error", Unknown),
    ],
)  # fmt: skip
def test_an_sms_gateway_that_is_against_us_is_not_against_the_message(code: int, words: str, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        talk(
            TRANSPORTS["sslwireless"],
            Reply(200, body=msgspec.json.encode({"status": "FAILED", "status_code": code, "error_message": words})),
        )


@pytest.mark.parametrize("code", [4023, 4012])
def test_a_duplicate_says_that_an_earlier_try_arrived(code: int) -> None:
    _, sent = talk(TRANSPORTS["sslwireless"], Reply(200, body=msgspec.json.encode({"status": "FAILED", "status_code": code})))
    assert len(sent.reference) == 20 and set(sent.reference) <= set(string.hexdigits)


def test_a_gateway_of_any_kind_can_be_described() -> None:
    """As bulksmsbd wants it: a form, digits without a sign, an answer with a code."""
    kind = TRANSPORTS["http_sms"]
    config = {
        "url": "https://bulk.example/api/smsapi", "form": "form", "taken": r'"response_code":\s*202', "refused": r'"response_code":\s*1001',
        "body": "api_key=${secret}&type=text&number=${plain}&senderid=HAAT&message=${text}", "reference": r'"id":\s*(\d+)',
    }  # fmt: skip
    there = Connection(kind="transport", code="b", plugin="http_sms", config=msgspec.convert(config, kind.config),
                       secrets=msgspec.convert({"secret": "k"}, kind.secrets))  # fmt: skip
    assert kind.send is not None
    for body, ends in (
        (b'{"response_code": 202, "id": 77}', "77"),
        (b'{"response_code":1001}', Refused),
        (b'{"response_code":1007}', Unavailable),
    ):
        conversation = kind.send(there, message(kind, body="a & b=১"), AT)
        asked = next(conversation)
        assert isinstance(asked, Request)
        assert asked.body == b"api_key=k&type=text&number=8801712345678&senderid=HAAT&message=a+%26+b%3D%E0%A7%A7"
        with pytest.raises(StopIteration if isinstance(ends, str) else ends) as ended:
            conversation.send(Reply(200, body=body))
        assert not isinstance(ends, str) or ended.value.value.reference == ends
    with pytest.raises(msgspec.ValidationError, match="there is no"):
        msgspec.convert({"url": URL, "body": "${phone}"}, kind.config)
    with pytest.raises(msgspec.ValidationError, match="no regular expression"):
        msgspec.convert({"url": URL, "taken": "("}, kind.config)


@pytest.mark.parametrize("language", notifications.LANGUAGES)
@pytest.mark.parametrize("place", notifications.written(), ids="/".join)
def test_every_text_says_something_of_every_sample(place: tuple[str, Any, Any], language: notifications.Language) -> None:
    event, role, channel = place
    key = (event, role, channel, language)
    samples = [notifications.filled(each, language) for each in notifications.samples(event, role)]
    shown = notifications.check(key, notifications.brought(key), samples, sms_parts_max=notifications.Manners().sms_parts_max)
    for sample, said in zip(samples, shown, strict=True):
        assert sample["number"] in said.subject + said.body
        assert (channel == "email") == bool(said.subject) and "None" not in said.body
        assert not re.search(r"\n\n\n| [,:.।]|^[,:.।]", said.body, re.MULTILINE), said.body
        if language == "bn" and channel == "email":
            assert re.search(r"[\u0980-\u09ff]", said.subject + said.body)
            assert not re.search(r"Tk \d", said.subject + said.body)
        if language == "en" and channel == "sms":
            assert "৳" not in said.body and said.parts <= 3
        page = notifications.html(said.subject, said.body, name="Haat", language=language)
        assert page.count("<p") >= 2 and "{{" not in page


def test_every_event_is_told_by_some_fact_and_every_fact_exists() -> None:
    told = {telling.event for tellings in notifications.TOLD.values() for telling in tellings}
    assert told == set(notifications.EVENTS)
