"""The page where a payer decides, and the ways back to the shop. Plain HTML that works without a script.

A robot of the world presses the same buttons: it posts `decision` to the page's own address, as a browser would.
"""

from collections.abc import Mapping
from html import escape

from haat_world.amounts import taka
from haat_world.truth import Payment
from haat_world.wire import HTML, Answer

STYLE = "body{font:18px system-ui;max-width:28rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.6rem 1.2rem;margin:.3rem}"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style><h1>{title}</h1>{content}</html>"""
BUTTONS = """<p>Pay <strong>{currency} {amount}</strong> for {reference}?</p><form method="post">
<button name="decision" value="pay">Pay</button><button name="decision" value="decline">Decline</button>
<button name="decision" value="cancel">Cancel</button></form><p><small>A simulated {title}. No money moves.</small></p>"""
DECISIONS = ("pay", "decline", "cancel")


def asked(title: str, payment: Payment) -> Answer:
    """The page with the buttons."""
    told = {"currency": payment.currency, "amount": taka(payment.amount), "reference": escape(payment.reference), "title": escape(title)}
    return page(title, BUTTONS.format(**told))


def page(title: str, content: str, status: int = 200) -> Answer:
    return Answer(PAGE.format(title=escape(title), style=STYLE, content=content), status, kind=HTML)


def back(url: str) -> Answer:
    """The payer's browser goes back to the shop by GET."""
    return Answer("", 303, {"location": url}, kind=HTML)


def back_by_post(title: str, url: str, fields: Mapping[str, str]) -> Answer:
    """The payer's browser posts the outcome to the shop: by itself where it can, else by one more press."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items())
    form = f'<form method="post" action="{escape(url)}">{hidden}<button>Back to the shop</button></form>'
    return page(title, form + "<script>document.forms[0].submit()</script>")
