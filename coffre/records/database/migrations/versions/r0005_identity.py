"""Which machine's backups count, and each start of the machines that spoke under its name."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.add_column("known_snapshots", sa.Column("boot", sa.Text()))
    for column in (
        sa.Column("identified_since", moment),
        sa.Column("accepted_machine_id", sa.Text()),
        sa.Column("accepted_hardware_id", sa.Text()),
        sa.Column("accepted_host_name", sa.Text()),
        sa.Column("accepted_at", moment),
    ):
        op.add_column("machine_memory", column)
    op.create_table(
        "known_boots",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("machine", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("machine_id", sa.Text(), nullable=False),
        sa.Column("hardware_id", sa.Text(), nullable=False),
        sa.Column("host_name", sa.Text(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("booted_at", moment),
        sa.Column("first_at", moment),
        sa.Column("last_at", moment),
        sa.Column("ended_at", moment),
        sa.Column("boot_id", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger()),
        sa.Column("let_go_number", sa.BigInteger()),
    )
