"""Runs the migrations on the connection that `migrate` hands over, inside its transaction."""

from __future__ import annotations


def run() -> None:
    """Called by alembic, which loads this file as a script."""
    from alembic import context

    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=None, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


run()
