"""What Alembic runs for every command: one transaction per revision, on the connection that `engine/migrate.py` brings.

A migration that is killed leaves nothing half done; the next start begins again with the revision that did not finish.
"""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    transaction_per_migration=True,
    on_version_apply=context.config.attributes["applied"],
)
with context.begin_transaction():
    context.run_migrations()
