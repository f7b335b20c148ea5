"""carts"""

from haat.engine.migrations import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("0008_carts.sql")
