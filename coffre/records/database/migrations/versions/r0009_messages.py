"""The outbox: messages to SMILÉO's channels and to customers."""

import sqlalchemy as sa
from alembic import op

from coffre.records.database.tables import Json, UtcDateTime, id_type

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", id_type(), primary_key=True),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("content", Json(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", UtcDateTime()),
        sa.Column("error", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("outcome_at", UtcDateTime()),
        sa.Column("proof", Json()),
        sa.Column("document", sa.Text()),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "messages_once",
        "messages",
        ["audience", "recipient", "tenant_id", "about", "occurrence", "told"],
        unique=True,
    )
    op.create_index("messages_by_subject", "messages", ["about", "occurrence"])
    op.create_index("messages_by_outcome", "messages", ["outcome", "outcome_at"])
    op.create_index("messages_by_tenant", "messages", ["tenant_id"])
