"""What operators do to a cache: look after its health, clear it, warm it."""

from cache_core.operations.access import Actor, NotAllowedError, is_password_right
from cache_core.operations.audit import AuditLog, AuditRecord, AuditUnreadableError
from cache_core.operations.clearing import (
    ClearPreview,
    ClearReport,
    clear,
    clear_entry,
    clear_tag,
    entry_named,
    preview_clear,
    tag_in_audit,
)
from cache_core.operations.dismissals import DISMISSED_FOR, Dismissal, Dismissals
from cache_core.operations.health import StoreHealth, check_store
from cache_core.operations.jobs import Job, Jobs
from cache_core.operations.retuning import retune, ttl_now_s
from cache_core.operations.warming import WarmPlan, WarmReport, warm

__all__ = [
    "DISMISSED_FOR",
    "Actor",
    "AuditLog",
    "AuditRecord",
    "AuditUnreadableError",
    "ClearPreview",
    "ClearReport",
    "Dismissal",
    "Dismissals",
    "Job",
    "Jobs",
    "NotAllowedError",
    "StoreHealth",
    "WarmPlan",
    "WarmReport",
    "check_store",
    "clear",
    "clear_entry",
    "clear_tag",
    "entry_named",
    "is_password_right",
    "preview_clear",
    "retune",
    "tag_in_audit",
    "ttl_now_s",
    "warm",
]
