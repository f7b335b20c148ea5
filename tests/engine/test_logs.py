"""Logs: one line of JSON to an event, and nobody's private life in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

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
    ],
)
def test_private_text_is_found_inside_other_text(private: str) -> None:
    cleaned = logs.clean_text(f"it says {private} there")
    assert cleaned.startswith("it says ")
    assert cleaned.endswith(" there")
    for part in ("12345678", "345678", "৩৪৫৬৭৮", "1234 5678", "rahim", "abcdefgh", "hunter22", "eyJ"):
        assert part not in cleaned


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
