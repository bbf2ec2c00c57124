"""What operators do to a cache: look after its health, clear it, warm it, tune its ttls."""

from cache_core.extras import missing

try:
    import sqlalchemy  # noqa: F401
except ImportError as exc:
    raise missing("what operators did is kept with SQLAlchemy", "app") from exc

from cache_core.operations.access import (
    Actor,
    Admission,
    NotAllowedError,
    admit,
    is_password_right,
)
from cache_core.operations.audit import AuditLog, AuditUnreadableError
from cache_core.operations.audit_rows import AuditRecord
from cache_core.operations.auto_tune_deeds import (
    AutoTuneStatus,
    allow_auto_tune,
    auto_tune_status,
    put_back_tuned,
    stop_auto_tune,
    undo_retune,
)
from cache_core.operations.auto_tuning import AutoTuner
from cache_core.operations.claims import TakenError
from cache_core.operations.clearing import (
    ClearPreview,
    ClearReport,
    TagPreview,
    clear,
    clear_entry,
    clear_tag,
    entry_named,
    preview_clear,
    preview_clear_entry,
    preview_clear_tag,
    tag_in_audit,
)
from cache_core.operations.deploys import DEPLOY, note_start
from cache_core.operations.dismissals import DISMISSED_FOR, Dismissal, Dismissals
from cache_core.operations.health import HealthTest, HealthTests, StoreHealth, check_store
from cache_core.operations.jobs import Job, Jobs, stop_job
from cache_core.operations.recording import import_records, record_outcome
from cache_core.operations.replaying import replay_upload
from cache_core.operations.retuning import retune, ttl_now_s
from cache_core.operations.starting import start_clear, start_warm
from cache_core.operations.tuned_ttls import UNDO
from cache_core.operations.warming import WarmPlan, WarmReport, warm, warm_plans

__all__ = [
    "DEPLOY",
    "DISMISSED_FOR",
    "UNDO",
    "Actor",
    "Admission",
    "AuditLog",
    "AuditRecord",
    "AuditUnreadableError",
    "AutoTuneStatus",
    "AutoTuner",
    "ClearPreview",
    "ClearReport",
    "Dismissal",
    "Dismissals",
    "HealthTest",
    "HealthTests",
    "Job",
    "Jobs",
    "NotAllowedError",
    "StoreHealth",
    "TagPreview",
    "TakenError",
    "WarmPlan",
    "WarmReport",
    "admit",
    "allow_auto_tune",
    "auto_tune_status",
    "check_store",
    "clear",
    "clear_entry",
    "clear_tag",
    "entry_named",
    "import_records",
    "is_password_right",
    "note_start",
    "preview_clear",
    "preview_clear_entry",
    "preview_clear_tag",
    "put_back_tuned",
    "record_outcome",
    "replay_upload",
    "retune",
    "start_clear",
    "start_warm",
    "stop_auto_tune",
    "stop_job",
    "tag_in_audit",
    "ttl_now_s",
    "undo_retune",
    "warm",
    "warm_plans",
]
