"""The tables for SQLAlchemy; the migrations create them, and a test checks that both match."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A time: aware in Python, stored in UTC. SQLite has no time zones, so there it is stored without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(sa.types.TypeDecorator[Any]):
    """A document: `jsonb` on PostgreSQL, whose dialect is imported only there (0.03 s)."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name != "postgresql":
            return self.impl_instance
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB(none_as_null=True))


def id_type() -> TypeEngine[int]:
    # SQLite counts up only a column that is called INTEGER.
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


COMMIT = quoted_name("commit", quote=True)

metadata = sa.MetaData()

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", id_type(), primary_key=True),
    sa.Column("tenant_id", sa.Text(), nullable=False),
    sa.Column("slug", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("actor", sa.Text(), nullable=False),
    sa.Column(COMMIT, sa.Text()),
    sa.Column("machine", sa.Text()),
    sa.Column("details", Json(), nullable=False),
    sa.Index("events_by_tenant", "tenant_id", "kind", "machine"),
    sqlite_autoincrement=True,
)

# The events that may be deleted, during the transaction that deletes them; otherwise empty.
trimming = sa.Table(
    "trimming",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), primary_key=True),
)

# One link for each event, for the start and the end of each run, for each closed day of usage and for each change of
# a machine's memory (`chain`).
chain = sa.Table(
    "chain",
    metadata,
    sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("form", sa.Integer(), nullable=False),
    sa.Column("subject", sa.Text(), nullable=False),
    sa.Column("subject_id", sa.BigInteger()),
    sa.Column("tenant_id", sa.Text()),
    sa.Column("kind", sa.Text()),
    sa.Column("salt", sa.Text()),
    sa.Column("content", sa.Text(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.Index("chain_by_subject", "subject", "subject_id", unique=True),
    sa.Index("chain_by_tenant", "tenant_id", "kind"),
)

# The tip of the chain: one row, which a writer locks before it adds a link.
chain_tip = sa.Table(
    "chain_tip",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("database_id", sa.Text(), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
)

# The signed heads, and the place of each one.
heads = sa.Table(
    "heads",
    metadata,
    sa.Column("id", id_type(), primary_key=True),
    sa.Column("database_id", sa.Text(), nullable=False),
    sa.Column("position", sa.BigInteger(), nullable=False),
    sa.Column("hash", sa.Text(), nullable=False),
    sa.Column("signed_at", UtcDateTime(), nullable=False),
    sa.Column("public_key", sa.Text(), nullable=False),
    sa.Column("signature", sa.Text(), nullable=False),
    sa.Column("place", sa.Text(), nullable=False),
    sqlite_autoincrement=True,
)

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("measured_on", sa.Date(), primary_key=True),
    sa.Column("machine", sa.Text(), primary_key=True),
    sa.Column("current_bytes", sa.BigInteger(), nullable=False),
    sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
    sa.Column("measured_at", UtcDateTime(), nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", id_type(), primary_key=True),
    sa.Column("command", sa.Text(), nullable=False),
    sa.Column("tenants", Json(), nullable=False),
    sa.Column("started_at", UtcDateTime(), nullable=False),
    sa.Column("finished_at", UtcDateTime()),
    sa.Column("outcome", sa.Text()),
    sa.Column("actor", sa.Text(), nullable=False),
    sa.Column(COMMIT, sa.Text()),
    sqlite_autoincrement=True,
)

# The memory of machines' repositories and reports: not events, since each observation rewrites it. The newest link of
# a machine covers all of its rows.
known_snapshots = sa.Table(
    "known_snapshots",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("machine", sa.Text(), primary_key=True),
    sa.Column("snapshot_id", sa.Text(), primary_key=True),
    sa.Column("seen_at", UtcDateTime(), nullable=False),
    sa.Column("report_number", sa.BigInteger()),
    sa.Column("boot", sa.Text()),
    sa.Column("released", sa.Text()),
    sa.Column("released_at", UtcDateTime()),
)

machine_memory = sa.Table(
    "machine_memory",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("machine", sa.Text(), primary_key=True),
    sa.Column("report_number", sa.BigInteger()),
    sa.Column("accounted_number", sa.BigInteger()),
    sa.Column("sealed_since", UtcDateTime()),
    sa.Column("clean_until", UtcDateTime()),
    sa.Column("begun_at", UtcDateTime()),
    sa.Column("check_in_number", sa.BigInteger()),
    sa.Column("packs", sa.BigInteger()),
    sa.Column("pack_bytes", sa.BigInteger()),
    sa.Column("identified_since", UtcDateTime()),
    sa.Column("accepted_machine_id", sa.Text()),
    sa.Column("accepted_hardware_id", sa.Text()),
    sa.Column("accepted_host_name", sa.Text()),
    sa.Column("accepted_at", UtcDateTime()),
    sa.Column("foreign_until", UtcDateTime()),
)

# Each start of a machine that reported under this name.
known_boots = sa.Table(
    "known_boots",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("machine", sa.Text(), primary_key=True),
    sa.Column("key", sa.Text(), primary_key=True),
    sa.Column("machine_id", sa.Text(), nullable=False),
    sa.Column("hardware_id", sa.Text(), nullable=False),
    sa.Column("host_name", sa.Text(), nullable=False),
    sa.Column("is_own", sa.Boolean(), nullable=False),
    sa.Column("is_accepted", sa.Boolean(), nullable=False),
    sa.Column("booted_at", UtcDateTime()),
    sa.Column("first_at", UtcDateTime()),
    sa.Column("last_at", UtcDateTime()),
    sa.Column("ended_at", UtcDateTime()),
    sa.Column("boot_id", sa.Text(), nullable=False),
    sa.Column("last_number", sa.BigInteger()),
    sa.Column("let_go_number", sa.BigInteger()),
)

# The files that applies worked from, by their SHA-256. ``tenant_id`` is NULL for platform.yaml.
applied_files = sa.Table(
    "applied_files",
    metadata,
    sa.Column("sha256", sa.Text(), primary_key=True),
    sa.Column("tenant_id", sa.Text()),
    sa.Column("content", sa.LargeBinary(), nullable=False),
    sa.Index("applied_files_by_tenant", "tenant_id"),
)

# The findings of supervision. A text that a finding does not have is empty, so that one at most is open at a place.
kept_findings = sa.Table(
    "kept_findings",
    metadata,
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
    sa.Index(
        "kept_findings_open",
        "tenant_id",
        "platform",
        "machine",
        "kind",
        "detail",
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
    sa.Index("kept_findings_by_end", "closed_at"),
    sqlite_autoincrement=True,
)

# What the last pass saw of each tenant (``machine`` empty) and of each of its machines.
watched = sa.Table(
    "watched",
    metadata,
    sa.Column("tenant_id", sa.Text(), primary_key=True),
    sa.Column("machine", sa.Text(), primary_key=True),
    sa.Column("looked_at", UtcDateTime(), nullable=False),
    sa.Column("mark", sa.Text()),
    sa.Column("seen", Json(), nullable=False),
)

# The passes of supervision: without ``ended_at`` one goes on, or was killed.
passes = sa.Table(
    "passes",
    metadata,
    sa.Column("id", id_type(), primary_key=True),
    sa.Column("began_at", UtcDateTime(), nullable=False),
    sa.Column("ended_at", UtcDateTime()),
    sa.Column("tenants", sa.Integer(), nullable=False),
    sa.Column("seen", sa.Integer()),
    sqlite_autoincrement=True,
)

# The outbox: one row for each message to one recipient. ``tenant_id`` is empty for a message about no tenant.
messages = sa.Table(
    "messages",
    metadata,
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
    sa.Index("messages_once", "audience", "recipient", "tenant_id", "about", "occurrence", "told", unique=True),
    sa.Index("messages_by_subject", "about", "occurrence"),
    sa.Index("messages_by_outcome", "outcome", "outcome_at"),
    sa.Index("messages_by_tenant", "tenant_id"),
    sqlite_autoincrement=True,
)

# What probes of platforms gave: a row for each time in which they gave the same.
probe_spans = sa.Table(
    "probe_spans",
    metadata,
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

# The plans that reviews save: signed documents, deleted when they are old.
saved_plans = sa.Table(
    "saved_plans",
    metadata,
    sa.Column("id", id_type(), primary_key=True),
    sa.Column("tenant_id", sa.Text(), nullable=False),
    sa.Column("tenant_file_sha256", sa.Text(), nullable=False),
    sa.Column("saved_at", UtcDateTime(), nullable=False),
    sa.Column("document", sa.Text(), nullable=False),
    sa.Index("saved_plans_by_content", "tenant_id", "tenant_file_sha256"),
    sqlite_autoincrement=True,
)
