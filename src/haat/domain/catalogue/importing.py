"""An import's life as it is stored: how far the file is settled, what became of its records, what was wrong.

Progress and rows are written in one transaction, so after a crash the import stands exactly where its rows stand:
`resume_at` says from which byte to go on. A batch that arrives twice is recognised by its bytes and counts once.
"""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from haat.domain.catalogue.admission import Refusal
from haat.domain.catalogue.intake import Batch, Format, Position, RowError
from haat.kernel.errors import Refused

ERRORS_KEPT = 1_000  # enough to see every kind of mistake in a file; the count goes on

ImportStatus = Literal["running", "done", "failed", "cancelled"]


class Import(Struct, frozen=True, kw_only=True):
    """One file on its way into the catalogue. `accepted` = created + changed + unchanged; `errors` are the first ones."""

    id: str
    source: str
    format: Format
    vendor: str | None
    started_by: str
    status: ImportStatus
    reason: str
    bytes_total: int | None
    bytes_done: int
    lines_done: int
    header: tuple[str, ...] | None
    created: int
    changed: int
    unchanged: int
    rejected: int
    errors: tuple[RowError, ...]
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def accepted(self) -> int:
        return self.created + self.changed + self.unchanged

    @property
    def resume_at(self) -> Position:
        return Position(self.bytes_done, self.lines_done, self.header)


class Outcome(Struct, frozen=True):
    """What became of one batch."""

    created: int
    changed: int
    unchanged: int
    refusals: tuple[Refusal, ...]


def due(job: Import, batch: Batch) -> bool:
    """Whether the batch is the next one; False where it was settled before. Refuses a gap and an import that has ended."""
    if batch.end.offset <= job.bytes_done:
        return False
    if job.status != "running":
        raise Refused("import_ended", f"the import is {job.status}", kind="conflict", import_id=job.id)
    if batch.start != job.bytes_done:
        raise Refused("import_gap", f"byte {job.bytes_done} is next", kind="conflict", import_id=job.id, bytes_done=job.bytes_done)
    return True


def settle(job: Import, batch: Batch, outcome: Outcome, *, now: datetime) -> Import:
    """The import after a batch. A record that a later one of the same batch replaced counts as a change."""
    line_of = {entry.sheet.sku: number for number, entry in batch.rows}
    refused = [RowError(line_of[r.sku], r.field, r.code, r.detail, r.sku) for r in outcome.refusals]
    replaced = len(batch.rows) - outcome.created - outcome.changed - outcome.unchanged - len(refused)
    room = ERRORS_KEPT - len(job.errors)
    fresh = sorted([*batch.errors, *refused], key=lambda error: error.line)[:room] if room > 0 else []
    return msgspec.structs.replace(
        job,
        bytes_done=batch.end.offset,
        lines_done=batch.end.line,
        header=batch.end.header,
        created=job.created + outcome.created,
        changed=job.changed + outcome.changed + replaced,
        unchanged=job.unchanged + outcome.unchanged,
        rejected=job.rejected + len(batch.errors) + len(refused),
        errors=(*job.errors, *fresh),
        updated_at=now,
    )
