"""vendors_channels"""

from haat.engine.migrations import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("0007_vendors_channels.sql")
