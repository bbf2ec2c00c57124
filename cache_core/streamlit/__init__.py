"""For other people's Streamlit apps: a connection, and two panels for any page of theirs.

The only part of cache_core that imports Streamlit. Needs the extra `app`.
"""

from cache_core.extras import missing

try:
    import pandas  # noqa: F401  # tables
    import sqlalchemy  # noqa: F401  # the audit
    import streamlit  # noqa: F401
except ImportError as exc:
    raise missing(
        "the connection and the panels need Streamlit and what draws on it", "app"
    ) from exc

from cache_core.operations import Actor, WarmPlan
from cache_core.streamlit.connection import CacheConnection
from cache_core.streamlit.metrics_panel import cache_metrics
from cache_core.streamlit.operations_panel import cache_operations

__all__ = ["Actor", "CacheConnection", "WarmPlan", "cache_metrics", "cache_operations"]
