"""bKash on the wire: what is asked, what answers mean, and Amazon's notifications."""

import base64
import json
from datetime import timedelta
from functools import cache

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from haat.domain.payments import gateway
from haat.domain.payments.gateways import _sns, bkash
from haat.kernel.errors import Refused, Unavailable
from haat.kernel.outside import Hook, Token, Unknown
from tests.contracts.gateway_samples import AMOUNT, ATTEMPT, CHARGE, KNOWN, NOW, OURS, PAYBACK, SAMPLES
from tests.conversations import play, request, said

CONNECTION = SAMPLES["bkash"].connection
TOPIC = "arn:aws:sns:ap-southeast-1:123:bkash"
CERTIFICATE_URL = "https://sns.ap-southeast-1.amazonaws.com/SimpleNotificationService-1.pem"
DONE = {"statusCode": "0000", "paymentID": "REF-1", "amount": "1520.50", "currency": "BDT"}


def configured(**changes):
    return msgspec.structs.replace(CONNECTION, config=msgspec.structs.replace(CONNECTION.config, **changes))


def body_of(step):
    return json.loads(request(step).body)


def test_a_payment_begins_with_our_id_and_ends_in_the_buyers_address():
    told = DONE | {"bkashURL": "https://pay.bkash.test/1", "transactionStatus": "Initiated"}
    started, (token, asked) = play(bkash.create(CONNECTION, CHARGE, NOW), ["tok", said(told)])
    assert started == gateway.Started("REF-1", "https://pay.bkash.test/1", NOW + timedelta(hours=24))
    assert isinstance(token, Token) and token.grants_per_hour == 2
    assert asked.url == "https://bkash.test/v1.2.0-beta/tokenized/checkout/create"
    assert (asked.headers["authorization"], asked.headers["x-app-key"]) == ("tok", "app-key")
    assert body_of(asked) == {
        "mode": "0011", "payerReference": "01712345678", "callbackURL": CHARGE.return_url, "amount": "1520.50", "currency": "BDT",
        "intent": "sale", "merchantInvoiceNumber": OURS,
    }  # fmt: skip
    assert asked.question, "a payment whose address nobody got cannot be paid"


def test_a_token_is_granted_once_and_then_refreshed():
    answer = {"id_token": "new", "refresh_token": "r2", "expires_in": "3600", "token_type": "Bearer"}
    token = next(bkash.create(CONNECTION, CHARGE, NOW))
    granted, (asked,) = play(token.grant(""), [said(answer)])
    assert (granted.text, granted.expires_in_s, granted.refresh) == ("new", 3600, "r2")
    assert asked.url.endswith("/tokenized/checkout/token/grant")
    assert (asked.headers["username"], asked.headers["password"]) == ("user-name", "pass-word")
    _, (asked,) = play(token.grant("r2"), [said(answer)])
    assert asked.url.endswith("/token/refresh") and body_of(asked)["refresh_token"] == "r2"
    with pytest.raises(Unavailable) as refused:
        play(token.grant(""), [said({"statusCode": "2001", "statusMessage": "Invalid App Key"})])
    assert refused.value.permanent


def test_a_dead_refresh_token_is_followed_by_a_grant_in_the_same_conversation():
    answer = {"id_token": "new", "refresh_token": "r3", "expires_in": "3600"}
    token = next(bkash.create(CONNECTION, CHARGE, NOW))
    for dead in (said({"statusCode": "2003"}), said({"message": "Unauthorized"}, 401)):
        granted, asked = play(token.grant("r2"), [dead, said(answer)])
        assert (granted.text, granted.refresh) == ("new", "r3")
        assert [request(each).url.rpartition("/")[2] for each in asked] == ["refresh", "grant"]
        assert "refresh_token" not in body_of(asked[-1])
    with pytest.raises(Unavailable) as refused:
        play(token.grant("r2"), [said({"statusCode": "2003"}), said({"statusCode": "2001"})])
    assert refused.value.permanent


def test_a_number_that_is_taken_is_left_to_another_attempt():
    seen, _ = play(bkash.create(CONNECTION, CHARGE, NOW), ["tok", said({"statusCode": "2029", "statusMessage": "Duplicate"})])
    assert (seen.status, seen.soft, seen.raw_code) == ("failed", True, "2029")


def test_a_token_that_is_refused_is_replaced_once():
    seen, asked = play(bkash.query(CONNECTION, KNOWN, NOW), ["old", said({}, 401), "new", said(DONE | {"transactionStatus": "Initiated"})])
    assert seen.status == "pending" and [each.refused for each in asked if isinstance(each, Token)] == ["", "old"]
    with pytest.raises(Unavailable, match="credentials_refused"):
        play(bkash.query(CONNECTION, KNOWN, NOW), ["old", said({}, 401), "new", said({}, 401)])


def test_executing_takes_the_money_and_names_the_transaction():
    told = DONE | {"trxID": "TRX9", "transactionStatus": "Completed", "merchantInvoiceNumber": OURS, "customerMsisdn": "017"}
    seen, (_, asked) = play(bkash.confirm(CONNECTION, KNOWN, NOW), ["tok", said(told)])
    assert (seen.status, seen.amount, seen.transaction) == ("charged", AMOUNT, "TRX9")
    assert body_of(asked) == {"paymentID": "REF-1"} and not (asked.question or asked.repeatable)


@pytest.mark.parametrize("code", ["2062", "2117", "2056", "2003", "2029"])
def test_what_was_executed_before_is_asked_about(code):
    paid = DONE | {"trxID": "TRX9", "transactionStatus": "Completed", "merchantInvoiceNumber": OURS}
    seen, asked = play(bkash.confirm(CONNECTION, KNOWN, NOW), ["tok", said({"statusCode": code}), "tok", said(paid)])
    assert seen.status == "charged" and request(asked[-1]).url.endswith("/payment/status")


@pytest.mark.parametrize(
    ("code", "status", "reason", "soft"),
    [("2023", "failed", "insufficient_funds", True), ("2006", "failed", "invalid_request", False), ("9999", "unknown", "", False)],
)
def test_a_refused_execution_says_why(code, status, reason, soft):
    seen, _ = play(bkash.confirm(CONNECTION, KNOWN, NOW), ["tok", said({"statusCode": code})])
    assert (seen.status, seen.reason, seen.soft, seen.raw_code) == (status, reason, soft, code)


def test_a_question_that_is_refused_is_no_failed_payment():
    for code in ("2001", "2003", "2033", "9999"):
        seen, _ = play(bkash.query(CONNECTION, KNOWN, NOW), ["tok", said({"statusCode": code})])
        assert seen.status == "unknown"


def test_maintenance_means_not_done_and_a_page_for_people_means_not_known():
    with pytest.raises(Unavailable):
        play(bkash.confirm(CONNECTION, KNOWN, NOW), ["tok", said({"statusCode": "503"})])
    with pytest.raises(Unknown):
        play(bkash.confirm(CONNECTION, KNOWN, NOW), ["tok", msgspec.structs.replace(said(None), body=b"<html>")])


def test_a_payment_that_nobody_finished_within_a_day_has_expired():
    initiated = said(DONE | {"transactionStatus": "Initiated"})
    assert play(bkash.query(CONNECTION, KNOWN, NOW + timedelta(hours=23)), ["t", initiated])[0].status == "pending"
    assert play(bkash.query(CONNECTION, KNOWN, NOW + timedelta(hours=24)), ["t", initiated])[0].status == "expired"


def test_a_status_without_an_amount_is_looked_up_by_its_transaction():
    bare = {"statusCode": "0000", "paymentID": "REF-1", "trxID": "TRX9", "transactionStatus": "Completed"}
    seen, asked = play(bkash.query(CONNECTION, KNOWN, NOW), ["t", said(bare), "t", said({"statusCode": "0000", "saleAmount": "1520.50"})])
    assert (seen.status, seen.amount) == ("charged", AMOUNT) and body_of(asked[-1]) == {"trxID": "TRX9"}


def test_an_authorisation_is_captured_in_full_or_let_go():
    known = msgspec.structs.replace(KNOWN, authorise=True)
    told = DONE | {"transactionStatus": "Authorized", "merchantInvoiceNumber": OURS}
    held, _ = play(bkash.confirm(CONNECTION, known, NOW), ["t", said(told)])
    assert (held.status, held.lapses_at) == ("authorized", NOW + timedelta(days=7))
    take = gateway.Capture(known=known, amount=AMOUNT, key="p1")
    seen, asked = play(bkash.capture(CONNECTION, take, NOW), ["t", said(told | {"transactionStatus": "Completed", "trxID": "T"})])
    assert (seen.status, seen.amount) == ("charged", AMOUNT) and request(asked[-1]).url.endswith("/payment/confirm/capture")
    with pytest.raises(Refused, match="capture_in_full"):
        play(bkash.capture(CONNECTION, msgspec.structs.replace(take, amount=1), NOW))
    refused, _ = play(bkash.capture(CONNECTION, take, NOW), ["t", said({"statusCode": "2056"}), "t", said(told)])
    assert (refused.status, refused.reason) == ("authorized", "other")
    seen, asked = play(bkash.void(configured(void_path="confirm/capture/void"), known, NOW), ["t", said({"statusCode": "0000"})])
    assert (seen.status, seen.amount) == ("voided", AMOUNT) and request(asked[-1]).url.endswith("/confirm/capture/void")


def test_money_goes_back_by_the_second_version_of_refunds():
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"), reason="lost parcel")
    told = {"refundTrxId": "R1", "refundTransactionStatus": "Completed", "refundAmount": "500.00", "originalTrxAmount": "1520.50"}
    seen, (_, asked) = play(bkash.refund(CONNECTION, payback, NOW), ["t", said(told)])
    assert (seen.status, seen.amount, seen.reference) == ("succeeded", 50_000, "R1")
    assert asked.url == "https://bkash.test/v2/tokenized-checkout/refund/payment/transaction" and not asked.question
    assert body_of(asked) == {
        "paymentId": "REF-1", "trxId": "TRX9", "refundAmount": "500.00", "sku": gateway.ours(PAYBACK.refund), "reason": "lost parcel",
    }  # fmt: skip
    refused, _ = play(bkash.refund(CONNECTION, payback, NOW), ["t", said({"internalCode": "2077", "errorMessageEn": "too late"}, 400)])
    assert (refused.status, refused.raw_code) == ("failed", "2077")
    odd, _ = play(bkash.refund(CONNECTION, payback, NOW), ["t", said({"internalCode": "5555"}, 400)])
    assert odd.status == "unknown"


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ({"internalCode": "refund_2074", "externalCode": "2074"}, "failed", "2074"),
        ({"internalCode": "2074", "externalCode": "other"}, "failed", "2074"),
        ({"internalCode": "sys", "externalCode": "odd"}, "unknown", "sys"),
        ({"internalCode": "", "statusCode": "2026"}, "failed", "2026"),
    ],
)
def test_of_two_codes_the_one_that_is_known_says_why_no_money_goes_back(told, status, code):
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"))
    seen, _ = play(bkash.refund(CONNECTION, payback, NOW), ["t", said(told)])
    assert (seen.status, seen.raw_code) == (status, code)


def test_a_refund_whose_answer_got_lost_is_found_among_the_others():
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"), others=("R1",))
    listed = [{"refundTrxId": f"R{n}", "refundTransactionStatus": "Completed", "refundAmount": "500.00"} for n in (1, 2)]
    found, asked = play(bkash.query_refund(CONNECTION, payback, NOW), ["t", said({"refundTransactions": listed})])
    assert found.reference == "R2" and request(asked[-1]).url.endswith("/v2/tokenized-checkout/refund/payment/status")
    named, _ = play(
        bkash.query_refund(CONNECTION, msgspec.structs.replace(payback, reference="R1"), NOW), ["t", said({"refundTransactions": listed})]
    )
    assert named.reference == "R1"
    none, _ = play(bkash.query_refund(CONNECTION, payback, NOW), ["t", said({"refundTransactions": listed[:1]})])
    assert (none.status, none.reason) == ("unknown", "not_found")


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "answer",
    [
        said({"statusCode": "2003"}),
        said({"statusCode": "2002"}),
        said({"internalCode": "sys", "externalCode": "sys", "errorMessageEn": "System error"}),
        said({"internalCode": "refund_2071", "externalCode": "2071"}),
        said({"message": "Bad request"}, 400),
        said({"statusCode": "0000", "refundTransactions": None}),
        said({"refundTransactions": {}}),
        said({"refundTransactions": [{"refundAmount": "500.00"}]}),
    ],
)
def test_an_answer_that_does_not_tell_what_went_back_sends_no_money_again(version, answer):
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"))
    seen, _ = play(bkash.query_refund(configured(refunds=version), payback, NOW), ["t", answer])
    assert (seen.status, seen.reason) == ("unknown", "")


def test_a_refund_is_lacking_only_where_it_was_never_named_and_its_payment_is_known():
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"))
    named = msgspec.structs.replace(payback, reference="R7")
    for version, empty in (("v1", {"statusCode": "2033"}), ("v2", {"refundTransactions": []})):
        for asked, reason in ((payback, "not_found"), (named, "")):
            seen, _ = play(bkash.query_refund(configured(refunds=version), asked, NOW), ["t", said(empty)])
            assert (seen.status, seen.reason, seen.reference) == ("unknown", reason, asked.reference)
    seen, _ = play(bkash.query_refund(CONNECTION, PAYBACK, NOW), ["t", said({"statusCode": "2003"})])
    assert (seen.status, seen.reason) == ("unknown", "")


@pytest.mark.parametrize("changes", [{"others": ("R1",)}, {"reference": "R2"}, {"amount": 10_000}])
def test_where_the_first_version_tells_of_another_refund_nobody_can_tell_of_this_one(changes):
    told = {"statusCode": "0000", "refundTrxID": "R1", "transactionStatus": "Completed", "amount": "500.00"}
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"), **changes)
    with pytest.raises(Unknown, match="no_lookup"):
        play(bkash.query_refund(configured(refunds="v1"), payback, NOW), ["t", said(told)])


def test_the_first_version_of_refunds_is_spoken_where_it_is_set():
    told = {"statusCode": "0000", "refundTrxID": "R1", "transactionStatus": "Completed", "amount": "500.00"}
    payback = msgspec.structs.replace(PAYBACK, known=msgspec.structs.replace(KNOWN, transaction="TRX9"))
    for verb, parts in ((bkash.refund, {"amount", "sku", "reason"}), (bkash.query_refund, set())):
        seen, asked = play(verb(configured(refunds="v1"), payback, NOW), ["t", said(told)])
        assert (seen.status, seen.reference) == ("succeeded", "R1")
        assert set(body_of(asked[-1])) == {"paymentID", "trxID"} | parts


def test_the_buyers_return_is_a_hint():
    hint = bkash.callback(CONNECTION, {"paymentID": "REF-1", "status": "success", "signature": "x", "attempt": ATTEMPT})
    assert (hint.attempt, hint.reference, hint.said) == (ATTEMPT, "REF-1", "charged")
    assert bkash.callback(CONNECTION, {"status": "cancel"}).said == "cancelled"
    clumsy = {"attempt": f"{ATTEMPT}?paymentID=REF-1", "status": "success"}
    assert bkash.callback(CONNECTION, clumsy).attempt == ATTEMPT, "an address with a question mark got a second one"


@cache
def signer() -> tuple[rsa.RSAPrivateKey, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(NOW).not_valid_after(NOW + timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


def notification(kind="Notification", version="2", **changes):
    inner = {"trxID": "TRX9", "transactionStatus": "Completed", "amount": "1520.50", "currency": "BDT", "merchantInvoiceNumber": OURS}
    message = {
        "Type": kind, "MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": "2026-03-01T06:30:00.000Z", "Message": json.dumps(inner),
        "SignatureVersion": version, "SigningCertURL": CERTIFICATE_URL,
    }  # fmt: skip
    if kind == "SubscriptionConfirmation":
        message |= {"Token": "tt", "SubscribeURL": "https://sns.ap-southeast-1.amazonaws.com/?Action=ConfirmSubscription"}
    message |= changes
    text = "".join(f"{name}\n{message[name]}\n" for name in _sns.SIGNED[message["Type"]] if name in message)
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 version 1 is SHA-1
    message["Signature"] = base64.b64encode(signer()[0].sign(text.encode(), padding.PKCS1v15(), digest)).decode()
    return message


def hook_of(message):
    return Hook("POST", {"content-type": "text/plain; charset=UTF-8"}, {}, json.dumps(message).encode())


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notification_is_checked_at_the_door_where_the_certificate_is_pinned(version):
    pinned = configured(ipn_topic=TOPIC, ipn_certificate=signer()[1])
    hook = hook_of(notification(version=version))
    assert bkash.verify(pinned, hook, NOW).key == "m-1"
    (signal,), asked = play(bkash.heard(pinned, hook, NOW))
    assert (signal.attempt, signal.transaction, signal.said, asked) == (ATTEMPT, "TRX9", "charged", [])
    touched = notification(version=version) | {"Message": json.dumps({"trxID": "EVIL"})}
    with pytest.raises(Refused, match="bad_signature"):
        bkash.verify(pinned, hook_of(touched), NOW)


def test_without_a_pinned_certificate_it_is_fetched_from_amazon_before_anything_is_believed():
    fetching = configured(ipn_topic=TOPIC)
    hook = hook_of(notification())
    assert bkash.verify(fetching, hook, NOW).key == "m-1"
    (signal,), (token,) = play(bkash.heard(fetching, hook, NOW), [signer()[1]])
    assert signal.attempt == ATTEMPT
    granted, (asked,) = play(token.grant(""), [msgspec.structs.replace(said(None), body=signer()[1].encode())])
    assert asked.url == CERTIFICATE_URL and granted.text == signer()[1]
    with pytest.raises(Refused, match="bad_signature"):
        play(bkash.heard(fetching, hook_of(notification() | {"Message": "{}"}), NOW), [signer()[1]])


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": "arn:aws:sns:x:1:evil"},
        {"SigningCertURL": "https://evil.example/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://sns.ap-southeast-1.amazonaws.com.evil.example/x.pem"},
        {"SigningCertURL": "https://sns.ap-southeast-1.amazonaws.com@evil.example/x.pem"},
        {"SigningCertURL": "http://sns.ap-southeast-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://[::1"},
        {"MessageId": ""},
    ],
)
def test_a_message_of_another_topic_or_signer_is_turned_away(changes):
    with pytest.raises(Refused, match="foreign_hook"):
        bkash.verify(configured(ipn_topic=TOPIC), hook_of(notification(**changes)), NOW)


def test_without_a_topic_no_message_is_ours():
    with pytest.raises(Refused):
        bkash.verify(CONNECTION, hook_of(notification(TopicArn="")), NOW)


def test_a_subscription_is_confirmed_at_amazon_and_nowhere_else():
    pinned = configured(ipn_topic=TOPIC, ipn_certificate=signer()[1])
    signals, (asked,) = play(bkash.heard(pinned, hook_of(notification("SubscriptionConfirmation")), NOW), [said({})])
    assert signals == () and asked.url.startswith("https://sns.ap-southeast-1.amazonaws.com/")
    with pytest.raises(Refused):
        play(bkash.heard(pinned, hook_of(notification("SubscriptionConfirmation", SubscribeURL="http://127.0.0.1/")), NOW))
