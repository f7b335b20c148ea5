"""Products in CSV (RFC 4180, UTF-8), as spreadsheets write it: one header line, one SKU to a record.

Columns are named like the fields of a sheet, in any order; an empty cell says nothing. Where a field has parts:

    price            minor units: 125050             price_major     major units: 1250.50
    size_mm          300x200x50                      images          addresses, parted by blanks or |
    option:size      one column to an option         attribute:brand one column to an attribute
    kit              SOAP-1*2 TOWEL-3                purchase_limit  2  or  2/30  (two in thirty days)
    backorder        backorder | preorder            backorder_limit, expected_at

A quoted cell may hold line ends. A quote that is never closed costs its own line, not the rest of the file.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from haat.domain.catalogue.intake import (
    BATCH_ROWS,
    RECORD_BYTES_MAX,
    Format,
    Line,
    Ndjson,
    Position,
    Reader,
    RowError,
    too_long,
    unreadable,
    validation_error,
)
from haat.domain.catalogue.product import ProductSheet
from haat.kernel import money, text

CELLS_MAX = 200
_DECIMAL = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,3}))?").fullmatch
_KIT_PART = re.compile(r"([^\s*]+)(?:\*([0-9]+))?").fullmatch


class Csv:
    """Records of a CSV file, one line after another. `header` is given when reading starts in the middle of a file."""

    def __init__(self, header: tuple[str, ...] | None) -> None:
        self.header = header
        self._cells = {} if header is None else _meanings(header)
        self._open: list[Line] = []
        self._open_bytes = 0

    def read(self, line: Line) -> Iterator[tuple[int, ProductSheet | RowError]]:
        if line.text is None:
            yield from self._unclosed()
            yield line.number, too_long(line.number)
            return
        quotes = line.text.count(b'"') % 2
        if not self._open and not quotes:
            yield from self._record(line.number, line.text)
            return
        self._open.append(line)
        self._open_bytes += len(line.text) + 1
        if quotes and len(self._open) > 1:
            whole = b"\n".join(part.text or b"" for part in self._open)
            number, self._open, self._open_bytes = self._open[0].number, [], 0
            yield from self._record(number, whole)
        elif self._open_bytes > RECORD_BYTES_MAX:
            yield from self._unclosed()

    def end(self) -> Iterator[tuple[int, ProductSheet | RowError]]:
        while self._open:
            yield from self._unclosed()

    def settled(self) -> bool:
        return not self._open

    def _unclosed(self) -> Iterator[tuple[int, ProductSheet | RowError]]:
        """Give up the line with the open quote and read those after it again."""
        if not self._open:
            return
        (first, *after), self._open, self._open_bytes = self._open, [], 0
        yield first.number, RowError(first.number, "", "unclosed_quote", "a quote is opened here and not closed")
        for line in after:
            yield from self.read(line)

    def _record(self, number: int, raw: bytes) -> Iterator[tuple[int, ProductSheet | RowError]]:
        if not raw or raw.isspace():
            return
        try:
            cells = next(csv.reader((raw.decode(),), strict=True))
        except UnicodeDecodeError:
            yield number, RowError(number, "", "not_utf8", "the file must be UTF-8")
        except (csv.Error, StopIteration) as error:
            yield number, RowError(number, "", "malformed", f"not a CSV record: {error}")
        else:
            if self.header is None:
                self.header = tuple(cell.strip() for cell in cells)
                self._cells = _meanings(self.header)
            else:
                yield number, _sheet(number, self.header, self._cells, cells)


def reader(file_format: Format, at: Position = Position(), *, batch_rows: int = BATCH_ROWS) -> Reader:  # noqa: B008 - a frozen value
    """A reader of a file in `file_format` that begins at `at`: the start, or where an interrupted import stands."""
    return Reader(Ndjson() if file_format == "ndjson" else Csv(at.header), at, batch_rows=batch_rows)


def _integer(cell: str) -> str:
    return text.ascii_digits(cell).replace(",", "")


def _size(cell: str) -> list[str]:
    return [_integer(part) for part in re.split(r"\s*[xX×*]\s*", cell)]


def _images(cell: str) -> list[str]:
    return re.split(r"[\s|]+", cell)


def _kit(cell: str) -> list[dict[str, str]]:
    parts = [_KIT_PART(part) for part in re.split(r"[\s;]+", cell) if part]
    if None in parts:
        raise ValueError("expected SKU*quantity, parted by blanks")
    return [{"sku": part[1], "quantity": part[2] or "1"} for part in parts if part]


def _purchase_limit(cell: str) -> dict[str, str]:
    quantity, _, days = _integer(cell).partition("/")
    return {"quantity": quantity.strip()} | ({"days": days.strip()} if days else {})


def _instant(cell: str) -> str:
    datetime.fromisoformat(cell)
    return cell


def _same(cell: str) -> str:
    return cell


_READERS: Mapping[str, Callable[[str], object]] = {
    name: _same for name in ProductSheet.__struct_fields__ if name not in ("options", "attributes")
} | {
    "price": _integer,
    "price_major": _integer,
    "weight_g": _integer,
    "quantity_min": _integer,
    "quantity_max": _integer,
    "backorder_limit": _integer,
    "expected_at": _instant,
    "size_mm": _size,
    "images": _images,
    "kit": _kit,
    "purchase_limit": _purchase_limit,
}


def _meanings(header: tuple[str, ...]) -> dict[str, Callable[[str], object]]:
    """How to read the cells under each column. Refuses a header that no product could come from."""
    unknown = [name for name in header if name not in _READERS and not name.startswith(("option:", "attribute:"))]
    if unknown:
        raise unreadable("unknown_columns", f"there is no column {', '.join(unknown[:5])}", columns=unknown[:20])
    if len(set(header)) < len(header) or len(header) > CELLS_MAX:
        raise unreadable("bad_header", f"each column once, and {CELLS_MAX} at most")
    if missing := [name for name in ("sku", "vendor") if name not in header]:
        raise unreadable("missing_columns", f"the column {missing[0]} is missing", columns=missing)
    return {name: _READERS.get(name, _same) for name in header}


def _sheet(
    number: int, header: tuple[str, ...], meanings: Mapping[str, Callable[[str], object]], cells: Sequence[str]
) -> ProductSheet | RowError:
    if len(cells) != len(header):
        return RowError(number, "", "columns", f"{len(cells)} cells under {len(header)} columns")
    said: dict[str, object] = {}
    grouped: dict[str, dict[str, str]] = {}
    sku = ""
    for name, cell in zip(header, cells, strict=True):
        cell = cell.strip()  # noqa: PLW2901 - the cell as meant
        if not cell:
            continue
        if name == "sku":
            sku = cell[:64]
        kind, colon, label = name.partition(":")
        if colon:
            grouped.setdefault(kind + "s", {})[label] = cell
            continue
        try:
            said[name] = meanings[name](cell)
        except ValueError as error:
            return RowError(number, name, "invalid", str(error), sku)
    try:
        return msgspec.convert(_joined(said) | grouped, ProductSheet, strict=False)
    except msgspec.ValidationError as error:
        return validation_error(number, error, sku)
    except ValueError as error:
        return RowError(number, "price_major", "invalid", str(error), sku)


def _joined(said: dict[str, object]) -> dict[str, object]:
    """`said` with the columns that belong together put together: amount and currency, the parts of a permission."""
    if (major := said.pop("price_major", None)) is not None:
        said.setdefault("price", _minor(str(major), str(said.get("currency", "BDT"))))
    if (kind := said.pop("backorder", None)) is not None:
        said["backorder"] = {"kind": kind, "limit": said.pop("backorder_limit", None), "expected_at": said.pop("expected_at", None)}
    return said


def _minor(amount: str, currency: str) -> int:
    """Minor units of a decimal text, exactly: a digit too many is refused and never rounded."""
    match = _DECIMAL(amount)
    places = money.exponent(currency)
    if match is None or len((match[2] or "").rstrip("0")) > places:
        raise ValueError(f"expected an amount with at most {places} decimal places")
    return int(match[1] + (match[2] or "")[:places].ljust(places, "0"))
