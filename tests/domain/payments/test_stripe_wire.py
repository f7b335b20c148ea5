"""Stripe on the wire: what is sent, what intents and declines mean, signatures that agree with the official SDK's."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
import stripe as sdk

from haat.domain.payments import gateway
from haat.domain.payments.gateways import stripe
from haat.domain.payments.gateways._stripe_words import DISPUTE as DISPUTE_WORDS
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Hook, Unknown
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, CHARGE, KNOWN, NOW, PAYBACK, REFUND, SAMPLES, signed_by_stripe, stripe_event
from tests.conversations import play, request, said

CONNECTION = SAMPLES["stripe"].connection
INTENT = {
    "id": "REF-1", "object": "payment_intent", "status": "succeeded", "amount": AMOUNT, "amount_received": AMOUNT, "currency": "bdt",
    "metadata": {"attempt": ATTEMPT}, "created": int(NOW.timestamp()), "client_secret": "REF-1_secret_x",
}  # fmt: skip
AUTHORISED = msgspec.structs.replace(KNOWN, authorise=True)


def form_of(step):
    return Hook(body=request(step).body).form()


def test_without_a_payment_method_the_buyers_page_goes_on_with_the_handle():
    told = INTENT | {"status": "requires_payment_method", "amount_received": 0}
    started, (asked,) = play(stripe.create(CONNECTION, CHARGE, NOW), [said(told)])
    assert started == gateway.Started("REF-1", handle="REF-1_secret_x")
    form = form_of(asked)
    assert (form["amount"], form["currency"], form["capture_method"], form["metadata[attempt]"]) == ("152050", "bdt", "automatic", ATTEMPT)
    assert form["automatic_payment_methods[enabled]"] == "true" and "confirm" not in form
    assert asked.headers["idempotency-key"] == f"{ATTEMPT}:create" and asked.question and asked.repeatable


def test_with_a_payment_method_it_is_confirmed_at_once_and_may_move_money():
    charge = msgspec.structs.replace(CHARGE, method="pm_1", authorise=True)
    told = INTENT | {"status": "requires_action", "next_action": {"redirect_to_url": {"url": "https://3ds.test"}}}
    started, (asked,) = play(stripe.create(CONNECTION, charge, NOW), [said(told)])
    assert started.redirect_url == "https://3ds.test"
    assert (form_of(asked)["confirm"], form_of(asked)["capture_method"], asked.question) == ("true", "manual", False)


def test_parameters_that_simulated_servers_refuse_can_be_left_out():
    plain = msgspec.structs.replace(CONNECTION, config=msgspec.structs.replace(CONNECTION.config, optional=False))
    _, (asked,) = play(stripe.create(plain, CHARGE, NOW), [said(INTENT | {"status": "requires_payment_method"})])
    assert not {"description", "automatic_payment_methods[enabled]", "return_url"} & set(form_of(asked))


@pytest.mark.parametrize(
    ("code", "decline", "reason", "soft"),
    [
        ("card_declined", "insufficient_funds", "insufficient_funds", True),
        ("card_declined", "do_not_honor", "declined", True),
        ("card_declined", "stolen_card", "suspected_fraud", False),
        ("card_declined", "fraudulent", "suspected_fraud", False),
        ("expired_card", None, "expired_card", False),
        ("incorrect_cvc", None, "invalid_account", False),
        ("processing_error", None, "gateway_error", True),
        ("authentication_required", "authentication_required", "authentication_failed", True),
        ("something_new", "word_of_tomorrow", "declined", True),
    ],
)
def test_a_declined_card_is_soft_or_hard(code, decline, reason, soft):
    error = {"type": "card_error", "code": code, "decline_code": decline}
    refused = INTENT | {"status": "requires_payment_method", "last_payment_error": error}
    for answers in ([said({"error": error | {"payment_intent": refused}}, 402)], [said({"error": error}, 402)], [said(refused)]):
        seen, _ = play(stripe.create(CONNECTION, msgspec.structs.replace(CHARGE, method="pm_1"), NOW), answers)
        assert (seen.status, seen.reason, seen.soft) == ("failed", reason, soft)


def test_after_a_declined_card_the_same_form_takes_the_next_one():
    error = {"type": "card_error", "code": "card_declined", "decline_code": "stolen_card"}
    refused = INTENT | {"status": "requires_payment_method", "last_payment_error": error}
    open_still = gateway.Observation(status="pending", reference="REF-1", reason="suspected_fraud", raw_code="stolen_card")
    for look in (stripe.query, stripe.confirm):
        assert play(look(CONNECTION, KNOWN, NOW), [said(refused)])[0] == open_still
    waits = INTENT | {"status": "requires_confirmation"}
    answers = [said(waits), said({"error": error | {"payment_intent": refused}}, 402)]
    assert play(stripe.confirm(CONNECTION, KNOWN, NOW), answers)[0] == open_still
    assert play(stripe.query(CONNECTION, KNOWN, NOW), [said(INTENT)])[0].status == "charged"
    assert play(stripe.query(CONNECTION, KNOWN, NOW), [said(refused | {"status": "canceled"})])[0].status == "cancelled"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("requires_payment_method", "pending"), ("requires_action", "pending"), ("processing", "pending"), ("requires_capture", "unknown"),
        ("canceled", "cancelled"), ("succeeded", "charged"), ("word_of_tomorrow", "unknown"),
    ],
)  # fmt: skip
def test_an_intents_status_in_our_words(word, status):
    wrong = {"amount": 1} if word == "requires_capture" else {}
    assert play(stripe.query(CONNECTION, KNOWN, NOW), [said(INTENT | {"status": word} | wrong)])[0].status == status


def test_what_waits_for_a_confirmation_is_confirmed_and_nothing_else_is():
    waits = INTENT | {"status": "requires_confirmation", "payment_method": "pm_1"}
    seen, (_, asked) = play(stripe.confirm(CONNECTION, KNOWN, NOW), [said(waits), said(INTENT)])
    assert seen.status == "charged" and asked.headers["idempotency-key"] == f"{ATTEMPT}:confirm:pm_1", (
        "the next card is not answered for it"
    )
    assert len(play(stripe.confirm(CONNECTION, KNOWN, NOW), [said(INTENT)])[1]) == 1


def test_an_authorisation_says_when_it_lapses():
    held = INTENT | {"status": "requires_capture", "amount_received": 0}
    seen, _ = play(stripe.query(CONNECTION, AUTHORISED, NOW), [said(held)])
    assert (seen.status, seen.lapses_at) == ("authorized", NOW + timedelta(days=7))
    soon = int((NOW + timedelta(days=2)).timestamp())
    charge = {"id": "ch_1", "payment_method_details": {"card": {"capture_before": soon}}}
    assert play(stripe.query(CONNECTION, AUTHORISED, NOW), [said(held | {"latest_charge": charge})])[0].lapses_at == NOW + timedelta(days=2)


def test_a_part_is_captured_under_the_parcels_name():
    take = gateway.Capture(known=AUTHORISED, amount=100_000, key="parcel-1")
    seen, (asked,) = play(stripe.capture(CONNECTION, take, NOW), [said(INTENT | {"amount_received": 100_000})])
    assert (seen.status, seen.amount) == ("charged", 100_000)
    assert form_of(asked) == {"amount_to_capture": "100000"} and asked.headers["idempotency-key"] == f"{ATTEMPT}:capture:parcel-1"
    more, _ = play(stripe.capture(CONNECTION, take, NOW), [said(INTENT | {"amount_received": AMOUNT + 1})])
    assert more.reason == "mismatch"


MANY = msgspec.structs.replace(CONNECTION, config=msgspec.structs.replace(CONNECTION.config, multicapture=True))


def a_card(multicapture):
    card = {"multicapture": {"status": multicapture}} if multicapture else {}
    return said(INTENT | {"status": "requires_capture", "latest_charge": {"id": "ch_1", "payment_method_details": {"card": card}}})


def test_parts_may_be_asked_for_only_where_the_shop_has_a_contract_for_them():
    charge = msgspec.structs.replace(CHARGE, authorise=True)
    for connection, asks in ((CONNECTION, False), (MANY, True)):
        _, (asked,) = play(stripe.create(connection, charge, NOW), [said(INTENT | {"status": "requires_payment_method"})])
        assert ("payment_method_options[card][request_multicapture]" in form_of(asked)) == asks
        assert gateway.abilities_of(stripe.GATEWAY, connection).capture == ("multiple" if asks else "partial")
    _, (asked,) = play(stripe.create(MANY, CHARGE, NOW), [said(INTENT | {"status": "requires_payment_method"})])
    assert "payment_method_options[card][request_multicapture]" not in form_of(asked), "what is taken at once has no parts"


def test_a_part_that_is_not_the_last_leaves_the_rest_set_aside_and_counts_as_taken():
    part = INTENT | {"status": "requires_capture", "amount_received": 100_000}
    take = gateway.Capture(known=AUTHORISED, amount=100_000, key="parcel-1", final=False)
    seen, (looked, asked) = play(stripe.capture(MANY, take, NOW), [a_card("available"), said(part)])
    assert (seen.status, seen.amount) == ("charged", 100_000) and "expand" in looked.url
    assert form_of(asked) == {"amount_to_capture": "100000", "final_capture": "false"}
    last = msgspec.structs.replace(take, final=True)
    assert form_of(play(stripe.capture(MANY, last, NOW), [said(INTENT)])[1][0]) == {"amount_to_capture": "100000"}
    for later in (part, part | {"status": "canceled"}):
        seen, _ = play(stripe.query(MANY, AUTHORISED, NOW), [said(later)])
        assert (seen.status, seen.amount) == ("charged", 100_000)


@pytest.mark.parametrize("status", ["unavailable", ""])
def test_a_card_that_gives_once_gives_all_of_it_with_the_first_part(status):
    take = gateway.Capture(known=AUTHORISED, amount=100_000, key="parcel-1", final=False)
    seen, (_, asked) = play(stripe.capture(MANY, take, NOW), [a_card(status), said(INTENT)])
    assert (seen.status, seen.amount, form_of(asked)) == ("charged", AMOUNT, {"amount_to_capture": str(AMOUNT)})


def test_a_refused_capture_leaves_the_money_set_aside_with_a_reason():
    held = INTENT | {"status": "requires_capture", "amount_received": 0}
    error = {"type": "invalid_request_error", "code": "amount_too_large", "payment_intent": held}
    take = gateway.Capture(known=AUTHORISED, amount=AMOUNT, key="p")
    seen, _ = play(stripe.capture(CONNECTION, take, NOW), [said({"error": error}, 400)])
    assert (seen.status, seen.reason) == ("authorized", "limit_exceeded")


def test_voiding_twice_and_voiding_what_was_taken_tell_the_truth():
    for status, seen_as in (("canceled", "voided"), ("succeeded", "charged")):
        error = {"type": "invalid_request_error", "code": "payment_intent_unexpected_state", "payment_intent": INTENT | {"status": status}}
        assert play(stripe.void(CONNECTION, AUTHORISED, NOW), [said({"error": error}, 400)])[0].status == seen_as


def test_a_key_that_is_not_taken_says_nothing_about_the_payment():
    for verb in (stripe.query, stripe.confirm, stripe.void):
        with pytest.raises(Unavailable) as refused:
            play(verb(CONNECTION, KNOWN, NOW), [said({"error": {"type": "invalid_request_error"}}, 401)])
        assert refused.value.permanent


def test_a_request_that_is_still_at_work_is_not_known_yet():
    for reply in (said({}, 409), said({"error": {"type": "idempotency_error"}}, 400), said({}, 500)):
        with pytest.raises(Unknown):
            play(stripe.refund(CONNECTION, PAYBACK, NOW), [reply])
    with pytest.raises(Unavailable):
        play(stripe.refund(CONNECTION, PAYBACK, NOW), [said({}, 429)])


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "pending"),
        ("requires_action", "pending"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("new", "unknown"),
    ],
)
def test_a_refund_in_our_words(word, status):
    seen, (asked,) = play(
        stripe.refund(CONNECTION, PAYBACK, NOW), [said({"id": "re_1", "object": "refund", "amount": 50_000, "status": word})]
    )
    assert (seen.status, seen.amount, seen.reference) == (status, 50_000, "re_1")
    assert form_of(asked) == {"payment_intent": "REF-1", "amount": "50000", "metadata[refund]": REFUND}
    assert asked.headers["idempotency-key"] == f"{REFUND}:refund" and asked.repeatable


def test_a_refund_of_what_was_given_back_already_is_final():
    seen, _ = play(stripe.refund(CONNECTION, PAYBACK, NOW), [said({"error": {"code": "charge_already_refunded"}}, 400)])
    assert (seen.status, seen.reason) == ("failed", "already_done")


DISPUTE = {
    "id": "dp_1", "object": "dispute", "payment_intent": "REF-1", "amount": 50_000, "currency": "bdt", "reason": "fraudulent",
    "status": "needs_response", "evidence_details": {"due_by": int((NOW + timedelta(days=7)).timestamp())},
}  # fmt: skip


def test_a_dispute_is_read_from_stripe():
    seen, (asked,) = play(stripe.query_dispute(CONNECTION, KNOWN, "dp_1", NOW), [said(DISPUTE)])
    assert (asked.method, asked.url, asked.question) == ("GET", "https://stripe.test/v1/disputes/dp_1", True)
    assert seen == gateway.DisputeObservation(
        status="needs_response", amount=50_000, currency="BDT", reason="fraudulent", respond_by=NOW + timedelta(days=7),
        raw_code="needs_response",
    )  # fmt: skip


@pytest.mark.parametrize(
    "answer", [said(DISPUTE | {"payment_intent": "REF-2"}), said({"error": {"code": "resource_missing"}}, 404), said(INTENT)]
)
def test_a_dispute_of_another_payment_or_of_nobody_says_nothing(answer):
    assert play(stripe.query_dispute(CONNECTION, KNOWN, "dp_1", NOW), [answer])[0].status == "unknown"


@pytest.mark.parametrize(("moved", "status"), [([], "withdrawn"), ([-50_000], "lost"), ([-50_000, 50_000], "withdrawn")])
def test_a_dispute_that_was_prevented_is_lost_where_money_went_back_for_it(moved, status):
    told = DISPUTE | {"status": "prevented", "balance_transactions": [{"amount": amount} for amount in moved]}
    assert play(stripe.query_dispute(CONNECTION, KNOWN, "dp_1", NOW), [said(told)])[0].status == status


def test_every_status_of_a_dispute_in_the_official_sdk_has_a_word_of_ours():
    words, _ = get_args(sdk.Dispute.__annotations__["status"])
    assert set(DISPUTE_WORDS) == set(get_args(words))


def test_every_status_of_the_official_sdk_has_a_word_of_ours():
    """The enums that stand in the SDK's own types."""
    for word in (
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "processing",
        "requires_capture",
        "canceled",
        "succeeded",
    ):
        assert word in str(sdk.PaymentIntent.__annotations__["status"]) and word in stripe.STATUS


def test_our_signatures_and_the_official_ones_agree():
    now = datetime.fromtimestamp(int(time.time()), UTC)
    body = json.dumps({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": INTENT}}).encode()
    ours = signed_by_stripe(body, now)
    assert sdk.Webhook.construct_event(body, ours.header("stripe-signature"), "whsec_test_secret")["id"] == "evt_1"
    theirs = sdk.WebhookSignature._compute_signature(f"{int(now.timestamp())}.{body.decode()}", "whsec_test_secret")
    hook = Hook(headers={"stripe-signature": f"t={int(now.timestamp())},v1=00,v0=zz,v1={theirs}"}, body=body)
    assert stripe.verify(CONNECTION, hook, now).key == "evt_1"


def test_an_old_signature_and_one_of_another_secret_are_turned_away():
    hook = stripe_event()
    assert stripe.verify(CONNECTION, hook, NOW + timedelta(seconds=300))
    with pytest.raises(Refused):
        stripe.verify(CONNECTION, hook, NOW + timedelta(seconds=301))
    other = msgspec.structs.replace(CONNECTION, secrets=stripe.Secrets("sk", "whsec_other"))
    nothing = msgspec.structs.replace(CONNECTION, secrets=stripe.Secrets("sk"))
    for connection in (other, nothing):
        with pytest.raises(Refused):
            stripe.verify(connection, hook, NOW)


@pytest.mark.parametrize(
    ("kind", "subject", "signal"),
    [
        ("payment_intent.succeeded", {}, {"attempt": ATTEMPT, "reference": "REF-1", "said": "charged"}),
        ("payment_intent.payment_failed", {}, {"attempt": ATTEMPT, "reference": "REF-1", "said": "failed"}),
        ("charge.captured", {"id": "ch_1", "payment_intent": "REF-1"}, {"attempt": ATTEMPT, "reference": "REF-1", "said": "charged"}),
        (
            "refund.updated",
            {"id": "re_1", "payment_intent": "REF-1", "metadata": {"refund": REFUND}},
            {"reference": "REF-1", "refund": REFUND},
        ),
        ("charge.dispute.created", {"id": "dp_1", "payment_intent": "REF-1", "metadata": {}}, {"reference": "REF-1", "dispute": "dp_1"}),
    ],
)
def test_events_point_at_what_they_are_about(kind, subject, signal):
    (found,), _ = play(stripe.heard(CONNECTION, stripe_event(kind, **subject), NOW))
    assert found == gateway.Signal(raw_code=kind, **signal)


def test_events_about_other_things_tell_nothing():
    assert play(stripe.heard(CONNECTION, stripe_event("payout.paid"), NOW))[0] == ()


def test_the_buyers_return_names_the_intent():
    hint = stripe.callback(CONNECTION, {"payment_intent": "REF-1", "redirect_status": "succeeded", "attempt": ATTEMPT})
    assert (hint.attempt, hint.reference, hint.said) == (ATTEMPT, "REF-1", "charged")
