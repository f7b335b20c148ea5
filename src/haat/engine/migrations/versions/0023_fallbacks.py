"""who serves in the place of a connection that does not answer"""

from haat.engine.migrations import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql("0023_fallbacks.sql")
