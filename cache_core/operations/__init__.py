"""What operators do to a cache: look after its health, clear it, warm it."""

from cache_core.operations.access import Actor, NotAllowedError, is_password_right
from cache_core.operations.clearing import ClearPreview, ClearReport, clear, preview_clear
from cache_core.operations.health import StoreHealth, check_store
from cache_core.operations.jobs import Job, Jobs
from cache_core.operations.warming import WarmPlan, WarmReport, warm

__all__ = [
    "Actor",
    "ClearPreview",
    "ClearReport",
    "Job",
    "Jobs",
    "NotAllowedError",
    "StoreHealth",
    "WarmPlan",
    "WarmReport",
    "check_store",
    "clear",
    "is_password_right",
    "preview_clear",
    "warm",
]
