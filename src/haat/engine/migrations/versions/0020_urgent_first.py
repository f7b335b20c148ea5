"""what is to be sent, in the order in which it is taken"""

from haat.engine.migrations import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("0020_urgent_first.sql")
