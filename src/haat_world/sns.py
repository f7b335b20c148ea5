"""Amazon SNS as far as bKash uses it for its IPN: a subscription to confirm, then signed notifications.

The certificate is made anew in each world and served where `SigningCertURL` says. Signatures are those of SNS version 1
(SHA-1 with RSA over name and value of fixed fields, each on a line), which is what topics send unless told otherwise.
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
from haat_world.wire import TEXT, Answer, Call, Operation
from haat_world.world import World

CERTIFICATE = "/sns/SimpleNotificationService-world.pem"
TOPIC = "arn:aws:sns:ap-southeast-1:354285053250:bkash-ipn-world"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


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


def operations() -> list[Operation]:
    return [
        Operation("GET", CERTIFICATE, "certificate", lambda call: Answer(certificate(), kind=TEXT), faulty=False),
        Operation("GET", "/sns/confirm", "confirm", _confirmed, faulty=False),
    ]


def _confirmed(call: Call) -> Answer:
    return Answer("<ConfirmSubscriptionResponse/>", kind="text/xml")


class Topic:
    """The topic of one merchant: told of each payment that is complete. The first message asks to confirm the subscription."""

    def __init__(self, world: World, party: str) -> None:
        self._world, self._party, self._asked = world, party, False

    def tell(self, payment: Payment) -> None:
        if not self._asked and self._party in self._world.hooks:
            self._asked = True
            self._send("subscription", "subscription", self._subscription())
        self._send("payment", payment.reference, self._notification(payment))

    def _send(self, event: str, reference: str, message: dict[str, str]) -> None:
        def write(now: datetime) -> hooks.Written:
            del now
            headers = {
                "content-type": "text/plain; charset=UTF-8",
                "x-amz-sns-message-type": message["Type"],
                "x-amz-sns-message-id": message["MessageId"],
                "x-amz-sns-topic-arn": TOPIC,
            }
            return headers, msgspec.json.encode(message)

        hooks.send(self._world, hooks.Hook(party=self._party, event=event, reference=reference, write=write), after=timedelta(seconds=2))

    def _notification(self, payment: Payment) -> dict[str, str]:
        now = self._world.now()
        inner: dict[str, Any] = {
            "dateTime": dhaka(now, "%Y%m%d%H%M%S"),
            "debitMSISDN": "01770618575",
            "creditOrganizationName": "Haat",
            "creditShortCode": "50022",
            "trxID": payment.trx,
            "transactionStatus": "Completed",
            "transactionType": "1003",
            "amount": taka(payment.amount),
            "currency": "BDT",
            "transactionReference": payment.payer,
            "merchantInvoiceNumber": payment.reference,
        }
        return self._signed("Notification", msgspec.json.encode(inner).decode(), payment.id, NOTIFICATION)

    def _subscription(self) -> dict[str, str]:
        more = {"Token": "world", "SubscribeURL": f"{self._world.url}/{self._party}/sns/confirm?Action=ConfirmSubscription&Token=world"}
        return self._signed(
            "SubscriptionConfirmation", f"You have chosen to subscribe to the topic {TOPIC}.", "subscription", SUBSCRIPTION, **more
        )

    def _signed(self, kind: str, text: str, name: str, fields: tuple[str, ...], **more: str) -> dict[str, str]:
        roll = self._world.word(24, "sns", name)
        message = {
            "Type": kind,
            "MessageId": roll.lower(),
            "TopicArn": TOPIC,
            "Message": text,
            **more,
            "Timestamp": self._world.now().strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": "1",
            "SigningCertURL": f"{self._world.url}/{self._party}{CERTIFICATE}",
        }
        told = "".join(f"{field}\n{message[field]}\n" for field in fields if field in message)
        signature = _key().sign(told.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 SNS signs so
        return message | {"Signature": base64.b64encode(signature).decode()}
