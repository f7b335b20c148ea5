"""SSLCOMMERZ on the wire: sessions, transactions and their proof, refunds, notifications."""

from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from haat.domain.payments import gateway
from haat.domain.payments.gateways import sslcommerz
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Hook, Unknown
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, CHARGE, KNOWN, NOW, OURS, PAYBACK, SAMPLES, ssl_notification
from tests.conversations import play, request, said

CONNECTION = SAMPLES["sslcommerz"].connection
PAID = {"val_id": "V1", "status": "VALID", "tran_id": OURS, "amount": "1520.50", "currency": "BDT", "bank_tran_id": "B1", "risk_level": "0"}


def asked_in(step):
    return {name: values[0] for name, values in parse_qs(urlsplit(request(step).url).query).items()}


def listed(*tries):
    return said({"APIConnect": "DONE", "no_of_trans_found": len(tries), "element": list(tries)})


def test_a_session_begins_with_our_id_and_ends_in_their_page():
    told = {"status": "SUCCESS", "sessionkey": "S1", "GatewayPageURL": "https://page.ssl.test/S1"}
    started, (asked,) = play(sslcommerz.create(CONNECTION, CHARGE, NOW), [said(told)])
    assert started == gateway.Started("S1", "https://page.ssl.test/S1")
    form = Hook(body=asked.body).form()
    assert (asked.url, asked.question) == ("https://ssl.test/gwprocess/v4/api.php", True)
    assert (form["tran_id"], form["total_amount"], form["currency"], form["store_passwd"]) == (OURS, "1520.50", "BDT", "store-password")
    assert len(form["tran_id"]) <= 30 and form["ipn_url"] == CHARGE.hook_url and form["cus_name"] == "Rahima Khatun"
    assert {form["success_url"], form["fail_url"], form["cancel_url"]} == {CHARGE.return_url}


def test_a_session_that_was_not_given_says_why():
    for why, reason in (("Store Credential Error Or Store is De-active", "misconfigured"), ("something", "gateway_error")):
        seen, _ = play(sslcommerz.create(CONNECTION, CHARGE, NOW), [said({"status": "FAILED", "failedreason": why})])
        assert (seen.status, seen.reason, seen.soft) == ("failed", reason, True)


def test_a_transaction_counts_only_after_its_validation():
    seen, (looked, proved) = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(PAID), said(PAID)])
    assert (seen.status, seen.amount, seen.transaction, seen.review) == ("charged", AMOUNT, "B1", False)
    assert asked_in(looked)["tran_id"] == OURS and asked_in(proved)["val_id"] == "V1"
    assert "validationserverAPI" in proved.url
    seen, _ = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(PAID), said(PAID | {"status": "INVALID_TRANSACTION"})])
    assert seen.status == "unknown"


def test_a_risky_payment_is_money_for_review():
    seen, _ = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(PAID), said(PAID | {"risk_level": "1", "status": "VALIDATED"})])
    assert (seen.status, seen.review) == ("charged", True)


def test_two_valid_payments_are_more_than_was_asked_for():
    seen, _ = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(PAID, PAID | {"val_id": "V2"}), said(PAID), said(PAID)])
    assert (seen.status, seen.reason, seen.amount) == ("unknown", "mismatch", 2 * AMOUNT)


def test_a_failed_try_before_the_good_one_is_forgotten():
    seen, _ = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(PAID | {"status": "FAILED"}, PAID), said(PAID)])
    assert seen.status == "charged"


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ((), "pending", ""),
        (("PENDING", "FAILED"), "pending", ""),
        (("FAILED",), "failed", "declined"),
        (("CANCELLED",), "cancelled", "cancelled_by_buyer"),
        (("UNATTEMPTED",), "expired", "expired"),
        (("EXPIRED", "FAILED"), "failed", "declined"),
    ],
)
def test_what_became_of_a_session_without_money(words, status, reason):
    seen, _ = play(sslcommerz.query(CONNECTION, KNOWN, NOW), [listed(*({"status": word, "tran_id": OURS} for word in words))])
    assert (seen.status, seen.reason) == (status, reason)


def test_a_store_that_is_not_let_in_knows_nothing():
    for word in ("INVALID_REQUEST", "FAILED", "INACTIVE"):
        with pytest.raises(Unavailable) as refused:
            play(sslcommerz.query(CONNECTION, KNOWN, NOW), [said({"APIConnect": word})])
        assert refused.value.permanent


@pytest.mark.parametrize(("word", "status"), [("success", "pending"), ("processing", "pending"), ("failed", "failed"), ("odd", "unknown")])
def test_a_refund_begins_under_our_name_and_is_sent_once(word, status):
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="B1"), reason="damaged & wet")
    told = {"APIConnect": "DONE", "bank_tran_id": "B1", "refund_ref_id": "RR1", "status": word, "errorReason": ""}
    seen, (asked,) = play(sslcommerz.refund(CONNECTION, payback, NOW), [said(told)])
    assert (seen.status, seen.reference) == (status, "RR1")
    said_there = asked_in(asked)
    assert (said_there["refund_amount"], said_there["refund_remarks"], said_there["refe_id"]) == (
        "500.00",
        "damaged & wet",
        gateway.ours(PAYBACK.refund),
    )
    assert (asked.method, asked.question, asked.repeatable) == ("GET", False, False)


@pytest.mark.parametrize(
    ("word", "status"), [("refunded", "succeeded"), ("processing", "pending"), ("cancelled", "failed"), ("odd", "unknown")]
)
def test_a_refund_is_asked_about_by_their_name_for_it(word, status):
    seen, (asked,) = play(
        sslcommerz.query_refund(CONNECTION, msgspec.structs.replace(PAYBACK, reference="RR1"), NOW), [said({"status": word})]
    )
    assert seen.status == status and asked_in(asked)["refund_ref_id"] == "RR1" and asked.question
    with pytest.raises(Unknown, match="no_lookup"):
        play(sslcommerz.query_refund(CONNECTION, PAYBACK, NOW))


def test_a_refund_finds_the_banks_name_of_the_payment_by_itself():
    told = {"APIConnect": "DONE", "refund_ref_id": "RR1", "status": "success"}
    _, asked = play(sslcommerz.refund(CONNECTION, PAYBACK, NOW), [listed(PAID), said(PAID), said(told)])
    assert asked_in(asked[-1])["bank_tran_id"] == "B1"


def test_a_notification_points_at_the_attempt_and_only_by_what_is_signed():
    hook = ssl_notification()
    (signal,), _ = play(sslcommerz.heard(CONNECTION, hook, NOW))
    assert (signal.attempt, signal.transaction, signal.said) == (ATTEMPT, "B1", "charged")
    unsigned = ssl_notification()
    form = unsigned.form() | {"verify_key": "status,tran_id"}
    with pytest.raises(Refused):
        sslcommerz.verify(CONNECTION, msgspec.structs.replace(unsigned, body=urlencode(form).encode()), NOW)


def test_a_notification_signed_with_md5_alone_is_taken_only_where_that_is_allowed():
    form = {name: value for name, value in ssl_notification().form().items() if name != "verify_sign_sha2"}
    hook = Hook(body=urlencode(form).encode())
    with pytest.raises(Refused):
        sslcommerz.verify(CONNECTION, hook, NOW)
    old = msgspec.structs.replace(CONNECTION, config=msgspec.structs.replace(CONNECTION.config, md5_only=True))
    assert sslcommerz.verify(old, hook, NOW).key


def test_a_notification_for_another_store_is_turned_away():
    with pytest.raises(Refused):
        sslcommerz.verify(CONNECTION, ssl_notification(store_id="other"), NOW)
