"""fulfilment"""

from haat.engine.migrations import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_fulfilment.sql")
