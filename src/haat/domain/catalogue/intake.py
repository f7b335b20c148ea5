"""A file of products, read as it arrives: bytes in, batches of sheets out, whatever the size of the file.

    chunks ──▶ lines ──▶ records ──▶ sheets and row errors ──▶ batches ──▶ import_batch, each in its own transaction

Nothing here waits. Memory is bounded by one batch and one record, however long a line is and however many quotes are
left open. A batch says which bytes it covers, so a reader can start again where the last settled batch ended.
A bad record costs itself only: its line, field and reason are kept, and reading goes on with the next one.
"""

from collections.abc import Iterator
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from haat.domain.catalogue.entry import Entry, entry
from haat.domain.catalogue.product import ProductSheet
from haat.kernel.errors import Refused

Format = Literal["ndjson", "csv"]

RECORD_BYTES_MAX = 256 * 1024  # six times the largest sheet that the field limits would allow in ordinary text
BATCH_ROWS = 2_000  # one statement's worth: larger gains nothing measurable, smaller pays the round trip
BATCH_BYTES = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Position(Struct, frozen=True):
    """Where a reader stands: bytes and lines behind it, and the header of a CSV file once it is known."""

    offset: int = 0
    line: int = 0
    header: tuple[str, ...] | None = None


class RowError(Struct, frozen=True):
    """Why the record that begins on `line` (from 1) was not taken. `field` is "" where the whole record is meant."""

    line: int
    field: str
    code: str
    detail: str
    sku: str = ""


class Batch(Struct, frozen=True):
    """Records that follow one another in the file: bytes `start` up to `end.offset`. `rows` are entries with their lines."""

    start: int
    end: Position
    rows: tuple[tuple[int, Entry], ...]
    errors: tuple[RowError, ...]


class Line(Struct, frozen=True, gc=False):
    """One line without its end, and where the next one begins. `text` is None for a line that was too long to keep."""

    number: int
    end: int
    text: bytes | None


class Records(Protocol):
    """How a format turns lines into sheets."""

    header: tuple[str, ...] | None

    def read(self, line: Line) -> Iterator[tuple[int, ProductSheet | RowError]]:
        """What this line completes, with the line on which it began."""

    def end(self) -> Iterator[tuple[int, ProductSheet | RowError]]:
        """What the end of the file completes."""

    def settled(self) -> bool:
        """Whether no record is open, so that a batch may end here."""


class Lines:
    """Cuts chunks into lines; a line above `RECORD_BYTES_MAX` is dropped as it comes and reported without its text."""

    def __init__(self, at: Position) -> None:
        self._offset = at.offset
        self._number = at.line
        self._rest = b""
        self._dropped = 0

    @property
    def held_bytes(self) -> int:
        return len(self._rest)

    def feed(self, chunk: bytes) -> Iterator[Line]:
        *whole, rest = (self._rest + chunk).split(b"\n")
        self._rest = b""  # what is yielded below may be consumed slowly: hold the text once
        for text in whole:
            yield self._line(text, ending=1)
        self._rest = rest
        if self._dropped or len(rest) > RECORD_BYTES_MAX:
            self._dropped += len(rest)
            self._rest = b""

    def end(self) -> Iterator[Line]:
        rest, self._rest = self._rest, b""
        if rest or self._dropped:
            yield self._line(rest, ending=0)

    def _line(self, text: bytes, *, ending: int) -> Line:
        length = self._dropped + len(text)
        self._dropped = 0
        if self._offset == 0 and text.startswith(_BOM):
            text = text[len(_BOM) :]
        self._offset += length + ending
        self._number += 1
        return Line(self._number, self._offset, text.removesuffix(b"\r") if length <= RECORD_BYTES_MAX else None)


class Reader:
    """Feed it chunks of any size; it yields batches as they fill, and the last one from `end`."""

    def __init__(self, records: Records, at: Position, *, batch_rows: int = BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self._lines = Lines(at)
        self._records = records
        self._start = at.offset
        self._reached = at.offset
        self._line = at.line
        self._rows: list[tuple[int, Entry]] = []
        self._errors: list[RowError] = []

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Must be consumed to its end before the next chunk. Raises `Refused` where the file as a whole cannot be read."""
        for line in self._lines.feed(chunk):
            self._take(self._records.read(line))
            self._reached, self._line = line.end, line.number
            if self._full() and self._records.settled():
                yield self._batch()

    def end(self) -> Iterator[Batch]:
        for line in self._lines.end():
            self._take(self._records.read(line))
            self._reached, self._line = line.end, line.number
        self._take(self._records.end())
        if self._reached > self._start:
            yield self._batch()

    def _take(self, read: Iterator[tuple[int, ProductSheet | RowError]]) -> None:
        for number, result in read:
            if isinstance(result, RowError):
                self._errors.append(result)
            else:
                self._rows.append((number, entry(result)))

    @property
    def held_bytes(self) -> int:
        """Bytes of the line that has not ended yet."""
        return self._lines.held_bytes

    def _full(self) -> bool:
        return len(self._rows) + len(self._errors) >= self._batch_rows or self._reached - self._start >= BATCH_BYTES

    def _batch(self) -> Batch:
        end = Position(self._reached, self._line, self._records.header)
        batch = Batch(self._start, end, tuple(self._rows), tuple(self._errors))
        self._start = self._reached
        self._rows, self._errors = [], []
        return batch


class _OnlySku(Struct):
    sku: str = ""


_decode_sheet = msgspec.json.Decoder(ProductSheet).decode
_decode_sku = msgspec.json.Decoder(_OnlySku).decode


class Ndjson:
    """One JSON object to a line; blank lines are passed over."""

    header: tuple[str, ...] | None = None

    def read(self, line: Line) -> Iterator[tuple[int, ProductSheet | RowError]]:
        if line.text is None:
            yield line.number, too_long(line.number)
        elif line.text and not line.text.isspace():
            try:
                yield line.number, _decode_sheet(line.text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield line.number, _ndjson_error(line, line.text, error)

    def end(self) -> Iterator[tuple[int, ProductSheet | RowError]]:
        return iter(())

    def settled(self) -> bool:
        return True


def too_long(number: int) -> RowError:
    return RowError(number, "", "too_long", f"a record may have {RECORD_BYTES_MAX} bytes at most")


def validation_error(number: int, error: Exception, sku: str = "") -> RowError:
    """A row error of msgspec's own message, `Expected … - at `$.field``."""
    detail, _, place = str(error).partition(" - at `$")
    if not isinstance(error, msgspec.ValidationError):
        return RowError(number, "", "malformed", f"not JSON that can be read: {detail}", sku)
    field = place.rstrip("`").removeprefix(".")
    if detail.startswith("Object missing required field `"):
        return RowError(number, detail.split("`")[1], "required", "this field is required", sku)
    if detail.startswith("Object contains unknown field `"):
        return RowError(number, detail.split("`")[1], "unknown_field", "there is no such field", sku)
    return RowError(number, field, "invalid", detail, sku)


def _ndjson_error(line: Line, text: bytes, error: Exception) -> RowError:
    try:
        sku = _decode_sku(text).sku[:64]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        sku = ""
    return validation_error(line.number, error, sku)


def unreadable(code: str, detail: str, **data: object) -> Refused:
    """The file as a whole cannot be read."""
    return Refused(code, detail, kind="malformed", **data)
