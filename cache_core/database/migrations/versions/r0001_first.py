"""The tables as they were before their versions were kept.

Databases from that time have some of them: what was declared when they were last opened. What is
missing is made, what is there is kept. A table of the same name that is not ours is not touched.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_METADATA = sa.MetaData()


def _table(name: str, *parts: sa.schema.SchemaItem) -> None:
    sa.Table(name, _METADATA, *parts)


def _column(
    name: str, kind: sa.types.TypeEngine[Any], *more: sa.schema.SchemaItem
) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False)


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def _id() -> sa.Column[int]:
    return sa.Column("id", _ID, primary_key=True)


_table("users", _id(), _column("name", sa.String(200)), sa.UniqueConstraint("name"))
_table(
    "instructions",
    _id(),
    _column("md5", sa.LargeBinary(16)),
    _column("category", sa.String(100)),
    _column("text", sa.Text()),
    _column("first_seen", sa.BigInteger()),
    sa.UniqueConstraint("md5", "category"),
    sa.Index("ix_instructions_category", "category"),
)
_table(
    "sources",
    _id(),
    _column("kind", sa.String(20)),
    _column("name", sa.String(300)),
    _column("first_used", sa.BigInteger()),
    sa.UniqueConstraint("kind", "name"),
)
_table(
    "outcomes",
    _id(),
    _column("instruction_id", _ID, sa.ForeignKey("instructions.id")),
    _column("user_id", _ID, sa.ForeignKey("users.id")),
    _column("source_id", _ID, sa.ForeignKey("sources.id")),
    _column("score", sa.Float()),
    sa.Column("at", sa.BigInteger()),
    _column("row_key", sa.LargeBinary(16)),
    sa.UniqueConstraint("row_key"),
    sa.Index("ix_outcomes_instruction", "instruction_id", "score"),
    sa.Index("ix_outcomes_user", "user_id", "at", "score"),
)
_table(
    "patterns",
    _id(),
    _column("category", sa.String(100)),
    _column("phrase", sa.String(500)),
    _column("corpus", sa.String(60)),
    _column("mined_at", sa.BigInteger()),
    sa.UniqueConstraint("category", "phrase"),
)
_table("data_changes", _key("id", sa.Integer()), _column("number", sa.BigInteger()))
_table(
    "history_hours",
    _key("hour", sa.Integer()),
    sa.Column("checked", sa.BigInteger()),
    _column("watched", sa.Boolean()),
    _column("reset", sa.Boolean()),
    _column("replicas", sa.Integer()),
    _column("unreadable", sa.Integer()),
    sa.Column("told", sa.BigInteger()),
)
_table(
    "history_counts",
    _key("hour", sa.Integer()),
    _key("namespace", sa.String()),
    _column("merged", sa.LargeBinary()),
    sa.Column("parts", sa.LargeBinary()),
)
_table(
    "history_saved",
    _key("hour", sa.Integer()),
    _key("namespace", sa.String()),
    _key("name", sa.String(40)),
    _column("lookups", sa.BigInteger()),
    _column("misses", sa.BigInteger()),
    _column("saved_us", sa.BigInteger()),
    _column("named_us", sa.BigInteger()),
    sa.Index("ix_history_saved_name", "name", "hour"),
)
_table("history_state", _key("id", sa.Integer()), _column("seen", sa.BigInteger()))
_table(
    "audit",
    _id(),
    _column("at", sa.BigInteger()),
    sa.Column("ended", sa.BigInteger()),
    _column("actor", sa.String(300)),
    _column("role", sa.String(20)),
    _column("deed", sa.String(40)),
    _column("scope", sa.String(300)),
    _column("before", sa.Text()),
    _column("after", sa.Text()),
    _column("result", sa.String(20)),
    _column("detail", sa.Text()),
    sa.Index("ix_audit_at", "at"),
)
_table(
    "dismissed_advice",
    _id(),
    _column("rule", sa.String(60)),
    _column("namespace", sa.String(300)),
    _column("reason", sa.String(200)),
    _column("actor", sa.String(300)),
    _column("at", sa.BigInteger()),
    _column("until", sa.BigInteger()),
    sa.Index("ix_dismissed_advice_until", "until"),
)
_table(
    "seen_version",
    _key("id", sa.Integer()),
    _column("version", sa.String(100)),
    _column("since", sa.BigInteger()),
)


def upgrade() -> None:
    connection = op.get_bind()
    inspector = sa.inspect(connection)
    there = set(inspector.get_table_names())
    for table in _METADATA.sorted_tables:
        if table.name in there:
            found = {str(column["name"]) for column in inspector.get_columns(table.name)}
            _check(table, found)
    _METADATA.create_all(connection)


def _check(table: sa.Table, found: set[str]) -> None:
    """No version of ours ever had a table without these columns."""
    missing = sorted({column.name for column in table.columns} - found)
    if missing:
        raise ValueError(
            f"its table {table.name} is another program's (it has no {', '.join(missing)}): "
            "give this one a database of its own"
        )


def downgrade() -> None:
    """Before it there was nothing."""
    _METADATA.drop_all(op.get_bind())
