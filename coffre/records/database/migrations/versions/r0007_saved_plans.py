"""Plans that reviews save, for the apply after the merge."""

import sqlalchemy as sa
from alembic import op

from coffre.records.database.tables import id_type

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "saved_plans",
        sa.Column("id", id_type(), primary_key=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("tenant_file_sha256", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("saved_plans_by_content", "saved_plans", ["tenant_id", "tenant_file_sha256"])
