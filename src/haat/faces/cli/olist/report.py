"""Two books side by side: what the files say and what Haat has, to the centavo, and every order that is in one only.

Nothing is left out because it is unpleasant: an order that could not be placed stands here with its reason.
"""

from collections.abc import Iterable, Mapping

import msgspec

from haat.faces.cli.olist.figures import Figures, SellerFigures
from haat.kernel import money

CURRENCY = "BRL"
SHOWN_MAX = 20
_AMOUNTS = frozenset({"goods", "freight", "payments"})
_NOBODY = SellerFigures(0, 0, 0, 0)


class Row(msgspec.Struct, frozen=True, gc=False):
    """One figure of both books. `amount` tells centavos from counts."""

    name: str
    expected: int
    actual: int
    amount: bool = False

    @property
    def agrees(self) -> bool:
        return self.expected == self.actual


class Unplaced(msgspec.Struct, frozen=True, gc=False):
    """An order of the files that is not in Haat, and why. `payments` in centavos."""

    id: str
    reason: str
    status: str = ""
    payments: int = 0


class Report(msgspec.Struct, frozen=True):
    """`agrees` is true when every figure of every seller, method and status is equal."""

    agrees: bool
    rows: tuple[Row, ...]
    sellers: int
    sellers_differing: tuple[Row, ...]
    unplaced: tuple[Unplaced, ...]

    @property
    def reasons(self) -> dict[str, int]:
        """How many orders were not placed, by reason."""
        counts: dict[str, int] = {}
        for order in self.unplaced:
            counts[order.reason] = counts.get(order.reason, 0) + 1
        return dict(sorted(counts.items()))


def compare(expected: Figures, actual: Figures, unplaced: Iterable[Unplaced] = ()) -> Report:
    """The report of both books. `unplaced` lists what could not be placed; it explains a difference, it does not excuse it."""
    rows = [
        Row(name, getattr(expected, name), getattr(actual, name), name in _AMOUNTS)
        for name in ("orders", "lines", "quantity", "goods", "freight", "payments", "payment_rows")
    ]
    rows += _side_by_side("payments by", expected.methods, actual.methods, amount=True)
    rows += _side_by_side("status", expected.statuses, actual.statuses, amount=False)
    names = sorted(expected.sellers.keys() | actual.sellers.keys())
    differing = [
        row
        for name in names
        for row in _seller_rows(name, expected.sellers.get(name, _NOBODY), actual.sellers.get(name, _NOBODY))
        if not row.agrees
    ]
    return Report(
        agrees=all(row.agrees for row in rows) and not differing,
        rows=tuple(rows),
        sellers=len(names),
        sellers_differing=tuple(differing),
        unplaced=tuple(sorted(unplaced, key=lambda order: (order.reason, order.id))),
    )


def as_json(report: Report) -> bytes:
    """The whole report, nothing shortened; amounts in centavos."""
    return msgspec.json.encode(
        {
            "agrees": report.agrees,
            "currency": CURRENCY,
            "figures": [_row_dict(row) for row in report.rows],
            "sellers": {"compared": report.sellers, "differing": [_row_dict(row) for row in report.sellers_differing]},
            "unplaced": {"count": len(report.unplaced), "reasons": report.reasons, "orders": report.unplaced},
        }
    )


def as_text(report: Report) -> str:
    """A table for a terminal. Long lists are cut after 20 entries and say how many more there are."""
    differing = len({row.name.partition(":")[0] for row in report.sellers_differing})
    table = [("figure", "files", "Haat", ""), *(_cells(row) for row in report.rows)]
    table.append(("sellers that agree", str(report.sellers), str(report.sellers - differing), "ok" if not differing else "DIFFERS"))
    table += [_cells(row) for row in report.sellers_differing[:SHOWN_MAX]]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in table]
    lines.insert(1, "-" * (sum(widths) + 6))
    if len(report.sellers_differing) > SHOWN_MAX:
        lines.append(f"… and {len(report.sellers_differing) - SHOWN_MAX} more differences of sellers")
    lines += ["", f"not placed: {len(report.unplaced)}"]
    lines += [f"  {reason}: {count}" for reason, count in report.reasons.items()]
    lines += [f"    {order.id}  {order.status:<12} {order.reason}".rstrip() for order in report.unplaced[:SHOWN_MAX]]
    if len(report.unplaced) > SHOWN_MAX:
        lines.append(f"    … and {len(report.unplaced) - SHOWN_MAX} more")
    lines += ["", "The books agree to the centavo." if report.agrees else "THE BOOKS DO NOT AGREE."]
    return "\n".join(lines)


def _side_by_side(word: str, expected: Mapping[str, int], actual: Mapping[str, int], *, amount: bool) -> list[Row]:
    names = sorted(expected.keys() | actual.keys())
    return [Row(f"{word} {name}", expected.get(name, 0), actual.get(name, 0), amount) for name in names]


def _seller_rows(name: str, expected: SellerFigures, actual: SellerFigures) -> list[Row]:
    fields = ("orders", "quantity", "goods", "freight")
    return [Row(f"{name}: {field}", getattr(expected, field), getattr(actual, field), field in _AMOUNTS) for field in fields]


def _cells(row: Row) -> tuple[str, str, str, str]:
    def shown(value: int) -> str:
        return f"{money.decimal_text(value, CURRENCY)} {CURRENCY}" if row.amount else f"{value:,}"

    return row.name, shown(row.expected), shown(row.actual), "ok" if row.agrees else "DIFFERS"


def _row_dict(row: Row) -> dict[str, object]:
    return {"name": row.name, "expected": row.expected, "actual": row.actual, "amount": row.amount, "agrees": row.agrees}
