"""The tables of the store, as the last migration leaves them.

`audit` is the chain, append-only. `audit_head` is its one head row. `audit_input` holds sealed
questions and `shown` what a clinician was shown, both named in the chain by their digests and both
prunable. The tables of feedback and overrides are in `overriding`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table


@cache
def metadata() -> MetaData:
    """Every table, for statements and for comparing with what the migrations made."""
    from importlib.util import find_spec

    from sqlalchemy import MetaData

    whole = MetaData()
    _add(whole)
    if find_spec("caveat.service.store.overriding") is not None:
        from caveat.service.store.overriding import add_tables

        add_tables(whole)
    return whole


def table(name: str) -> Table:
    """The table of that name; KeyError where there is none."""
    return metadata().tables[name]


def _add(whole: MetaData) -> None:
    from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

    def text(name: str, size: int | None = None) -> Column[str]:
        return Column(name, Text() if size is None else String(size), nullable=False)

    Table(
        "audit",
        whole,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("format", Integer, nullable=False),
        Column("evaluation", String(64), nullable=False, unique=True),
        text("at", 32),
        text("kind", 32),
        text("issuer"),
        text("tenant"),
        text("subject"),
        text("hook_instance"),
        text("patients"),
        text("ruleset", 80),
        text("policy"),
        text("as_of", 10),
        text("input_digest", 64),
        text("output_digest", 64),
        Column("status", Integer, nullable=False),
        text("findings"),
        text("counts"),
        text("overrides"),
        Column("microseconds", BigInteger, nullable=False),
        text("sealed_digest", 64),
        text("shown_digest", 64),
        text("previous", 64),
        text("hash", 64),
        Index("ix_audit_at", "at"),
    )
    Table(
        "audit_head",
        whole,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, nullable=False),
        text("hash", 64),
        text("vouched", 64),
        text("key_check", 64),
    )
    Table(
        "audit_input",
        whole,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        text("at", 32),
        Column("sealed", LargeBinary, nullable=False),
        Index("ix_audit_input_at", "at"),
    )
    Table(
        "shown",
        whole,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("position", Integer, primary_key=True, autoincrement=False),
        text("evaluation", 64),
        text("at", 32),
        text("tenant"),
        text("card", 64),
        text("patient", 64),
        text("finding", 64),
        text("rule"),
        text("kind", 32),
        text("status", 32),
        text("severity", 32),
        text("tier", 32),
        text("drugs"),
        Column("facts", LargeBinary, nullable=False),
        Index("ix_shown_card", "card"),
        Index("ix_shown_patient_finding", "patient", "finding"),
    )
