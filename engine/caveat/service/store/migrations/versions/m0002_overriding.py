"""Feedback on cards, and overrides."""

from __future__ import annotations

from caveat.service.store.migrations.guards import refuse

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables beside the audit trail."""
    import sqlalchemy as sa
    from alembic import op

    def text(name: str, size: int | None = None) -> sa.Column[str]:
        return sa.Column(name, sa.Text() if size is None else sa.String(size), nullable=False)

    op.create_table(
        "feedback",
        text("digest", 64),
        text("card", 64),
        text("service"),
        text("issuer"),
        text("tenant"),
        text("patient", 64),
        text("rule"),
        text("outcome", 32),
        text("outcome_at", 40),
        text("accepted"),
        text("reason"),
        text("reason_system"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        text("first_at", 32),
        text("last_at", 32),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_feedback_card", "feedback", ["card"])
    op.create_table(
        "overrides",
        text("id", 64),
        text("request", 64),
        text("content", 64),
        text("patient", 64),
        text("issuer"),
        text("tenant"),
        text("finding", 64),
        text("rule"),
        text("kind", 32),
        text("severity", 32),
        text("reason", 64),
        text("drugs"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        text("created", 32),
        text("expires", 32),
        text("follow_fact"),
        text("follow_by", 10),
        text("withdrawn_at", 32),
        text("withdrawn_issuer"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("request"),
    )
    op.create_index("ix_overrides_patient", "overrides", ["patient"])
    refuse("overrides", "delete")


def downgrade() -> None:
    """Never: what clinicians decided is not taken away."""
    raise NotImplementedError("feedback and overrides are not taken away; restore a backup instead")
