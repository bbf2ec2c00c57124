"""Setup: what the app is connected to, importing data, how figures come about, configuration."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ui import words
from ui.access import current_actor, is_bound_to_loopback, providers
from ui.ahead_facts import ahead_in_words
from ui.frame import draw_title, open_page
from ui.import_form import draw_import, draw_import_job, is_importing
from ui.namespace_facts import by_use_words
from ui.setup_apps import draw_other_apps
from ui.setup_figures import draw_collection, draw_definitions, draw_thresholds
from ui.setup_share import draw_links
from ui.setup_store import draw_health, draw_reported
from ui.version import version

_REDRAW_S = 0.5

frame = open_page()
app = frame.app
actor = current_actor(app)


def draw_configuration() -> None:
    """Every setting and where it comes from; secrets only as set or not set."""
    settings = app.settings
    rows = [
        ("Store", f"{app.cache.store.kind} at {app.cache.store.address}",
         "UPSTASH_REDIS_REST_URL and _TOKEN, else REDIS_URL, else memory"),
        ("Prefix", app.cache.store.prefix, "CACHE_PREFIX"),
        ("Caching", settings.cache_enabled, "CACHE_ENABLED: auto, on, off"),
        ("Fetching ahead", settings.prefetch, "PREFETCH: on, off"),
        ("TTLs follow advice", settings.auto_tune, "AUTO_TUNE: off, suggest, apply"),
        ("Deadline of a call", words.duration(settings.cache_timeout_s), "CACHE_TIMEOUT_S"),
        ("Database", _database(), "DATABASE_URL"),
        ("Connections to it", _connections(),
         "DATABASE_POOL_SIZE, DATABASE_POOL_OVERFLOW, DATABASE_PGBOUNCER"),
        ("History is kept", words.plural(settings.history_days, "day"), "HISTORY_DAYS"),
        ("Operator password", "set" if settings.operator_password else "not set",
         "OPERATOR_PASSWORD"),
        ("Local visitors may act",
         "yes" if settings.operate_on_loopback and is_bound_to_loopback() else "no",
         "OPERATE_ON_LOOPBACK, and only while bound to this machine"),
        ("Operators by e-mail", words.plural(len(settings.operators), "address", "addresses"),
         "OPERATORS, and a provider in [auth]"),
        ("Sign-in provider", _provider(), "[auth] in the secrets"),
        ("Tokens of the HTTP API", _tokens(), "API_READ_TOKEN, API_OPERATE_TOKEN"),
        ("You are", f"{actor.role} ({actor.name})", ""),
    ]  # fmt: skip
    st.dataframe(
        pd.DataFrame(rows, columns=["Setting", "Value", "Set with"]),
        hide_index=True,
        width="stretch",
        height="content",
    )


def _tokens() -> str:
    settings = app.settings
    names = {"read": settings.api_read_token, "operate": settings.api_operate_token}
    given = [name for name, token in names.items() if token]
    return ", ".join(given) or "none: only this machine is answered"


def _database() -> str:
    return app.engine.url.render_as_string(hide_password=True) if app.engine else "not open"


def _connections() -> str:
    if app.engine is None or app.engine.dialect.name == "sqlite":
        return words.DASH
    settings = app.settings
    rest = f", {settings.database_pool_overflow} more while needed"
    through = ", through PgBouncer" if settings.database_pgbouncer else ""
    return f"{settings.database_pool_size}{rest}{through}"


def _provider() -> str:
    return words.plural(len(providers()), "provider") if providers() else "not set"


def draw_policies() -> None:
    """The rules of each cached function of this process."""
    policies = app.policies()
    if not policies:
        st.caption("No cached function is registered.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Namespace": name,
                    "Fresh for": words.duration(policy.ttl_s) + by_use_words(policy),
                    "Served stale while refreshed": _or_off(policy.stale_while_revalidate_s),
                    "Served stale on error": _or_off(policy.stale_if_error_s),
                    "Largest entry": f"{policy.max_bytes / 1e6:g} MB",
                }
                for name, policy in sorted(policies.items())
            ]
        ),
        hide_index=True,
        width="stretch",
    )


def _or_off(seconds: float) -> str:
    return words.duration(seconds) if seconds else "off"


draw_title("Setup", "What is this connected to, and is it well?")
st.caption(f"Version {version()} · running since {words.moment(app.started_s)}")
st.subheader("Health", anchor=False)
draw_health(app)
st.subheader("What the store reports", anchor=False)
draw_reported(app)
st.subheader("Other Streamlit apps", anchor=False)
draw_other_apps(app)
st.subheader("Import", anchor=False)
draw_import(app, actor)
st.fragment(draw_import_job, run_every=_REDRAW_S if is_importing(app) else None, key="import_job")(
    app, actor
)
st.subheader("Share and embed", anchor=False)
draw_links(frame)
st.subheader("How the figures are collected", anchor=False)
draw_collection(app)
st.subheader("Fetching ahead", anchor=False)
st.markdown(ahead_in_words(app.prefetcher, is_local=app.cache.store.kind == "memory"))
st.subheader("Ratings and targets", anchor=False)
draw_thresholds(app.thresholds)
st.subheader("What the figures mean", anchor=False)
draw_definitions()
st.subheader("Cached functions", anchor=False)
draw_policies()
st.subheader("Configuration", anchor=False)
draw_configuration()
