"""What was seen of each machine's repository and reports, so that a storage that goes back is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "known_snapshots",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("machine", sa.Text(), primary_key=True),
        sa.Column("snapshot_id", sa.Text(), primary_key=True),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("report_number", sa.BigInteger()),
        sa.Column("released", sa.Text()),
        sa.Column("released_at", moment),
    )
    op.create_table(
        "machine_memory",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("machine", sa.Text(), primary_key=True),
        sa.Column("report_number", sa.BigInteger()),
        sa.Column("accounted_number", sa.BigInteger()),
        sa.Column("sealed_since", moment),
        sa.Column("clean_until", moment),
        sa.Column("begun_at", moment),
        sa.Column("check_in_number", sa.BigInteger()),
        sa.Column("packs", sa.BigInteger()),
        sa.Column("pack_bytes", sa.BigInteger()),
    )
