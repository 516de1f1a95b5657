"""Supervision: the files that applies worked from, findings during their life, what each pass saw, and the passes."""

import sqlalchemy as sa
from alembic import op

from coffre.records.database.tables import Json, UtcDateTime, id_type

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "applied_files",
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("tenant_id", sa.Text()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_index("applied_files_by_tenant", "applied_files", ["tenant_id"])
    op.create_table(
        "kept_findings",
        sa.Column("id", id_type(), primary_key=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("closed_at", UtcDateTime()),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("acknowledged_at", UtcDateTime()),
        sa.Column("silenced_until", UtcDateTime()),
        sa.Column("ticket", sa.Text()),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("closed_at IS NULL")
    op.create_index(
        "kept_findings_open",
        "kept_findings",
        ["tenant_id", "platform", "machine", "kind", "detail"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("kept_findings_by_end", "kept_findings", ["closed_at"])
    op.create_table(
        "watched",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("machine", sa.Text(), primary_key=True),
        sa.Column("looked_at", UtcDateTime(), nullable=False),
        sa.Column("mark", sa.Text()),
        sa.Column("seen", Json(), nullable=False),
    )
    op.create_table(
        "passes",
        sa.Column("id", id_type(), primary_key=True),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
        sa.Column("tenants", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer()),
        sqlite_autoincrement=True,
    )
