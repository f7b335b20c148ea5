"""Keys open what they were made for, tokens open one order for a while, and nothing can be forged."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haat.domain import people
from haat.domain.people import access, guest
from haat.kernel.errors import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = "01890a5d-ac96-774b-bcce-b302099a8057"
SECRET = b"s" * 32

ENTROPY = st.binary(min_size=32, max_size=32)


def a_key(**fields):
    plain = people.Key(
        id="k1", prefix="haat_vendor_abc", name="", role="vendor", subject="aarong", scopes=("*",), rate_per_minute=None,
        issued_by="admin:1", created_at=NOW, expires_at=None, revoked_at=None, used_at=None,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


@given(ENTROPY, st.sampled_from(["admin", "vendor", "channel", "customer"]))
def test_a_key_says_its_role_and_is_found_by_its_hash(entropy, role):
    secret = people.compose(role, entropy)
    assert secret.startswith(f"haat_{role}_")
    assert len(secret) == len(f"haat_{role}_") + 43
    assert len(people.hash_of(secret)) == 32
    assert secret.startswith(access.prefix_of(secret))


@given(ENTROPY, ENTROPY)
def test_other_random_bytes_are_another_key(one, other):
    assert (people.compose("admin", one) == people.compose("admin", other)) is (one == other)


@pytest.mark.parametrize(
    "text", ["", "haat_admin_short", "haat_root_" + "a" * 43, "haat_admin_" + "a" * 42 + "!", "haat_admin_" + "a" * 44]
)
def test_what_cannot_be_a_key_is_not_looked_for(text):
    assert people.hash_of(text) is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"revoked_at": NOW}, "key_revoked"),
        ({"expires_at": NOW}, "key_expired"),
        ({"expires_at": NOW + timedelta(seconds=1)}, None),
        ({}, None),
    ],
)
def test_a_revoked_or_expired_key_opens_nothing(fields, code):
    key = a_key(**fields)
    if code is None:
        assert people.check_usable(key, now=NOW).actor == "vendor:aarong"
    else:
        with pytest.raises(Refused) as refused:
            people.check_usable(key, now=NOW)
        assert (refused.value.code, refused.value.kind) == (code, "unauthenticated")


def test_a_scope_is_granted_by_itself_by_its_noun_or_by_all():
    def may(*scopes):
        return people.Principal("vendor", "aarong", scopes, "k1").may("orders:read")

    assert may("orders:read")
    assert may("orders:*")
    assert may("*")
    assert not may("orders:write", "products:*")
    assert not may()


def test_every_staff_role_has_scopes_that_a_key_may_carry():
    for name, scopes in people.STAFF_SCOPES.items():
        msgspec.convert({"id": "1", "role": "vendor", "subject": "v", "name": name, "scopes": list(scopes)}, people.KeyOrder)


@pytest.mark.parametrize(("role", "subject"), [("admin", "somebody"), ("vendor", ""), ("customer", "")])
def test_a_key_names_whom_it_speaks_for_unless_it_is_an_admins(role, subject):
    with pytest.raises(Refused, match="bad_subject"):
        access.check_order(people.KeyOrder(id="1", role=role, subject=subject), now=NOW)


@given(st.uuids(), st.integers(1, 10**8))
def test_a_token_opens_its_order_until_it_expires(order, seconds):
    expires_at = NOW + timedelta(seconds=seconds)
    token = guest.order_token(str(order), expires_at=expires_at, secret=SECRET)
    assert guest.order_of_token(token, secrets=[SECRET], now=expires_at - timedelta(seconds=1)) == str(order)
    assert guest.order_of_token(token, secrets=[SECRET], now=expires_at) is None


def test_a_token_signed_with_the_last_secret_still_opens_after_a_rotation():
    token = guest.order_token(ORDER, expires_at=NOW + timedelta(days=1), secret=SECRET)
    assert guest.order_of_token(token, secrets=[b"n" * 32, SECRET], now=NOW) == ORDER
    assert guest.order_of_token(token, secrets=[b"n" * 32], now=NOW) is None
    assert guest.order_of_token(token, secrets=[], now=NOW) is None


@given(st.integers(0, 200), st.integers(0, 127))
def test_a_token_with_one_other_character_opens_nothing(place, code):
    token = guest.order_token(ORDER, expires_at=NOW + timedelta(days=1), secret=SECRET)
    place %= len(token)
    forged = token[:place] + chr(code) + token[place + 1 :]
    opened = guest.order_of_token(forged, secrets=[SECRET], now=NOW)
    assert opened is None or forged == token


@given(st.text(max_size=120))
def test_garbage_opens_nothing(text):
    assert guest.order_of_token(text, secrets=[SECRET], now=NOW) is None
    assert guest.order_of_token("hgt_" + text, secrets=[SECRET], now=NOW) is None
