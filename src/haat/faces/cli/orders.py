"""`haat orders …`: one order for a person at a terminal: as it stands, or the story of how it came to that."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from haat.domain import orders
from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of
from haat.faces.cli.opening import DataDir
from haat.kernel import ids
from haat.kernel.errors import Refused
from haat.kernel.money import decimal_text

Number = Annotated[str, typer.Argument(help="The order's number, however it is typed, or its id.")]
Language = Annotated[Literal["en", "bn"], typer.Option("--language", "-l", help="English or Bangla.")]
ID_LENGTH = 36


def add_to(cli: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Look at orders.")
    group.command(name="show")(show_order)
    group.command()(trace)
    cli.add_typer(group, name="orders")


def show_order(context: typer.Context, number: Number, data_dir: DataDir = None) -> None:
    """What an order is now: its lines, its vendors' parts, its totals."""
    stream = _stream(context, number, data_dir)
    order = orders.fold(stream)
    assert order is not None

    def amount(minor: int) -> str:
        return decimal_text(minor, order.currency)

    a, c, t = order.ship_to, order.customer, order.totals
    place = ", ".join(part for part in (a.line, a.area, a.upazila, a.district, a.division, a.postcode, a.country) if part)
    show.line(f"Order {order.number}   {order.status}, {order.payment_status}, {order.fulfilment_status}   version {order.version}")
    show.line(f"id       {order.id}")
    show.line(f"placed   {_instant(order.placed_at)} through {order.channel}{f' as {order.external_id}' if order.external_id else ''}")
    show.line(f"buyer    {c.name or c.id or 'unknown'} {c.phone}".rstrip())
    show.line(f"to       {a.recipient or '–'}: {place}")
    for hold in order.holds:
        show.line(f"on hold  {hold.kind}: {hold.reason} {hold.detail}".rstrip())
    rows = [
        (
            x.line_no,
            x.sku,
            x.name,
            x.vendor,
            x.quantity,
            amount(x.unit_price),
            amount(x.discount),
            amount(x.tax),
            amount(x.total),
            _buckets(x),
        )
        for x in order.lines
    ]
    columns = ("", "SKU", "name", "vendor", "quantity", "price", "discount", "tax", "total", "where the units are")
    show.table("", columns, rows, right=(0, 4, 5, 6, 7, 8))
    parts = [(v.vendor, v.status, amount(v.items), amount(v.discount), amount(v.shipping), amount(v.total)) for v in order.vendor_orders]
    show.table("", ("vendor order", "status", "items", "discount", "shipping", "total"), parts, right=(2, 3, 4, 5))
    show.line(
        f"items {amount(t.items)} − discount {amount(t.discount)} + shipping {amount(t.shipping)} + fees {amount(t.fees)} "
        f"= {amount(t.grand)} {order.currency} (tax {amount(t.tax)})"
    )


def trace(context: typer.Context, number: Number, language: Language = "en", data_dir: DataDir = None) -> None:
    """The story of an order, one fact to a line: when, what, in words, by whom, because of what."""
    stream = _stream(context, number, data_dir)
    for recorded, entry in zip(stream, orders.timeline(stream), strict=True):
        words = entry.text if language == "en" else entry.text_bn
        why = f"by {recorded.actor}, {recorded.cause}" + (f", trace {recorded.trace}" if recorded.trace else "")
        show.line(f"{_instant(recorded.at)}  {recorded.version:>3}  {entry.type:<20} {words}  ({why})")


def _stream(context: typer.Context, number: str, data_dir: object) -> list[orders.Recorded]:
    """The facts of the order that is meant, or an exit that says why there are none."""

    async def read(runtime: Runtime) -> list[orders.Recorded]:
        async with runtime.database.reading() as tx:
            order_id: str | None = number.lower()
            if len(number) != ID_LENGTH:
                serial = ids.serial_of(number, runtime.draw.number_key)
                if serial is None:
                    raise Refused("mistyped_number", f"{number} is no order number: its check digit does not fit.")
                order_id = next(iter(await orders.find(tx, orders.Filter(serial=serial), before=None, placed_after_id=None, limit=1)), None)
            streams = await orders.streams(runtime.journal, tx, [order_id]) if order_id else {}
        if order_id not in streams:
            raise Refused("unknown_order", f"There is no order {number}.", kind="missing")
        return streams[order_id]

    with opening.telling():
        return opening.run(house_of(context), opening.chosen(data_dir=data_dir), read)


def _buckets(line: orders.OrderLine) -> str:
    return ", ".join(f"{quantity} {bucket}" for bucket, quantity in line.buckets.items())


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
