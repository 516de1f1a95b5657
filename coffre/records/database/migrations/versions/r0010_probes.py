"""Availability: what probes of platforms gave."""

import sqlalchemy as sa
from alembic import op

from coffre.records.database.tables import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "probe_spans",
        sa.Column("platform", sa.Text(), primary_key=True),
        sa.Column("begins_at", UtcDateTime(), primary_key=True),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("longest_ms", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text()),
        sa.Column("fault", sa.Text()),
    )
