"""`haat orders …`: one order for a person at a terminal: as it stands, or the story of how it came to that."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from haat.domain import orders
from haat.faces.cli import opening, show
from haat.faces.cli.house import Runtime, house_of
from haat.faces.cli.opening import DataDir
from haat.kernel import ids
from haat.kernel.errors import Refused
from haat.kernel.money import decimal_text
from haat.kernel.text import bangla_digits

Number = Annotated[str, typer.Argument(help="The order's number, however it is typed, or its id.")]
Language = Annotated[Literal["en", "bn"], typer.Option("--language", "-l", help="English or Bangla.")]
ID_LENGTH = 36
ZONE = ZoneInfo("Asia/Dhaka")
STEP = ("step", "ধাপ")
OURSELVES = ("Haat", "হাট")
ACTORS = {
    "customer": ("the buyer", "ক্রেতা"),
    "guest": ("the buyer, by a link", "ক্রেতা, লিংকে"),
    "vendor": ("the vendor", "বিক্রেতা"),
    "admin": ("staff", "কর্মী"),
    "channel": ("the channel", "চ্যানেল"),
}


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
        show.line(f"on hold  {hold.kind}: {hold.reason} {hold.detail}".rstrip() + (f", until {_instant(hold.until)}" if hold.until else ""))
    if order.paused:
        show.line("paused   nothing of it goes on until somebody resumes it")
    for e in order.exceptions:
        since = f" since {_instant(e.since)}" if e.since else ""
        show.line(
            f"waits    for {e.owner}{since}: {e.flow}:{e.step}, {e.cause} (exception {e.id}; {', '.join(e.repairs) or 'no safe repair'})"
        )
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
    _goods(order, amount)
    _money(order, amount)
    show.line(
        f"items {amount(t.items)} − discount {amount(t.discount)} + shipping {amount(t.shipping)} + fees {amount(t.fees)} "
        f"= {amount(t.grand)} {order.currency} (tax {amount(t.tax)})"
    )


def trace(
    context: typer.Context,
    number: Number,
    language: Language = "en",
    facts: Annotated[bool, typer.Option("--facts", help="Name each fact, its version and its trace, too.")] = False,
    data_dir: DataDir = None,
) -> None:
    """The story of an order in words: day by day in Bangladesh time, what happened, who did it, because of what."""
    stream = _stream(context, number, data_dir)
    order = orders.fold(stream)
    assert order is not None
    show.line(f"Order {order.number}   {order.status}, {order.payment_status}, {order.fulfilment_status}")
    day, moment = "", ""
    for recorded, entry in zip(stream, orders.timeline(stream), strict=True):
        local = entry.at.astimezone(ZONE)
        if f"{local:%A %d %B %Y}" != day:
            day, moment = f"{local:%A %d %B %Y}", ""
            show.line(f"\n{day if language == 'en' else _bangla_day(local)}")
        who = _who(recorded, language)
        same, by = f"{local:%H:%M:%S} {who}", ""
        when = " " * 8
        if same != moment:  # what was written at one moment by one hand is told as one
            moment, when, by = same, f"{local:%H:%M:%S}", f"  ({who})"
        words = entry.text if language == "en" else entry.text_bn
        named = f"  [{entry.version} {entry.type}{', trace ' + recorded.trace if recorded.trace else ''}]" if facts else ""
        show.line(f"  {when if language == 'en' else bangla_digits(when)}  {words}{by}{named}")


def _who(recorded: orders.Recorded, language: str) -> str:
    """Who did it: a step of ours by its name, or a person and the way by which they came."""
    kind, _, name = recorded.actor.partition(":")
    if kind == "system":
        return f"{_said(STEP, language)} {recorded.cause}" if ":" in recorded.cause else f"{_said(OURSELVES, language)}, {recorded.cause}"
    return f"{_said(ACTORS.get(kind, (kind, kind)), language)} {name}".rstrip() + (f", {recorded.cause}" if recorded.cause else "")


def _said(both: tuple[str, str], language: str) -> str:
    return both[language == "bn"]


def _bangla_day(local: datetime) -> str:
    months, days = orders.words.MONTHS, orders.words.DAYS
    return f"{days[local.weekday()][1]}বার, {bangla_digits(f'{local.day} {months[local.month - 1][1]} {local.year}')}"


def _goods(order: orders.Order, amount: Callable[[int], str]) -> None:
    """Each parcel: what is in it, where it goes from, who carries it, what it collects."""
    rows = [
        (
            f"{n} of {len(order.shipments)}", p.status, p.vendor, p.location,
            ", ".join(f"{x.quantity} of line {x.line_no}" for x in p.lines), f"{p.courier} {p.consignment}".strip() or "–",
            amount(p.cash) if p.cash else "–", "–" if p.collected is None else amount(p.collected), p.tries or "–", p.reason or "–",
        )
        for n, p in enumerate(order.shipments, 1)
    ]  # fmt: skip
    columns = ("parcel", "status", "vendor", "from", "goods", "courier", "at the door", "collected", "tries", "reason")
    if rows:
        show.table("", columns, rows, right=(6, 7, 8))


def _money(order: orders.Order, amount: Callable[[int], str]) -> None:
    """Each obligation with the attempts at it, and what goes back."""
    rows: list[tuple[object, ...]] = []
    for tender in order.payments:
        due = _instant(tender.due_at) if tender.due_at else "–"
        rows.append((tender.method, tender.status, amount(tender.owed), "–", "–", due))
        for a in tender.attempts:
            held = f"{amount(a.captured)} taken" if a.captured else f"{amount(a.set_aside)} set aside" if a.set_aside else a.reason or "–"
            back = f", {amount(a.refunded)} back" if a.refunded else ""
            rows.append(
                (f"  by {a.gateway or 'the channel'}", a.status, amount(a.amount), held + back, a.transaction or a.reference or "–", "–")
            )
    for refund in order.refunds:
        rows.append(
            (f"refund by {refund.gateway or 'hand'}", refund.status, amount(refund.amount), refund.reason, refund.reference or "–", "–")
        )
    if rows:
        show.table("", ("payment", "status", "amount", "", "reference", "due"), rows, right=(2,))


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
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M:%S%z}"
