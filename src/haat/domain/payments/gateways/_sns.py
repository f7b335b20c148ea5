"""Messages of Amazon SNS, as bKash sends its instant notifications: whose they are, and whether they are signed.

The signer's certificate is only ever fetched from Amazon's own hosts over https; the topic is pinned by whoever calls, since
anybody may sign with a topic of their own. Source: Amazon's «Verifying the signatures of Amazon SNS messages».
"""

import base64
import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import load_pem_x509_certificate

from haat.kernel.errors import Refused
from haat.kernel.outside import Conversation, Granted, Request, Token, answered, ask, token_of

HOST = re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com(?:\.cn)?").fullmatch
DAY_S = 86_400
SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


def check_envelope(said: Mapping[str, Any], topic: str) -> None:
    """Raises Refused where this is no message of our topic, or its signer is not at Amazon's."""
    if not topic or said.get("TopicArn") != topic or said.get("Type") not in SIGNED:
        raise Refused("foreign_hook", "This is no message of our topic.", kind="forbidden")
    if not _at_amazon(said.get("SigningCertURL"), ".pem") or not said.get("Signature") or not said.get("MessageId"):
        raise Refused("foreign_hook", "This is not signed by Amazon.", kind="forbidden")


def check_signature(said: Mapping[str, Any], pem: str) -> None:
    """Raises Refused where the signature does not fit: fields by name, each with its value, on lines of their own."""
    names = SIGNED.get(str(said.get("Type")), ())
    text = "".join(f"{name}\n{said[name]}\n" for name in names if said.get(name) is not None)
    digest = hashes.SHA256() if said.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303 version 1 is SHA-1
    try:
        key = load_pem_x509_certificate(pem.encode()).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("not an RSA key")
        key.verify(base64.b64decode(str(said.get("Signature", ""))), text.encode(), padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError) as error:
        raise Refused("bad_signature", "The signature does not fit.", kind="forbidden") from error


def certificate(said: Mapping[str, Any]) -> Conversation[str]:
    """The signer's certificate in PEM, kept for a day beside the tokens."""
    url = str(said.get("SigningCertURL", ""))
    if not _at_amazon(url, ".pem"):
        raise Refused("foreign_hook", "This is not signed by Amazon.", kind="forbidden")
    return (yield from token_of(Token(f"certificate {url}"[:300], partial(_fetch, url))))


def subscribe(said: Mapping[str, Any]) -> Conversation[None]:
    """Confirms the subscription that Amazon offers."""
    url = str(said.get("SubscribeURL", ""))
    if not _at_amazon(url, ""):
        raise Refused("foreign_hook", "This subscription is not confirmed at Amazon.", kind="forbidden")
    answered((yield from ask(Request("GET", url, question=True))), question=True)


def _fetch(url: str, refresh: str) -> Conversation[Granted]:
    del refresh
    reply = answered((yield from ask(Request("GET", url, question=True))), question=True)
    return Granted(reply.body.decode("ascii", "replace"), DAY_S)


def _at_amazon(url: object, ending: str) -> bool:
    try:
        parts = urlsplit(str(url or ""))
    except ValueError:
        return False
    return parts.scheme == "https" and bool(HOST(parts.netloc)) and parts.path.endswith(ending)
