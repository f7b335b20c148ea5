"""The paper on the box and the paper in the picker's hand: plain HTML that prints on any printer, in the language of the address. Pure.

A label of 100 × 150 mm has what a rider reads at the door (who, where, how much to collect) and one barcode (Code 128) that a
courier's scanner reads: the courier's own number, or ours while there is none. Nothing is loaded from anywhere.
"""

from collections.abc import Sequence
from html import escape

import msgspec
from barcode.codex import Code128
from barcode.writer import SVGWriter

_STYLE = """
@page { size: 100mm 150mm; margin: 4mm }
body { font: 11pt/1.35 "Noto Sans Bengali", "Noto Sans", sans-serif; margin: 0; width: 92mm; color: #000 }
h1 { font-size: 15pt; margin: 2mm 0 } h2 { font-size: 9pt; font-weight: 400; margin: 0 } p { margin: 1mm 0 }
.code { text-align: center; font-size: 9pt } .code svg { max-width: 92mm; height: 20mm }
.cash { border: 0.6mm solid #000; padding: 2mm; font-size: 15pt; font-weight: 700; text-align: center; margin: 2mm 0 }
table { width: 100%; border-collapse: collapse; font-size: 9pt } td { border-top: 0.2mm solid #000; padding: 0.6mm 1mm }
td:last-child { text-align: right }
"""


class Item(msgspec.Struct, frozen=True):
    """Units of one thing in the box."""

    sku: str
    name: str
    quantity: int


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on it. `cash` in minor units of a currency with two decimals; 0: nothing to collect."""

    code: str
    number: str
    recipient: str
    phone: str
    address: Sequence[str]
    sender: str
    courier: str = ""
    cash: int = 0
    currency: str = "BDT"
    weight_g: int = 0
    items: Sequence[Item] = ()


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel to pick, as it is read on the way through the shelves."""

    shipment: str
    number: str
    location: str
    items: Sequence[Item]


def html(label: Label) -> str:
    """The label as a page of its own."""
    rows = "".join(f"<tr><td>{escape(i.name)}</td><td>{escape(i.sku)}</td><td>{i.quantity}</td></tr>" for i in label.items)
    address = "<br>".join(escape(line) for line in label.address if line)
    cash = f"{money(label.cash)} {escape(label.currency)}" if label.cash else "পরিশোধিত · PAID"
    weight = f" · {label.weight_g / 1000:.2f} kg" if label.weight_g else ""
    return (
        f'<!doctype html><html lang="bn"><head><meta charset="utf-8"><title>{escape(label.code)}</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<div class="code">{barcode(label.code)}<br>{escape(label.code)}</div>'
        f"<h2>{escape(label.sender)} · {escape(label.courier)}{weight}</h2>"
        f"<h1>{escape(label.recipient)}</h1><p>{escape(label.phone)}</p><p>{address}</p>"
        f'<div class="cash">{cash}</div><h2>{escape(label.number)}</h2><table>{rows}</table></body></html>'
    )


def pick_list(picks: Sequence[Pick], *, title: str) -> str:
    """What is to be fetched: all units by SKU first, then box by box."""
    sums: dict[tuple[str, str], int] = {}
    for pick in picks:
        for item in pick.items:
            sums[item.sku, item.name] = sums.get((item.sku, item.name), 0) + item.quantity
    fetch = "".join(f"<tr><td>{escape(sku)}</td><td>{escape(name)}</td><td>{n}</td></tr>" for (sku, name), n in sorted(sums.items()))
    boxes = "".join(
        f'<div class="code">{barcode(p.number)}<br>{escape(p.number)} · {escape(p.location)}</div><table>'
        + "".join(f"<tr><td>{escape(i.sku)}</td><td>{escape(i.name)}</td><td>{i.quantity}</td></tr>" for i in p.items)
        + "</table>"
        for p in picks
    )
    return (
        f'<!doctype html><html lang="bn"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1><table>{fetch}</table>{boxes}</body></html>"
    )


def barcode(text: str) -> str:
    """Code 128 as an SVG element; empty where the text has characters that no barcode has."""
    if not text or not text.isascii() or not text.isprintable():
        return ""
    drawn = Code128(text, writer=SVGWriter()).render({"module_height": 18, "write_text": False, "quiet_zone": 2.5})
    svg = drawn.decode() if isinstance(drawn, bytes) else str(drawn)
    return svg[svg.index("<svg") :]


def money(amount: int) -> str:
    """Taka as they are written here: 12,34,567 and the paisa where there are some."""
    whole, paisa = divmod(amount, 100)
    head, tail = divmod(whole, 1000)
    text = f"{tail:03d}" if head else str(tail)
    while head:
        head, pair = divmod(head, 100)
        text = f"{pair:02d},{text}" if head else f"{pair},{text}"
    return f"{text}.{paisa:02d}" if paisa else text
