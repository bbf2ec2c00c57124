"""Indexes of outcomes hold what figures sum up, also in databases from before they did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_WIDE = {
    "ix_outcomes_instruction": ["instruction_id", "score"],
    "ix_outcomes_user": ["user_id", "at", "score"],
}


def upgrade() -> None:
    found = {
        one["name"]: one["column_names"]
        for one in sa.inspect(op.get_bind()).get_indexes("outcomes")
    }
    for name, columns in _WIDE.items():
        if found.get(name) == columns:
            continue
        if name in found:
            op.drop_index(name, "outcomes")
        op.create_index(name, "outcomes", columns)


def downgrade() -> None:
    """Nothing: narrow ones were slower, and no version needs them."""
