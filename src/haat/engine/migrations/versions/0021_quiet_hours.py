"""quiet hours that hold for every try, and names of people in the spelling by which they are found"""

from haat.engine.migrations import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_quiet_hours.sql")
