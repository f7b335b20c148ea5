"""Logs: one line of JSON to an event, and nobody's private life in it."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from haat.domain import carts, payments, people
from haat.engine import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What was logged. The logging that pytest set up comes back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(form="json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_both_kinds_of_logger_write_the_same_kind_of_line(written: io.StringIO) -> None:
    structlog.get_logger("haat.a").info("order placed", order_id="0190", lines=2)
    logging.getLogger("haat.b").warning("a batch failed", extra={"committer": "orders", "size": 7})
    ours, theirs = (json.loads(line) for line in written.getvalue().splitlines())
    assert (ours["event"], ours["order_id"], ours["lines"], ours["level"]) == ("order placed", "0190", 2, "info")
    assert (theirs["event"], theirs["committer"], theirs["size"], theirs["logger"]) == ("a batch failed", "orders", 7, "haat.b")
    assert ours["at"].endswith("Z")


def test_private_fields_are_hidden_however_deep(written: io.StringIO) -> None:
    structlog.get_logger().info(
        "x", phone="01712345678", ship_to={"address": "12 Lake Road", "city": "Dhaka"}, headers=[{"Authorization": "Bearer abcdefgh"}]
    )
    line = json.loads(written.getvalue())
    assert line["phone"] == logs.HIDDEN
    assert line["ship_to"] == {"address": logs.HIDDEN, "city": "Dhaka"}
    assert line["headers"] == [{"Authorization": logs.HIDDEN}]


def test_a_traceback_does_not_tell_either(written: io.StringIO) -> None:
    try:
        raise ValueError("cannot call +8801712345678, write to rahim@example.com")
    except ValueError:
        logging.getLogger("haat").exception("failed")
    text = written.getvalue()
    assert "ValueError" in text
    assert "1712345678" not in text
    assert "rahim" not in text


@pytest.mark.parametrize(
    "private",
    [
        "+8801712345678",
        "01712345678",
        "01712-345678",
        "০১৭১২৩৪৫৬৭৮",
        "+88 017 1234 5678",
        "rahim.uddin@example.com",
        "Bearer sk_live_abcdefgh12345678",
        "postgresql://haat:hunter22@db/haat",
        "password=hunter22",
        "haat_abcdefgh12345678XYZ",
        '"token": "hunter22"',
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
        "to=%2B8801712345678&from=Haat",
        "text=call%2001712345678",
        "text=%2B88+017+1234+5678",
        r"\u002b8801712345678",
        r"call:\n01712345678",
        "%E0%A7%A6%E0%A7%A7%E0%A7%AD%E0%A7%A7%E0%A7%A8%E0%A7%A9%E0%A7%AA%E0%A7%AB%E0%A7%AC%E0%A7%AD%E0%A7%AE",
        r"\u09e6\u09e7\u09ed\u09e7\u09e8\u09e9\u09ea\u09eb\u09ec\u09ed\u09ee",
        "mail=rahim.uddin%40example.com",
        "rahim@example.com%2Crahim@example.com",
        "?key=hunter22&x=1",
        "access_token=hunter22",
        "auth%3DBearer%20abcdefgh1234",
        r"{\"token\":\"hunter22\"}",
        "%22secret%22%3A%22hunter22%22",
    ],
)
def test_private_text_is_found_inside_other_text(private: str) -> None:
    cleaned = logs.clean_text(f"it says {private} there")
    assert cleaned.startswith("it says ")
    assert cleaned.endswith(" there")
    for part in ("12345678", "345678", "৩৪৫৬৭৮", "1234 5678", "rahim", "abcdefgh", "hunter22", "eyJ"):
        assert part not in cleaned


@pytest.mark.parametrize(
    "around", ["https://shop.example/orders/{}", "text=https%3A%2F%2Fshop.example%2Forders%2F{}", r"\/pay\/{}", "x{}."]
)
def test_every_kind_of_token_of_our_own_is_found_wherever_it_stands(around: str) -> None:
    order, until, secret = "01a20000-0000-7000-8000-00000000000a", datetime(2030, 1, 1, tzinfo=UTC), b"s" * 32
    for token in (
        people.access.compose("admin", bytes(range(people.access.ENTROPY_BYTES))),
        people.guest.order_token(order, expires_at=until, secret=secret),
        payments.pay_token(order, expires_at=until, secret=secret),
        carts.token.of(order, expires_at=until, secret=secret),
    ):
        assert logs.clean_text(around.format(token)).rstrip(".") == around.format("[token]").rstrip(".")


@pytest.mark.parametrize(
    "public",
    [
        "0190a3f4-5b6c-7d8e-9f01-23456789abcd",
        "order 7KQ2-M9XF-4",
        "position 1795443046123",
        "4c9184f37cff01bcdc32dc486ec36961",
        "took 0.0123456789 s",
    ],
)
def test_ids_and_counts_stay_readable(public: str) -> None:
    assert logs.clean_text(public) == public
