"""what an operator decides about how the house behaves, in versions that all stay"""

from haat.engine.migrations import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_sql("0024_policies.sql")
