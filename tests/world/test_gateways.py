"""The gateways on the wire, each told as the purchases that a shop makes."""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from haat_world import sns
from haat_world.faults import Faults
from haat_world.gateways import bkash, nagad, sslcommerz, stripe
from tests.world.running import Running, a_world

FORM = {"content-type": "application/x-www-form-urlencoded"}
CHECKOUT = "/bkash/v1.2.0-beta/tokenized/checkout"


async def press(running: Running, page: str, decision: str) -> Any:
    return await running.line.send("POST", page, headers=FORM, body=urlencode({"decision": decision}).encode())


# bKash


async def bkash_call(running: Running, path: str, **body: Any) -> Any:
    if getattr(bkash_call, "token", (None,))[0] is not running:
        pair = {"username": bkash.ACCOUNT["username"], "password": bkash.ACCOUNT["password"]}
        keys = {name: bkash.ACCOUNT[name] for name in ("app_key", "app_secret")}
        granted = await running.post(f"{CHECKOUT}/token/grant", keys, **pair)
        bkash_call.token = (running, granted["id_token"])  # type: ignore[attr-defined]
    headers = {"authorization": bkash_call.token[1], "x-app-key": bkash.ACCOUNT["app_key"]}  # type: ignore[attr-defined]
    return await running.post(path if path.startswith("/bkash/v2") else f"{CHECKOUT}/{path}", body, **headers)


async def a_bkash_payment(running: Running, invoice: str = "INV1", intent: str = "sale") -> Any:
    created = await bkash_call(
        running, "create", mode="0011", payerReference="01711000001", callbackURL=f"{running.url}/webhook/shop?a=1", amount="150.50",
        currency="BDT", intent=intent, merchantInvoiceNumber=invoice,
    )  # fmt: skip
    assert (created["statusCode"], created["transactionStatus"]) == ("0000", "Initiated")
    return created


async def test_bkash_takes_money_when_the_shop_executes_and_only_once() -> None:
    async with a_world() as running:
        created = await a_bkash_payment(running)
        early = await bkash_call(running, "execute", paymentID=created["paymentID"])
        back = await press(running, created["bkashURL"], "pay")
        executed = await bkash_call(running, "execute", paymentID=created["paymentID"])
        again = await bkash_call(running, "execute", paymentID=created["paymentID"])
        status = await bkash_call(running, "payment/status", paymentID=created["paymentID"])
        (payment,) = running.world.truth.payments.values()
    assert early["statusCode"] == "2056"
    assert dict(parse_qsl(urlsplit(back.headers["location"]).query))["status"] == "success"
    assert (executed["transactionStatus"], executed["amount"], executed["merchantInvoiceNumber"]) == ("Completed", "150.50", "INV1")
    assert again["statusCode"] == "2062"
    assert (status["trxID"], status["verificationStatus"]) == (executed["trxID"], "Complete")
    assert (payment.captured, payment.reference) == (15_050, "INV1")


@pytest.mark.parametrize(("decision", "status"), [("decline", "failure"), ("cancel", "cancel")])
async def test_a_payer_who_does_not_want_pays_nothing(decision: str, status: str) -> None:
    async with a_world() as running:
        created = await a_bkash_payment(running)
        back = await press(running, created["bkashURL"], decision)
        executed = await bkash_call(running, "execute", paymentID=created["paymentID"])
    assert f"status={status}" in back.headers["location"]
    assert executed["statusCode"] == "2056"


async def test_bkash_sets_money_aside_and_takes_or_lets_go_later() -> None:
    async with a_world() as running:
        taken, let_go = await a_bkash_payment(running, "A", "authorization"), await a_bkash_payment(running, "B", "authorization")
        for each in (taken, let_go):
            await press(running, each["bkashURL"], "pay")
            executed = await bkash_call(running, "execute", paymentID=each["paymentID"])
            assert executed["transactionStatus"] == "Authorized"
        await bkash_call(running, "payment/confirm/capture", paymentID=taken["paymentID"])
        await bkash_call(running, "payment/confirm/void", paymentID=let_go["paymentID"])
        books = {p.reference: (p.captured, p.voided) for p in running.world.truth.payments.values()}
    assert books == {"A": (15_050, 0), "B": (0, 15_050)}


async def test_bkash_gives_back_in_parts_and_never_more_than_it_took() -> None:
    async with a_world() as running:
        created = await a_bkash_payment(running)
        await press(running, created["bkashURL"], "pay")
        executed = await bkash_call(running, "execute", paymentID=created["paymentID"])
        asked = {"paymentId": created["paymentID"], "trxId": executed["trxID"], "sku": "R1", "reason": "returned"}
        path = "/bkash/v2/tokenized-checkout/refund/payment"
        first = await bkash_call(running, f"{path}/transaction", refundAmount="50.50", **asked)
        too_much = await bkash_call(running, f"{path}/transaction", refundAmount="100.01", **asked)
        state = await bkash_call(running, f"{path}/status", paymentId=created["paymentID"], trxId=executed["trxID"])
        search = await bkash_call(running, "general/searchTransaction", trxID=executed["trxID"])
    assert (first["refundTransactionStatus"], first["originalTrxAmount"]) == ("Completed", "150.50")
    assert too_much["externalCode"] == "2074"
    assert [each["refundAmount"] for each in state["refundTransactions"]] == ["50.50"]
    assert search["maxRefundableAmount"] == "100.00"


async def test_a_third_grant_within_an_hour_blocks_bkash_for_an_hour() -> None:
    async with a_world() as running:
        headers = {name: bkash.ACCOUNT[name] for name in ("username", "password")}
        answers = [(await running.answer("POST", f"{CHECKOUT}/token/grant", bkash.ACCOUNT, **headers)).status for _ in range(3)]
        await running.turn(minutes=61)
        answers.append((await running.answer("POST", f"{CHECKOUT}/token/grant", bkash.ACCOUNT, **headers)).status)
    assert answers == [200, 200, 429, 200]


async def test_an_instant_notification_is_signed_as_amazon_signs() -> None:
    async with a_world() as running:
        created = await a_bkash_payment(running)
        await press(running, created["bkashURL"], "pay")
        await bkash_call(running, "execute", paymentID=created["paymentID"])
        await running.turn(minutes=1)
        (told,) = running.told()
        pem = str(bkash.connection(running.url).config["ipn_certificate"])
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    text = "".join(f"{name}\n{told[name]}\n" for name in sns.NOTIFICATION if name in told)
    key.verify(base64.b64decode(told["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    assert msgspec.json.decode(told["Message"])["merchantInvoiceNumber"] == "INV1"


async def test_a_softly_declined_payment_fails_at_execute_for_want_of_money() -> None:
    async with a_world(faults=Faults(soft=1.0)) as running:
        created = await a_bkash_payment(running)
        await press(running, created["bkashURL"], "pay")
        executed = await bkash_call(running, "execute", paymentID=created["paymentID"])
        again = await bkash_call(running, "execute", paymentID=created["paymentID"])
    assert (executed["statusCode"], again["statusCode"]) == ("2023", "2117")


# Nagad


def sealed(value: dict[str, Any]) -> dict[str, str]:
    """As a merchant seals: encrypted to Nagad, signed by the merchant."""
    told = nagad.connection("http://world")
    public = serialization.load_pem_public_key(str(told.secrets["nagad_public_key"]).encode())
    private = serialization.load_pem_private_key(str(told.secrets["merchant_private_key"]).encode(), None)
    assert isinstance(public, rsa.RSAPublicKey)
    assert isinstance(private, rsa.RSAPrivateKey)
    plain = msgspec.json.encode(value)
    signature = private.sign(plain, padding.PKCS1v15(), hashes.SHA256())
    return {
        "sensitiveData": base64.b64encode(public.encrypt(plain, padding.PKCS1v15())).decode(),
        "signature": base64.b64encode(signature).decode(),
    }


def opened(answer: dict[str, str]) -> Any:
    private = serialization.load_pem_private_key(str(nagad.connection("").secrets["merchant_private_key"]).encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return msgspec.json.decode(private.decrypt(base64.b64decode(answer["sensitiveData"]), padding.PKCS1v15()))


KM = {"x_km_api_version": "v-0.2.0", "x_km_ip_v4": "127.0.0.1", "x_km_client_type": "PC_WEB"}


async def a_nagad_payment(running: Running, order: str = "N1") -> tuple[str, str]:
    begun = {"merchantId": nagad.MERCHANT, "datetime": "20260101090000", "orderId": order, "challenge": "abc"}
    first = await running.post(
        f"/nagad/api/dfs/check-out/initialize/{nagad.MERCHANT}/{order}", {"dateTime": "20260101090000"} | sealed(begun), **KM
    )
    given = opened(first)
    asked = {"merchantId": nagad.MERCHANT, "orderId": order, "amount": "99.00", "currencyCode": "050", "challenge": given["challenge"]}
    body = sealed(asked) | {"merchantCallbackURL": f"{running.url}/webhook/shop"}
    done = await running.post(f"/nagad/api/dfs/check-out/complete/{given['paymentReferenceId']}", body, **KM)
    assert done["status"] == "Success"
    return given["paymentReferenceId"], done["callBackUrl"]


async def test_nagad_takes_money_on_its_page_and_says_so_when_asked() -> None:
    async with a_world() as running:
        payment, page = await a_nagad_payment(running)
        before = await running.get(f"/nagad/api/dfs/verify/payment/{payment}", **KM)
        back = await press(running, page, "pay")
        after = await running.get(f"/nagad/api/dfs/verify/payment/{payment}", **KM)
    query = dict(parse_qsl(urlsplit(back.headers["location"]).query))
    assert (query["payment_ref_id"], query["status"], query["order_id"]) == (payment, "Success", "N1")
    assert before["status"] != "Success"
    assert (after["status"], after["amount"], after["orderId"], after["merchantId"]) == ("Success", "99.00", "N1", nagad.MERCHANT)


async def test_nagad_refuses_what_the_merchant_did_not_sign() -> None:
    async with a_world() as running:
        body = sealed({"merchantId": nagad.MERCHANT, "datetime": "20260101090000", "orderId": "N1", "challenge": "abc"})
        forged = body | {"signature": base64.b64encode(b"x" * 256).decode()}
        answer = await running.answer("POST", f"/nagad/api/dfs/check-out/initialize/{nagad.MERCHANT}/N1", forged, **KM)
    assert answer.status == 400


async def test_the_same_nagad_refund_twice_is_one_refund() -> None:
    async with a_world() as running:
        payment, page = await a_nagad_payment(running)
        await press(running, page, "pay")
        request = {"merchantId": nagad.MERCHANT, "originalRequestDate": "20260101", "originalAmount": "99.00", "cancelAmount": "40.00",
                   "referenceNo": "R1", "referenceMessage": "returned"}  # fmt: skip
        both = sealed(request)
        body = {"sensitiveDataCancelRequest": both["sensitiveData"], "signature": both["signature"]}
        path = f"/nagad/api/dfs/purchase/cancel?paymentRefId={payment}&orderId=N1"
        answers = [await running.post(path, body, **KM) for _ in range(2)]
        (books,) = running.world.truth.payments.values()
    assert [each["status"] for each in answers] == ["Success", "Success"]
    assert books.refunds == {"R1": 4_000}


# SSLCOMMERZ


async def an_sslcommerz_session(running: Running, transaction: str = "S1") -> Any:
    asked = dict.fromkeys(sslcommerz.NEEDED, "x") | {
        "store_id": sslcommerz.STORE, "store_passwd": sslcommerz.PASSWORD, "total_amount": "500.00", "currency": "BDT", "tran_id": transaction,
        **{f"{kind}_url": f"{running.url}/webhook/shop" for kind in ("success", "fail", "cancel")}, "ipn_url": f"{running.url}/webhook/sslcommerz",
    }  # fmt: skip
    reply = await running.line.send("POST", f"{running.url}/sslcommerz/gwprocess/v4/api.php", headers=FORM, body=urlencode(asked).encode())
    assert reply.json()["status"] == "SUCCESS"
    return reply.json()


async def sslcommerz_get(running: Running, path: str, **query: str) -> Any:
    account = {"store_id": sslcommerz.STORE, "store_passwd": sslcommerz.PASSWORD, "v": "1", "format": "json"}
    return await running.get(f"/sslcommerz/validator/api/{path}?{urlencode(query | account)}")


async def test_sslcommerz_posts_the_outcome_home_and_its_notification_carries_both_hashes() -> None:
    async with a_world() as running:
        session = await an_sslcommerz_session(running)
        page = await press(running, session["GatewayPageURL"], "pay")
        await running.turn(minutes=1)
        (told,) = [dict(parse_qsl(m.text, keep_blank_values=True)) for m in running.world.truth.messages]
        first = await sslcommerz_get(running, "validationserverAPI.php", val_id=told["val_id"])
        second = await sslcommerz_get(running, "validationserverAPI.php", val_id=told["val_id"])
    assert b'method="post" action="' in page.body
    assert told["val_id"].encode() in page.body
    named = {name: told[name] for name in told["verify_key"].split(",")}
    named["store_passwd"] = hashlib.md5(sslcommerz.PASSWORD.encode()).hexdigest()  # noqa: S324
    text = "&".join(f"{name}={named[name]}" for name in sorted(named))
    assert told["verify_sign"] == hashlib.md5(text.encode()).hexdigest()  # noqa: S324
    assert told["verify_sign_sha2"] == hashlib.sha256(text.encode()).hexdigest()
    assert (first["status"], second["status"]) == ("VALID", "VALIDATED")
    assert (first["tran_id"], first["amount"], first["currency"], first["risk_level"]) == ("S1", "500.00", "BDT", "0")


async def test_sslcommerz_refunds_once_per_refund_id_and_tells_its_state() -> None:
    async with a_world() as running:
        session = await an_sslcommerz_session(running)
        await press(running, session["GatewayPageURL"], "pay")
        query = await sslcommerz_get(running, "merchantTransIDvalidationAPI.php", tran_id="S1")
        bank = query["element"][0]["bank_tran_id"]
        asked = {"bank_tran_id": bank, "refund_amount": "200.00", "refund_remarks": "returned", "refund_trans_id": "R1"}
        answers = [await sslcommerz_get(running, "merchantTransIDvalidationAPI.php", **asked) for _ in range(2)]
        state = await sslcommerz_get(running, "merchantTransIDvalidationAPI.php", refund_ref_id=answers[0]["refund_ref_id"])
        (books,) = running.world.truth.payments.values()
    assert query["no_of_trans_found"] == 1
    assert [each["status"] for each in answers] == ["success", "processing"]
    assert state["status"] == "refunded"
    assert books.refunds == {"R1": 20_000}


# Stripe


async def stripe_post(running: Running, path: str, key: str = "", **fields: str) -> Any:
    headers = FORM | {"authorization": f"Bearer {stripe.KEY}"} | ({"idempotency-key": key} if key else {})
    return await running.line.send("POST", f"{running.url}/stripe/v1/{path}", headers=headers, body=urlencode(fields).encode())


INTENT = {"amount": "2500", "currency": "bdt", "metadata[attempt]": "T1"}


async def test_stripe_takes_a_part_of_an_authorisation_and_lets_the_rest_go() -> None:
    async with a_world() as running:
        made = (
            await stripe_post(running, "payment_intents", **INTENT, capture_method="manual", confirm="true", payment_method="pm_card_visa")
        ).json()
        captured = (await stripe_post(running, f"payment_intents/{made['id']}/capture", amount_to_capture="1000")).json()
        (books,) = running.world.truth.payments.values()
    assert (made["status"], made["amount_capturable"]) == ("requires_capture", 2500)
    assert (captured["status"], captured["amount_received"]) == ("succeeded", 1000)
    assert (books.reference, books.captured, books.voided) == ("T1", 1000, 1500)


async def test_the_same_idempotency_key_is_the_same_intent_and_never_another_one() -> None:
    async with a_world() as running:
        one, two = [(await stripe_post(running, "payment_intents", "K1", **INTENT)) for _ in range(2)]
        other = await stripe_post(running, "payment_intents", "K1", **(INTENT | {"amount": "9999"}))
        count = len(running.world.truth.payments)
    assert one.json()["id"] == two.json()["id"]
    assert two.headers["idempotent-replayed"] == "true"
    assert (other.status, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert count == 1


async def test_a_declined_card_is_a_402_that_a_better_card_mends() -> None:
    async with a_world() as running:
        made = (await stripe_post(running, "payment_intents", **INTENT)).json()
        declined = await stripe_post(
            running, f"payment_intents/{made['id']}/confirm", payment_method="pm_card_chargeDeclinedInsufficientFunds"
        )
        paid = await stripe_post(running, f"payment_intents/{made['id']}/confirm", payment_method="pm_card_visa")
    assert (declined.status, declined.json()["error"]["decline_code"]) == (402, "insufficient_funds")
    assert paid.json()["status"] == "succeeded"


async def test_a_card_that_asks_its_holder_sends_them_to_a_page_and_back() -> None:
    async with a_world() as running:
        asked = INTENT | {"confirm": "true", "payment_method": "pm_card_authenticationRequired", "return_url": "http://shop/back?x=1"}
        made = (await stripe_post(running, "payment_intents", **asked)).json()
        back = await press(running, made["next_action"]["redirect_to_url"]["url"], "pay")
    assert back.headers["location"].startswith("http://shop/back?x=1&payment_intent=pi_")
    assert back.headers["location"].endswith("redirect_status=succeeded")


async def test_stripe_gives_back_at_most_what_it_took_and_signs_what_it_tells() -> None:
    async with a_world() as running:
        made = (await stripe_post(running, "payment_intents", **INTENT, confirm="true", payment_method="pm_card_visa")).json()
        part = await stripe_post(running, "refunds", "R1", payment_intent=made["id"], amount="500")
        too_much = await stripe_post(running, "refunds", "R2", payment_intent=made["id"], amount="2001")
        await running.turn(minutes=1)
        told = [message for message in running.world.truth.messages if message.kind == "webhook"]
    assert (part.json()["status"], too_much.status) == ("succeeded", 400)
    assert [msgspec.json.decode(m.text)["type"] for m in told] == ["payment_intent.succeeded", "refund.created"]
    headers, body = stripe._signed(b"{}", running.world.now())
    at, signature = (part.split("=")[1] for part in headers["stripe-signature"].split(","))
    assert hmac.new(stripe.WEBHOOK.encode(), f"{at}.".encode() + body, "sha256").hexdigest() == signature
