"""${message}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Expand only, so that replicas of the version before go on beside it."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Back to the revision before, for a rollback."""
    ${downgrades if downgrades else "pass"}
