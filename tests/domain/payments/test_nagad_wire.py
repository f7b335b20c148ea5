"""Nagad on the wire: what is sealed for whom, and what its words mean."""

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from haat.domain.payments import gateway
from haat.domain.payments.gateways import nagad
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Unknown
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, CHARGE, KNOWN, MERCHANT, NAGAD, NOW, OURS, PAYBACK, SAMPLES
from tests.conversations import play, request, said

CONNECTION = SAMPLES["nagad"].connection


def opened(step, name="sensitiveData"):
    """What only Nagad can read, once the merchant's signature has been checked."""
    body = json.loads(request(step).body)
    plain = NAGAD.decrypt(base64.b64decode(body[name]), padding.PKCS1v15())
    MERCHANT.public_key().verify(base64.b64decode(body["signature"]), plain, padding.PKCS1v15(), hashes.SHA256())
    return json.loads(plain)


def sealed(value, key=NAGAD):
    """An answer as Nagad seals it for the merchant."""
    plain = json.dumps(value).encode()
    closed = base64.b64encode(MERCHANT.public_key().encrypt(plain, padding.PKCS1v15())).decode()
    return {"sensitiveData": closed, "signature": base64.b64encode(key.sign(plain, padding.PKCS1v15(), hashes.SHA256())).decode()}


BEGUN = {"paymentReferenceId": "REF-1", "challenge": "c0ffee", "acceptDateTime": "20260301123000"}


def test_a_payment_begins_in_two_calls_that_only_nagad_can_read():
    answers = [said(sealed(BEGUN)), said({"callBackUrl": "https://pay.nagad.test/1", "status": "Success"})]
    started, (first, second) = play(nagad.create(CONNECTION, CHARGE, NOW), answers)
    assert started == gateway.Started("REF-1", "https://pay.nagad.test/1")
    assert first.url == f"https://nagad.test/api/dfs/check-out/initialize/683002/{OURS}"
    asked = opened(first)
    assert (asked["merchantId"], asked["datetime"], asked["orderId"], len(asked["challenge"])) == ("683002", "20260301123000", OURS, 40)
    assert json.loads(first.body)["dateTime"] == "20260301123000", "Dhaka's time"
    assert second.url.endswith("/check-out/complete/REF-1")
    assert opened(second) == {"merchantId": "683002", "orderId": OURS, "currencyCode": "050", "amount": "1520.50", "challenge": "c0ffee"}
    assert json.loads(second.body)["merchantCallbackURL"] == CHARGE.return_url
    for step in (first, second):
        assert step.headers["x-km-api-version"] == "v-0.2.0" and step.headers["x-km-mc-id"] == "683002" and step.question


def test_the_same_attempt_has_the_same_challenge_and_another_has_another():
    (first, *_), (again, *_) = (play(nagad.create(CONNECTION, CHARGE, NOW), [said({"reason": "x"})])[1] for _ in range(2))
    other = play(nagad.create(CONNECTION, msgspec.structs.replace(CHARGE, attempt=PAYBACK.refund), NOW), [said({"reason": "x"})])[1][0]
    assert opened(first)["challenge"] == opened(again)["challenge"] != opened(other)["challenge"]


def test_an_answer_that_nagad_did_not_sign_begins_nothing():
    with pytest.raises(Unavailable):
        play(nagad.create(CONNECTION, CHARGE, NOW), [said(sealed(BEGUN, MERCHANT))])


def test_a_refused_beginning_is_soft():
    seen, _ = play(nagad.create(CONNECTION, CHARGE, NOW), [said({"reason": "1_501_510", "message": "Merchant is inactive"})])
    assert (seen.status, seen.soft, seen.raw_code) == ("failed", True, "1_501_510")
    seen, _ = play(nagad.create(CONNECTION, CHARGE, NOW), [said(sealed(BEGUN)), said({"status": "Failed"})])
    assert (seen.status, seen.raw_code) == ("failed", "Failed")


@pytest.mark.parametrize(
    ("word", "status", "reason", "soft"),
    [
        ("Success", "charged", "", False),
        ("Aborted", "cancelled", "cancelled_by_buyer", False),
        ("Cancelled", "cancelled", "cancelled_by_buyer", False),
        ("Failed", "failed", "declined", True),
        ("Initiated", "pending", "", False),
    ],
)
def test_what_became_of_it_is_asked_from_server_to_server(word, status, reason, soft):
    told = {"merchantId": "683002", "orderId": OURS, "paymentRefId": "REF-1", "amount": "1520.5", "status": word}
    seen, (asked,) = play(nagad.query(CONNECTION, KNOWN, NOW), [said(told)])
    assert (seen.status, seen.reason, seen.soft) == (status, reason, soft)
    assert asked.url == "https://nagad.test/api/dfs/verify/payment/REF-1" and asked.question


def test_a_payment_to_another_merchant_is_none_of_ours():
    told = {"merchantId": "999", "orderId": OURS, "paymentRefId": "REF-1", "amount": "1520.50", "status": "Success"}
    seen, _ = play(nagad.query(CONNECTION, KNOWN, NOW), [said(told)])
    assert (seen.status, seen.reason) == ("unknown", "mismatch")


def test_money_goes_back_sealed_and_is_sent_once():
    seen, (asked,) = play(
        nagad.refund(CONNECTION, PAYBACK, NOW), [said({"status": "Success", "cancelAmount": "500.00", "cancelIssuerRefNo": "C1"})]
    )
    assert (seen.status, seen.amount, seen.reference) == ("succeeded", 50_000, "C1")
    assert asked.url.endswith(f"/purchase/cancel?paymentRefId=REF-1&orderId={OURS}") and not (asked.question or asked.repeatable)
    assert opened(asked, "sensitiveDataCancelRequest") == {
        "merchantId": "683002", "originalRequestDate": "20260301", "originalAmount": "1520.50", "cancelAmount": "500.00",
        "referenceNo": gateway.ours(PAYBACK.refund), "referenceMessage": "refund",
    }  # fmt: skip
    assert play(nagad.refund(CONNECTION, PAYBACK, NOW), [said({"reason": "too late"})])[0].status == "failed"
    with pytest.raises(Unknown):
        play(nagad.refund(CONNECTION, PAYBACK, NOW), [said(sealed({"status": "Success"}, MERCHANT))])


def test_a_refund_in_full_shows_in_the_payment_and_a_part_does_not():
    whole = msgspec.structs.replace(PAYBACK, amount=AMOUNT)
    assert play(nagad.query_refund(CONNECTION, whole, NOW), [said({"status": "Cancelled"})])[0].status == "succeeded"
    seen, _ = play(nagad.query_refund(CONNECTION, whole, NOW), [said({"status": "Success"})])
    assert (seen.status, seen.reason) == ("unknown", "not_found")
    with pytest.raises(Unknown, match="no_lookup"):
        play(nagad.query_refund(CONNECTION, PAYBACK, NOW))


def test_the_buyers_return_names_the_attempt():
    hint = nagad.callback(CONNECTION, {"payment_ref_id": "REF-1", "status": "Success", "order_id": OURS.upper()})
    assert (hint.attempt, hint.reference, hint.said) == (ATTEMPT, "REF-1", "charged")


def test_a_key_that_is_none_is_found_by_the_check():
    assert play(nagad.check(CONNECTION, NOW))[0]
    broken = msgspec.structs.replace(CONNECTION, secrets=nagad.Secrets("no key", CONNECTION.secrets.nagad_public_key))
    with pytest.raises(Refused, match="bad_key"):
        play(nagad.check(broken, NOW))
