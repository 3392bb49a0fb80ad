"""Triggers that keep a table as it was written, in the words of SQLite and of PostgreSQL."""

from __future__ import annotations

from typing import Literal


def refuse(table: str, *changes: Literal["update", "delete"]) -> None:
    """Let the database refuse these changes of a table; with deletes, PostgreSQL refuses TRUNCATE too."""
    from alembic import op

    postgres = op.get_bind().dialect.name == "postgresql"
    said = f"{table} is append-only"
    if postgres:
        op.execute(
            "CREATE OR REPLACE FUNCTION caveat_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    for change in changes:
        if postgres:
            op.execute(
                f"CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION caveat_append_only()"
            )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_no_{change} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
    if postgres and "delete" in changes:
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION caveat_append_only()"
        )
