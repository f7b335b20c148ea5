"""what waits for each webhook, in the order in which it is told"""

from haat.engine.migrations import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_webhooks.sql")
