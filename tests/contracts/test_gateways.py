"""What every payment gateway keeps to, run over each one that is found: no I/O, bounded, and never money that is not there.

A gateway is fed lost answers, pages for people, words nobody knows, other people's amounts. What its wire looks like is in
`gateway_samples.py`; a new gateway brings its sample there.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

import haat.domain.payments.gateways
from haat.domain.payments import gateway
from haat.engine import plugins
from haat.engine.outside.connections import fit
from haat.kernel.errors import HaatError, Refused, Unavailable
from haat.kernel.outside import Connection, Conversation, Granted, Heard, Hook, Reply, Request, Token, Unknown
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, CHARGE, KNOWN, NOW, OURS, PAYBACK, SAMPLES, Sample
from tests.conversations import play, said

GATEWAYS = plugins.load(haat.domain.payments.gateways, "GATEWAY", gateway.Gateway)
every = pytest.mark.parametrize("code", GATEWAYS)
those_with_money = pytest.mark.parametrize("code", [code for code in GATEWAYS if SAMPLES[code].paid])
STATUSES = set(gateway.Status.__args__)  # type: ignore[attr-defined]
REASONS = set(gateway.Reason.__args__)  # type: ignore[attr-defined]


def known_to(code: str) -> tuple[gateway.Gateway, Sample]:
    return GATEWAYS[code], SAMPLES[code]


def operations(one: gateway.Gateway, connection: Connection) -> Iterator[tuple[str, Callable[[], Conversation[Any]]]]:
    """Every call that may be made, by name."""
    authorised = msgspec.structs.replace(KNOWN, authorise=True)
    take = gateway.Capture(known=authorised, amount=AMOUNT, key="p1")
    yield "create", lambda: one.create(connection, CHARGE, NOW)
    yield "confirm", lambda: one.confirm(connection, KNOWN, NOW)
    yield "query", lambda: one.query(connection, KNOWN, NOW)
    for name, verb, what in (
        ("capture", one.capture, take),
        ("void", one.void, authorised),
        ("refund", one.refund, PAYBACK),
        ("query_refund", one.query_refund, PAYBACK),
    ):
        if verb is not None:
            yield name, lambda verb=verb, what=what: verb(connection, what, NOW)  # type: ignore[misc]
    if one.query_dispute is not None:
        yield "query_dispute", lambda: one.query_dispute(connection, KNOWN, "DISPUTE-1", NOW)  # type: ignore[misc]
    if one.check is not None:
        yield "check", lambda: one.check(connection, NOW)  # type: ignore[misc]


def fed(conversation: Conversation[Any], answers: Iterator[Reply | Exception]) -> Any:
    """The value when everything asked for is answered from `answers`; a token is granted as the connector does it."""
    answer: Any = None
    for _ in range(25):
        try:
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
        except StopIteration as end:
            return end.value
        assert isinstance(step, Request | Token)
        if isinstance(step, Token):
            try:
                granted = fed(step.grant(""), answers)
            except HaatError as error:
                answer = error
                continue
            assert isinstance(granted, Granted)
            answer = granted.text
        else:
            answer = next(answers)
    raise AssertionError("it has no end")


def first(begin: Callable[[], Conversation[Any]]) -> Request | Token | None:
    """What an operation asks for first; nothing where there is nobody to ask."""
    try:
        return next(begin(), None)
    except Unknown as unasked:
        assert unasked.code == "no_lookup"
        return None


@every
def test_a_gateway_says_what_it_is_and_what_it_can_do(code: str) -> None:
    one, _ = known_to(code)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", one.code) and one.title and one.title_bn
    for needed in (one.config, one.secrets):
        assert needed.__struct_config__.frozen and needed.__struct_config__.forbid_unknown_fields
        assert msgspec.json.schema(needed)
    able = one.abilities
    assert able.limits and all(len(currency) == 3 and 0 < low <= high for currency, (low, high) in able.limits.items())
    assert (able.capture != "none") == (one.capture is not None)
    assert (able.refund != "none") == (one.refund is not None) == (one.query_refund is not None)
    assert not able.authorise or (one.capture is not None and one.void is not None)
    assert able.authorise == ("authorise" in one.config.__struct_fields__), "who can set money aside lets an operator choose"


@every
def test_a_connection_that_lacks_something_is_refused_by_name_and_a_whole_one_fits(code: str) -> None:
    one, sample = known_to(code)
    config, secrets = msgspec.to_builtins(sample.connection.config), msgspec.to_builtins(sample.connection.secrets)
    assert fit(one, config, secrets) == (sample.connection.config, sample.connection.secrets)
    with pytest.raises(Refused) as refused:
        fit(one, config | {"surprise": 1}, secrets)
    assert refused.value.data["errors"][0]["pointer"].startswith("/config")


@every
def test_nothing_happens_before_it_is_driven_and_what_is_asked_is_a_bounded_request(code: str) -> None:
    one, sample = known_to(code)
    for name, begin in operations(one, sample.connection):
        step = first(begin)
        if step is None:
            continue
        while isinstance(step, Token):
            step = step.grant("").send(None)
        assert step.method in ("GET", "POST", "PUT", "PATCH", "DELETE"), name
        assert step.url.startswith("https://") and len(step.url) < 2_000 and len(step.body) < 20_000
        assert all(header == header.lower() for header in step.headers)


@every
def test_a_lost_answer_is_never_a_failed_payment(code: str) -> None:
    """Each call, with its answers lost from the first, second, third … on, in both ways in which one can be lost."""
    one, sample = known_to(code)
    good = list(sample.paid(AMOUNT, "BDT", OURS, sample.word)) if sample.paid else []
    told = [each for each in good if isinstance(each, Reply)]
    token = said({"id_token": "t", "expires_in": 3600})
    for name, begin in operations(one, sample.connection):
        for lost in (Unknown("outside_lost", "lost"), Unavailable("outside_unreachable", "nobody there")):
            granted = [token] if isinstance(first(begin), Token) else []
            for before in ([], granted, [*granted, *told]) if name in ("confirm", "query") else ([], granted):
                answers = iter([*before, *[lost] * 25])
                try:
                    seen = fed(begin(), answers)
                except HaatError as error:
                    assert isinstance(error, Unknown | Unavailable | Refused), name
                else:
                    assert getattr(seen, "status", "") not in ("failed", "cancelled", "expired"), name


WORDS = st.sampled_from(
    ["Zorp", "", "0000", "9999", "Completed", "Success", "VALID", "succeeded", "DONE", "SUCCESS", "failed", "requires_capture"]
)
WIRE = (
    "statusCode transactionStatus paymentID bkashURL amount currency trxID id_token refundTrxId status id APIConnect element sessionkey "
    "GatewayPageURL tran_id val_id error latest_charge metadata object data reason sensitiveData signature callBackUrl refundTransactions "
    "expires_in last_payment_error amount_received payment_intent evidence_details due_by balance_transactions"
)
KEYS = st.sampled_from(sorted(WIRE.split()))
VALUES = st.recursive(
    WORDS | st.integers(-5, 10**6) | st.none() | st.booleans() | st.just("1520.50") | st.just(OURS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=8).map(msgspec.json.encode) | st.sampled_from(
    [b"", b"<html>Bad gateway", b"[]", b"null", b"\xff\xfe"]
)
REPLIES = st.builds(
    Reply, st.sampled_from([200, 200, 200, 201, 302, 400, 401, 402, 404, 409, 422, 429, 500, 502, 503, 504]), st.just({}), BODIES
)


@every
@given(data=st.data())
@settings(max_examples=150)
def test_whatever_is_answered_it_ends_in_our_words(code: str, data: st.DataObject) -> None:
    one, sample = known_to(code)
    name, begin = data.draw(st.sampled_from(list(operations(one, sample.connection))))

    def answers() -> Iterator[Reply]:
        while True:
            yield data.draw(REPLIES)

    try:
        seen = fed(begin(), answers())
    except (Unknown, Unavailable, Refused):
        return
    if isinstance(seen, gateway.Observation):
        assert seen.status in STATUSES and seen.reason in REASONS and seen.amount >= 0
        assert seen.status != "charged" or (seen.amount, seen.currency) == (AMOUNT, "BDT") or (name == "capture" and seen.amount <= AMOUNT)
        assert seen.soft == (seen.reason in gateway.SOFT) or seen.status != "failed"
    elif isinstance(seen, gateway.RefundObservation):
        assert seen.status in ("pending", "succeeded", "failed", "unknown")
    elif isinstance(seen, gateway.DisputeObservation):
        assert seen.status in get_args(gateway.DisputeStatus) and seen.amount >= 0
    else:
        assert isinstance(seen, gateway.Started | str)


@those_with_money
def test_what_was_paid_as_asked_is_charged_however_often_it_is_asked(code: str) -> None:
    one, sample = known_to(code)
    assert sample.paid
    for _ in range(2):
        seen, _asked = play(one.confirm(sample.connection, KNOWN, NOW), sample.paid(AMOUNT, "BDT", OURS, sample.word))
        assert (seen.status, seen.amount, seen.currency, seen.reference) == ("charged", AMOUNT, "BDT", "REF-1")
        asked, _asked = play(one.query(sample.connection, KNOWN, NOW), sample.paid(AMOUNT, "BDT", OURS, sample.word))
        assert asked == seen


@those_with_money
@given(amount=st.integers(1, 10**9).filter(lambda amount: amount != AMOUNT))
@settings(max_examples=30)
def test_another_amount_never_counts_as_charged(code: str, amount: int) -> None:
    one, sample = known_to(code)
    assert sample.paid
    seen, _ = play(one.confirm(sample.connection, KNOWN, NOW), sample.paid(amount, "BDT", OURS, sample.word))
    assert (seen.status, seen.reason, seen.soft) == ("unknown", "mismatch", False)


@those_with_money
def test_another_currency_or_somebody_elses_payment_never_counts_as_charged(code: str) -> None:
    one, sample = known_to(code)
    assert sample.paid
    foreign = gateway.ours("0195502c-7c58-7a3b-9f60-000000000000")
    for currency, ours in (("USD", OURS), ("BDT", foreign)):
        if currency == "USD" and not sample.names_currency:
            continue
        seen, _ = play(one.confirm(sample.connection, KNOWN, NOW), sample.paid(AMOUNT, currency, ours, sample.word))
        assert (seen.status, seen.reason) == ("unknown", "mismatch")


@those_with_money
def test_a_word_that_nobody_knows_is_unknown(code: str) -> None:
    one, sample = known_to(code)
    assert sample.paid
    seen, _ = play(one.query(sample.connection, KNOWN, NOW), sample.paid(AMOUNT, "BDT", OURS, "Zorp"))
    assert seen.status == "unknown"


@every
def test_a_hook_that_was_touched_is_refused_and_a_genuine_one_is_heard(code: str) -> None:
    one, sample = known_to(code)
    for hook in sample.genuine:
        told = one.verify(sample.connection, hook, NOW)
        assert isinstance(told, Heard) and told.key and told == one.verify(sample.connection, hook, NOW)
        (signal,), _ = play(one.heard(sample.connection, hook, NOW))
        assert signal.attempt in (ATTEMPT, "") and signal.said in STATUSES
        for place in range(0, len(hook.body), max(len(hook.body) // 40, 1)):
            touched = msgspec.structs.replace(hook, body=hook.body[:place] + bytes([hook.body[place] ^ 1]) + hook.body[place + 1 :])
            with pytest.raises(Refused):
                one.verify(sample.connection, touched, NOW)
    for forged in (
        Hook(),
        Hook(body=b"{}"),
        Hook(body=b"\xff"),
        Hook(body=b"verify_key=&verify_sign="),
        Hook(headers={"stripe-signature": "t=1,v1="}),
    ):
        with pytest.raises(Refused):
            one.verify(sample.connection, forged, NOW)


@every
@given(
    query=st.dictionaries(
        st.sampled_from(["paymentID", "status", "order_id", "tran_id", "attempt", "payment_intent"]), st.text(max_size=300)
    )
)
@settings(max_examples=50)
def test_whatever_a_browser_brings_back_is_a_hint_at_the_most(code: str, query: dict[str, str]) -> None:
    one, sample = known_to(code)
    signal = one.callback(sample.connection, query)
    assert isinstance(signal, gateway.Signal) and signal.said in STATUSES and len(signal.reference) <= 200


@every
def test_no_secret_stands_where_it_would_be_seen(code: str) -> None:
    """Not in the representation of a result; a connector hands out what it was told, never what it keeps."""
    one, sample = known_to(code)
    secrets = [value for value in msgspec.to_builtins(sample.connection.secrets).values() if len(value) > 5]
    for _, begin in operations(one, sample.connection):
        try:
            seen = fed(begin(), iter([said({"statusCode": "2001"}, 400)] * 25))
        except HaatError as error:
            seen = str(error)
        assert not any(secret in repr(seen) for secret in secrets)
