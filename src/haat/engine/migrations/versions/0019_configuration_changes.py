"""who changed what of the configuration"""

from haat.engine.migrations import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_configuration_changes.sql")
