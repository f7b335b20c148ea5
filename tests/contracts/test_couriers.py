"""What every courier must keep, run over each one that is found.

A connection is made from a courier's own `Config` and `Secrets` (the least that they need), a conversation is driven here with
replies of our making: nothing is waited for, nothing is sent. A new file is tested without writing a test.
"""

import ast
import hmac
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

import haat.domain.fulfilment.couriers
from haat.domain.fulfilment import courier as contract
from haat.domain.fulfilment.courier import Area, Booked, Consignment, Courier, Declined, Known, NotThere, Recipient, Scan
from haat.engine import plugins
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Connection, Heard, Hook, Reply, Request, Unknown
from tests.domain.fulfilment.talking import drive

COURIERS: Mapping[str, Courier] = plugins.load(haat.domain.fulfilment.couriers, "COURIER", Courier)
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
REFERENCE = "019ab3c4-0d00-7000-8000-000000000001"
SECRET = "a-word-that-only-two-know"
#: What fits a field of a configuration by its name, where its type alone does not tell.
FILLED = {"store_id": "4711", "base_url": "https://courier.test", "book": {"path": "/parcels", "consignment": "consignment_id"}}

every_courier = pytest.mark.parametrize("courier", COURIERS.values(), ids=list(COURIERS))
every_hooked = pytest.mark.parametrize("courier", [c for c in COURIERS.values() if c.capabilities.hooks], ids=lambda c: c.code)


def connection_of(courier: Courier) -> Connection:
    config = {
        f.name: FILLED[f.name] for f in msgspec.structs.fields(courier.config) if f.name in FILLED and (f.required or f.name == "base_url")
    }
    secrets = {f.name: SECRET for f in msgspec.structs.fields(courier.secrets)}
    return Connection(
        kind="courier", code=f"{courier.code}-main", plugin=courier.code,
        config=msgspec.convert(config, courier.config), secrets=msgspec.convert(secrets, courier.secrets),
    )  # fmt: skip


def said(status: int, **fields: Any) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(fields).encode())


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def consignment(**more: Any) -> Consignment:
    to = Recipient("Rahima Khatun", "+8801712345678", "House 12, Road 5", "Beside the stadium", "Mirpur 10", "Mirpur", "Dhaka", "1216")
    it = Consignment(REFERENCE, to, cash=125_000, value=125_000, weight_g=800, area=Area("1", "2", "3", "Mirpur 10"), pickup="7")
    return msgspec.structs.replace(it, **more)


@every_courier
def test_a_courier_says_what_it_is(courier: Courier) -> None:
    assert courier.code.replace("_", "").isalnum() and courier.code == courier.code.lower()
    assert courier.title and courier.title_bn
    for kind in (courier.config, courier.secrets):
        assert kind.__struct_config__.frozen and kind.__struct_config__.forbid_unknown_fields
    assert connection_of(courier).config is not None


@every_courier
def test_a_courier_does_nothing_itself(courier: Courier) -> None:
    """No waiting, no library of the network, no clock: a connector is a conversation."""
    tree = ast.parse(inspect.getsource(sys.modules[courier.book.__module__]))
    imported = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not imported & {"httpx", "requests", "urllib3", "socket", "http", "asyncio", "aiohttp", "time", "random"}
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(tree))
    assert inspect.isgenerator(courier.book(connection_of(courier), consignment(), NOW))


@every_courier
def test_an_answer_without_a_consignment_is_unknown(courier: Courier) -> None:
    try:
        result, asked = drive(courier.book(connection_of(courier), consignment(), NOW), lambda _: Reply(200, body=b'{"status": 200}'))
    except Unknown:
        return
    assert isinstance(result, Booked) and not asked


@every_courier
def test_a_lost_answer_to_a_booking_is_unknown_and_nothing_is_sent_again(courier: Courier) -> None:
    sent: list[Request] = []

    def lost(request: Request) -> Exception:
        sent.append(request)
        return Unknown("timeout", "no answer in time")

    try:
        result, _ = drive(courier.book(connection_of(courier), consignment(), NOW), lost)
    except Unknown:
        assert len(sent) == 1 and not sent[0].question and not sent[0].repeatable
    else:
        assert isinstance(result, Booked) and not sent


@every_courier
@pytest.mark.parametrize("status", [500, 502, 504])
def test_trouble_over_there_while_booking_is_unknown(courier: Courier, status: int) -> None:
    try:
        result, asked = drive(courier.book(connection_of(courier), consignment(), NOW), lambda _: Reply(status, body=b"<html>oops</html>"))
    except Unknown:
        return
    assert isinstance(result, Booked) and not asked


@every_courier
def test_a_booking_that_was_sent_before_is_looked_up_first(courier: Courier) -> None:
    """What the courier has is not sent again; where it cannot say, nothing is sent."""
    asked: list[Request] = []

    def there(request: Request) -> Reply:
        asked.append(request)
        return said(200, delivery_status="in_review", consignment_id="C-1", consignment="C-1")

    try:
        found, _ = drive(contract.booking(courier, connection_of(courier), consignment(), now=NOW, again=True), there)
        assert isinstance(found, Booked) and found.consignment
    except Unknown as cannot_say:
        assert cannot_say.code
    assert all(request.question for request in asked), "nothing that has an effect was sent"


@every_courier
def test_a_look_up_that_is_not_answered_is_not_an_answer(courier: Courier) -> None:
    for reply in (Reply(500), Reply(400, body=b"?"), Reply(200, body=b"<html>"), Reply(503)):
        try:
            found, asked = drive(courier.look_up(connection_of(courier), REFERENCE, NOW), always(reply))
        except (Unknown, Unavailable):
            continue
        assert not isinstance(found, NotThere)
        assert not asked


@every_courier
def test_questions_say_that_they_are_questions(courier: Courier) -> None:
    known = Known("123", REFERENCE)
    connection = connection_of(courier)
    for conversation in (
        courier.track and courier.track(connection, known, NOW),
        courier.price and courier.price(connection, consignment()),
    ):
        if conversation is not None:
            _, asked = drive(conversation, lambda _: said(404))
            assert all(request.question and request.repeatable for request in asked)


@every_courier
def test_credentials_that_open_nothing_are_not_called_well(courier: Courier) -> None:
    if courier.check is not None:
        with pytest.raises((Refused, Unavailable)):
            drive(courier.check(connection_of(courier), NOW), always(said(401, message="Unauthorized")))


@every_courier
def test_an_answer_of_any_shape_to_a_question_is_survived(courier: Courier) -> None:
    known = Known("123", REFERENCE)
    for body in (
        b"",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b'{"data": 7}',
        b'{"data": {"order_status_slug": {"a": 1}}}',
        b'{"parcel": []}',
        b"\xff",
    ):
        if courier.track is not None:
            scans, _ = drive(courier.track(connection_of(courier), known, NOW), always(Reply(200, body=body)))
            assert all(isinstance(scan, Scan) for scan in scans)
        with suppress(Unknown):
            drive(courier.book(connection_of(courier), consignment(), NOW), always(Reply(200, body=body)))


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=320) | st.sampled_from(
    ["", " ", "মোছাঃ রাহিমা খাতুন " * 20, "😀" * 400, "a" * 300, "x\x00y\nz\t", "ক্ষ" * 150, "র\u200d্যাব " * 60, "\u202eevil", '"}{\\', "é" * 250]
)
PARCELS = st.builds(
    consignment,
    recipient=st.builds(lambda name, line, landmark: Recipient(name, "+8801812345678", line, landmark, "Zindabazar", "Sadar", "Sylhet"), HOSTILE, HOSTILE, HOSTILE),
    instruction=HOSTILE, description=HOSTILE, weight_g=st.integers(0, 40_000), cash=st.integers(0, 10**9),
)  # fmt: skip


@every_courier
@given(it=PARCELS)
@settings(max_examples=60, deadline=None)
def test_whatever_a_buyer_writes_fits_the_courier_s_fields_or_is_declined_before_it_is_sent(courier: Courier, it: Consignment) -> None:
    sent: list[Request] = []

    def lost(request: Request) -> Exception:
        sent.append(request)
        return Unknown("timeout", "")

    try:
        result, _ = drive(courier.book(connection_of(courier), it, NOW), lost)
        assert isinstance(result, Booked | Declined) and not sent
    except Unknown:
        body = json.loads(sent[0].body or b"{}")
        for field, value in body.items():
            assert not isinstance(value, str) or (len(value) <= 400 and all(ord(c) >= 32 for c in value)), field
            if "name" in field:
                assert 2 <= len(value) <= 100
            if field in ("recipient_address", "customer_address"):
                assert 10 <= len(value) <= 250
            if field in ("amount_to_collect", "cod_amount"):
                assert type(value) is int and abs(value * 100 - it.cash) <= 50
            if field == "item_weight":
                assert 0.5 <= value <= 10


@every_courier
@pytest.mark.parametrize("phone", ["", "+8801112345678", "+4917012345678", "017123", "০১৭১২৩৪৫৬৭৮", "abc"])
def test_a_number_that_no_rider_can_call_is_declined_before_anything_is_sent(courier: Courier, phone: str) -> None:
    it = consignment(recipient=Recipient("Karim", phone, "House 1, Road 2, Block C", district="Dhaka"))
    try:
        result, asked = drive(courier.book(connection_of(courier), it, NOW), lambda _: Unknown("timeout", ""))
    except Unknown:
        assert not courier.capabilities.needs_phone or phone.startswith("০")
    else:
        assert not asked
        assert isinstance(result, Booked) or (result.final and result.reason == "phone_invalid")


@every_courier
def test_a_hook_of_a_stranger_is_refused(courier: Courier) -> None:
    body = json.dumps({"event": "order.delivered", "consignment_id": "C1", "status": "delivered", "collected_amount": 1}).encode()
    for hook in (
        Hook(body=body),
        Hook(
            headers={"x-pathao-signature": "guess", "authorization": "Bearer guess", "x-signature": "00"},
            query={"token": "guess"},
            body=body,
        ),
        Hook(headers={"x-pathao-signature": "", "authorization": "Bearer ", "x-signature": ""}, query={"token": ""}, body=body),
        Hook(headers={"x-pathao-signature": "é", "authorization": "Bearer é", "x-signature": "é"}, query={"token": "é"}, body=body),
    ):
        with pytest.raises(Refused) as refused:
            courier.verify(connection_of(courier), hook, NOW)
        assert refused.value.kind == "unauthenticated"


@every_hooked
def test_a_courier_whose_shared_word_was_never_set_hears_nobody(courier: Courier) -> None:
    connection = connection_of(courier)
    empty = msgspec.structs.replace(
        connection.secrets, **{name: "" for name in ("webhook_secret", "webhook_token") if hasattr(connection.secrets, name)}
    )
    for headers in ({}, {"x-pathao-signature": "", "authorization": "Bearer ", "x-signature": ""}):
        with pytest.raises(Refused):
            courier.verify(msgspec.structs.replace(connection, secrets=empty), Hook(headers=headers, query={"token": ""}, body=b"{}"), NOW)


@every_hooked
def test_hooks_are_compared_in_constant_time(courier: Courier) -> None:
    assert "hmac.compare_digest(" in inspect.getsource(courier.verify)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=6,
)
FIELDS = ("event", "consignment_id", "merchant_order_id", "collected_amount", "updated_at", "notification_type", "status", "invoice", "cod_amount",
          "tracking_number", "invoice_number", "timestamp", "consignment", "reference", "at", "collected", "reason", "delivery_fee")  # fmt: skip


@every_courier
@given(body=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=12) | JSON)
@settings(max_examples=80, deadline=None)
def test_a_hook_of_any_shape_is_read_without_a_crash_and_what_is_unknown_moves_nothing(courier: Courier, body: Any) -> None:
    scans = courier.heard(connection_of(courier), Hook(body=json.dumps(body).encode()), NOW)
    for scan in scans:
        assert scan.consignment or scan.reference
        assert scan.at.tzinfo is not None
        assert scan.known or (scan.status == "" and scan.collected is None)
        assert scan.collected is None or scan.status in contract.PAID_AT_THE_DOOR | {"returning"}
        assert len(scan.key) <= 500
        assert msgspec.json.decode(msgspec.json.encode(scan), type=Scan) == scan


@every_hooked
def test_an_unknown_word_is_kept_as_it_came(courier: Courier) -> None:
    told = {"event": "order.teleported", "notification_type": "delivery_status", "status": "teleported",
            "consignment_id": "C1", "consignment": "C1", "tracking_number": "C1"}  # fmt: skip
    (scan,) = courier.heard(connection_of(courier), Hook(body=json.dumps(told).encode()), NOW)
    assert (scan.status, scan.known) == ("", False)
    assert "teleported" in scan.said


@every_hooked
def test_a_hook_is_answered_as_its_sender_expects(courier: Courier) -> None:
    """A hook that proves itself is answered with 2xx; told twice, it has one key."""
    answers = [answer for answer in (_proven(courier, b'{"event": "order.created", "consignment_id": "C1"}') for _ in range(2)) if answer]
    assert answers and answers[0] == answers[1]
    assert 200 <= answers[0].status < 300 and answers[0].keep


def _proven(courier: Courier, body: bytes) -> Heard | None:
    connection = connection_of(courier)
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    headers = {"x-pathao-signature": SECRET, "authorization": f"Bearer {SECRET}", "x-signature": signature}
    return courier.verify(connection, Hook(headers=headers, query={"token": SECRET}, body=body), NOW)
