"""The schema, forward only. Each revision is a numbered pair: the SQL in plain sight, and the five lines Alembic wants."""

from pathlib import Path

from alembic import op

VERSIONS = Path(__file__).parent / "versions"


def run_sql(name: str) -> None:
    """Execute the statements of `versions/<name>` as they stand, in the migration's transaction."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None  # Alembic always runs online here
    connection.execute((VERSIONS / name).read_text(encoding="utf-8"))
