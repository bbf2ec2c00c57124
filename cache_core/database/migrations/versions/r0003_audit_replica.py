"""The audit says which replica did it; "" where a version before wrote the row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # With a default in the database, so that replicas of the version before go on writing.
    with op.batch_alter_table("audit") as table:
        table.add_column(sa.Column("replica", sa.String(100), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("audit") as table:
        table.drop_column("replica")
