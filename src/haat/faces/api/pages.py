"""What the pages for buyers share: a frame in one language with a way to the other, amounts and times as people write them.

Plain HTML, no script, nothing from elsewhere. Whatever comes from an order is escaped by who puts it in.
"""

from datetime import datetime, timedelta, timezone
from html import escape
from typing import Literal

import msgspec

from haat.engine.web import Answer, Call
from haat.kernel.money import grouped_text
from haat.kernel.text import bangla_digits

Language = Literal["en", "bn"]
HTML = b"text/html; charset=utf-8"
#: No script, nothing from elsewhere, and nobody shows it inside a page of theirs. Forms go on to gateways, so that stays open.
POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
    (b"content-security-policy", POLICY),
)
DHAKA = timezone(timedelta(hours=6))
MONTHS_BN = (
    "জানুয়ারি", "ফেব্রুয়ারি", "মার্চ", "এপ্রিল", "মে", "জুন", "জুলাই", "আগস্ট", "সেপ্টেম্বর", "অক্টোবর", "নভেম্বর", "ডিসেম্বর",
)  # fmt: skip
STYLE = (
    "body{font:16px/1.6 system-ui,'Noto Sans Bengali',sans-serif;max-width:30rem;margin:0 auto;padding:1rem;color:#1c1c1c;background:#fff}"
    "header{display:flex;justify-content:space-between;align-items:baseline}h1{font-size:1.25rem;margin:.5rem 0}"
    ".due{font-size:1.9rem;font-weight:650;margin:.2rem 0}ul{padding:0;list-style:none;border-top:1px solid #ddd}"
    "li{display:flex;justify-content:space-between;gap:1rem;padding:.45rem 0;border-bottom:1px solid #ddd}"
    "button{display:block;width:100%;padding:.85rem;margin:.55rem 0;font:inherit;border:1px solid #0a5c44;border-radius:.5rem;"
    "background:#fff;color:#0a5c44;cursor:pointer}button.first{background:#0a5c44;color:#fff}"
    "button:focus-visible,a:focus-visible{outline:3px solid #e2a400}a{color:#0a5c44}"
    "a.first{display:block;text-align:center;padding:.85rem;margin:.55rem 0;border-radius:.5rem;background:#0a5c44;color:#fff;"
    "text-decoration:none}ol{padding:0;list-style:none}"
    "ol li{display:block;border:0;border-left:3px solid #0a5c44;padding:.1rem 0 .7rem .8rem}"
    "p[role=status]{padding:.6rem .8rem;border-left:4px solid #b3541e;background:#fdf3ec}small{color:#555}"
)


class PageQuery(msgspec.Struct, frozen=True):
    """`language`: none is what the browser prefers. What messengers hang on to links that they pass on is nobody's business."""

    language: Language | None = None


def language_of(call: Call) -> Language:
    """What was asked for, else what the browser prefers, else Bangla."""
    asked: PageQuery = call.query
    if asked.language is not None:
        return asked.language
    for tag in (call.header(b"accept-language") or "").lower().split(","):
        if tag.strip()[:2] in ("bn", "en"):
            return "bn" if tag.strip()[:2] == "bn" else "en"
    return "bn"


def answer(status: int, page: str) -> Answer:
    """A page, as it is sent."""
    return Answer(status, page.encode(), HEADERS, HTML)


def framed(title: str, language: Language, body: str) -> str:
    """A whole page around this body."""
    other = "en" if language == "bn" else "bn"
    switch = f'<a lang="{other}" hreflang="{other}" href="?language={other}">{("বাংলা" if language == "en" else "English")}</a>'
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Haat · {escape(title)}</title><style>{STYLE}</style><header><strong>Haat · হাট</strong>{switch}</header>"
        f"<main>{body}</main></html>"
    )


def money(amount: int, currency: str, language: Language) -> str:
    """`BDT 1,346.00`, `৳ ১,৩৪৬.০০`."""
    text = grouped_text(amount, currency)
    if language == "bn":
        return f"৳ {bangla_digits(text)}" if currency == "BDT" else f"{bangla_digits(text)} {escape(currency)}"
    return f"{escape(currency)} {text}"


def moment(at: datetime, language: Language) -> str:
    """`16:30`, on the clock of Dhaka."""
    local = at.astimezone(DHAKA)
    return bangla_digits(f"{local:%H:%M}") if language == "bn" else f"{local:%H:%M}"


def day(at: datetime, language: Language) -> str:
    """`14 Mar`, `১৪ মার্চ`."""
    local = at.astimezone(DHAKA)
    return f"{bangla_digits(str(local.day))} {MONTHS_BN[local.month - 1]}" if language == "bn" else f"{local.day} {local:%b}"


def number(value: int, language: Language) -> str:
    """In the digits of the language."""
    return bangla_digits(str(value)) if language == "bn" else str(value)
