"""Words: amounts and days as people write them, names that lead nowhere, templates that cannot do harm."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from haat.domain import notifications
from haat.domain.notifications import template, wording
from haat.kernel.errors import Refused
from haat.kernel.text import ascii_digits

KEY = ("placed", "customer", "sms", "en")


@pytest.mark.parametrize(
    ("amount", "currency", "english", "bangla"),
    [
        (100_00, "BDT", "Tk 100", "৳ ১০০"), (1_250_50, "BDT", "Tk 1,250.50", "৳ ১,২৫০.৫০"),
        (12_34_567_00, "BDT", "Tk 12,34,567", "৳ ১২,৩৪,৫৬৭"), (5, "BDT", "Tk 0.05", "৳ ০.০৫"), (-100_00, "BDT", "-Tk 100", "-৳ ১০০"),
        (123_456_789, "USD", "USD 1,234,567.89", "USD ১,২৩৪,৫৬৭.৮৯"), (1_500, "JPY", "JPY 1,500", "JPY ১,৫০০"),
    ],
)  # fmt: skip
def test_amounts_are_written_as_people_here_write_them(amount: int, currency: str, english: str, bangla: str) -> None:
    assert notifications.money(amount, currency, "en") == english
    assert notifications.money(amount, currency, "bn") == bangla


@given(st.integers(0, 10**15))
def test_no_taka_is_lost_in_writing(amount: int) -> None:
    for language in notifications.LANGUAGES:
        digits = ascii_digits(notifications.money(amount, "BDT", language)).lstrip("Tk৳ ").replace(",", "")
        whole, _, part = digits.partition(".")
        assert int(whole) * 100 + int(part or 0) == amount


def test_a_day_is_that_of_the_readers_calendar() -> None:
    late = datetime(2026, 3, 14, 19, 5, tzinfo=UTC)
    assert wording.day(late, "Asia/Dhaka", "en") == "Sun 15 Mar" and wording.day(late, "UTC", "en") == "Sat 14 Mar"
    assert wording.moment(late, "Asia/Dhaka", "en") == "Sun 15 Mar, 1:05 am"
    assert wording.moment(late, "UTC", "bn") == "শনি ১৪ মার্চ, ৭:০৫ অপরাহ্ণ"


def test_both_languages_know_the_same_words() -> None:
    english, bangla = wording.words("en"), wording.words("bn")
    assert {name: set(words) for name, words in english.items()} == {name: set(words) for name, words in bangla.items()}
    assert all("other" in words for name, words in english.items() if name != "calendar")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Rahima\r\nBcc: x", "Rahima Bcc: x"), ("Go to https://evil.example now", "Go to now"), ("WWW.evil.example", ""),
        ("রহিমা খাতুন", "রহিমা খাতুন"), ("x" * 100, "x" * 60), ("", ""),
    ],
)  # fmt: skip
def test_a_name_is_one_short_line_that_leads_nowhere(typed: str, kept: str) -> None:
    assert notifications.name(typed) == kept


@pytest.mark.parametrize(
    "text",
    [
        "{{ number * 1000000 }}", "{{ 2 ** 99999 }}", "{{ [0] * 99999999 }}", "{{ number.__class__ }}", "{{ items.append(1) }}",
        "{{ missing }}", "{% for a in range(9) %}x{% endfor %}", "{{ ''.join }}{{ cycler }}", "{% include 'x' %}", "{% import 'x' as y %}",
        "{{ number|attr('__class__') }}", "{{ '{0.__class__}'.format(number) }}", "{{", "x" * 9_000,
    ],
)  # fmt: skip
def test_a_template_can_fill_in_values_and_nothing_else(text: str) -> None:
    sample = notifications.filled(notifications.samples("placed", "customer")[0], "en")
    with pytest.raises(Refused) as refused:
        notifications.check(KEY, text, [sample], sms_parts_max=10)
    assert refused.value.code in ("template_broken", "template_too_long")


def test_a_template_without_end_is_stopped() -> None:
    text = "{% for a in detail %}{% for b in detail %}{% for c in detail %}{{ detail }}{% endfor %}{% endfor %}{% endfor %}"
    with pytest.raises(Refused, match="template_too_long"):
        notifications.check(KEY, text, [{"detail": "x" * 500}], sms_parts_max=10)


def test_a_page_escapes_what_people_wrote_and_makes_links_of_addresses_alone() -> None:
    page = notifications.html("a <b>", 'Dear <script>x</script>,\n\nsee:\nhttps://shop.example/?a=1&b="2"', name="Tea & Co", language="en")
    assert "<script>" not in page and "&lt;script&gt;" in page and "Tea &amp; Co" in page
    assert 'href="https://shop.example/?a=1&amp;b=&#34;2&#34;"' in page


def test_a_subject_is_one_line_whatever_stands_in_it() -> None:
    said = template.fill(template.compiled("en", "Subject: {{ name }}\nx"), "email", {"name": "a b"}, sms_parts_max=6)
    assert said.subject == "a b"
    long = template.fill(template.compiled("en", "Subject: {{ name }}\nx"), "email", {"name": "a\tb " * 99}, sms_parts_max=6)
    assert len(long.subject) <= template.SUBJECT_MAX and "\t" not in long.subject
