"""The audit trail: the chain and its head, sealed inputs, and what was shown."""

from __future__ import annotations

from caveat.service.store.migrations.guards import refuse

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing."""
    import sqlalchemy as sa
    from alembic import op

    def text(name: str, size: int | None = None) -> sa.Column[str]:
        return sa.Column(name, sa.Text() if size is None else sa.String(size), nullable=False)

    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        text("evaluation", 64),
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
        sa.Column("status", sa.Integer(), nullable=False),
        text("findings"),
        text("counts"),
        text("overrides"),
        sa.Column("microseconds", sa.BigInteger(), nullable=False),
        text("sealed_digest", 64),
        text("shown_digest", 64),
        text("previous", 64),
        text("hash", 64),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("evaluation"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        text("hash", 64),
        text("vouched", 64),
        text("key_check", 64),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit_input",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        text("at", 32),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("ix_audit_input_at", "audit_input", ["at"])
    op.create_table(
        "shown",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
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
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", "position"),
    )
    op.create_index("ix_shown_card", "shown", ["card"])
    op.create_index("ix_shown_patient_finding", "shown", ["patient", "finding"])
    refuse("audit", "update", "delete")
    refuse("audit_head", "delete")
    refuse("audit_input", "update")
    refuse("shown", "update")


def downgrade() -> None:
    """Never: an audit trail is not taken away."""
    raise NotImplementedError("the audit trail is not taken away; restore a backup instead")
