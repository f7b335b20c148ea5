"""Amazon SNS as far as bKash uses it for its IPN: signed notifications of a topic whose subscription was confirmed before.

`SigningCertURL` names a host of Amazon, as receivers demand, where nobody finds this world's certificate: it is handed over with the
connection. Signatures are those of SNS version 1 (SHA-1 with RSA over name and value of fixed fields, each on a line), which is
what topics send unless told otherwise.
"""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from haat_world import hooks
from haat_world.amounts import taka
from haat_world.clock import dhaka
from haat_world.truth import Payment
from haat_world.world import World

CERTIFICATE = "https://sns.ap-southeast-1.amazonaws.com/SimpleNotificationService-world.pem"
TOPIC = "arn:aws:sns:ap-southeast-1:354285053250:bkash-ipn-world"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate() -> str:
    """A self-signed certificate of the signing key, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_key().public_key()).serial_number(1971)
    lasting = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
    return lasting.sign(_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Topic:
    """The topic of one merchant: told of each payment that is complete."""

    def __init__(self, world: World, party: str) -> None:
        self._world, self._party = world, party

    def tell(self, payment: Payment) -> None:
        message = self._notification(payment)
        headers = {
            "content-type": "text/plain; charset=UTF-8",
            "x-amz-sns-message-type": message["Type"],
            "x-amz-sns-message-id": message["MessageId"],
            "x-amz-sns-topic-arn": TOPIC,
        }
        written = (headers, msgspec.json.encode(message))
        hook = hooks.Hook(party=self._party, event="ipn", reference=payment.reference, write=lambda _: written)
        hooks.send(self._world, hook, after=timedelta(seconds=2))

    def _notification(self, payment: Payment) -> dict[str, str]:
        now = self._world.now()
        inner: dict[str, Any] = {
            "dateTime": dhaka(now, "%Y%m%d%H%M%S"), "debitMSISDN": "01770618575", "creditOrganizationName": "Haat",
            "creditShortCode": "50022", "trxID": payment.trx, "transactionStatus": "Completed", "transactionType": "1003",
            "amount": taka(payment.amount), "currency": "BDT", "transactionReference": payment.payer,
            "merchantInvoiceNumber": payment.reference,
        }  # fmt: skip
        message = {
            "Type": "Notification",
            "MessageId": self._world.word(24, "sns", payment.id).lower(),
            "TopicArn": TOPIC,
            "Message": msgspec.json.encode(inner).decode(),
            "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": "1",
            "SigningCertURL": CERTIFICATE,
        }
        told = "".join(f"{field}\n{message[field]}\n" for field in NOTIFICATION if field in message)
        signature = _key().sign(told.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 SNS signs so
        return message | {"Signature": base64.b64encode(signature).decode()}
