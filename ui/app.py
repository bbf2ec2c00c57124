"""What every page works with: settings, cache, database, figures and jobs, made once a process."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cache_core import Cache, Policy, connect
from cache_core.database import DatabaseError, open_database, pool_of
from cache_core.insight.pictures import Pictures, Study
from cache_core.insight.prefetch import Prefetcher
from cache_core.learning.sample import ensure_sample
from cache_core.learning.sources import data_label
from cache_core.learning.tags import is_own_group
from cache_core.learning.views import LearningViews
from cache_core.operations import (
    AuditLog,
    AutoTuner,
    Dismissals,
    HealthTests,
    Jobs,
    note_start,
)
from cache_core.operations.sign_in import PasswordDoor
from cache_core.settings import Settings, settings_with
from cache_core.stores import StoreError, StoreUnavailableError
from cache_core.telemetry import (
    WINDOWS,
    Figures,
    GroupFigures,
    MetricsReader,
    SharedRecorder,
    Window,
)
from cache_core.telemetry.archiver import Archiver
from cache_core.telemetry.history import History, HistoryReader
from cache_core.telemetry.saved import SavedReader, SavedSpan, Span
from cache_core.telemetry.scraping import ScrapedApp, Scraper, apps_from
from cache_core.thresholds import Thresholds
from ui.kept import Kept, KeptHistories
from ui.made_beside import MadeBeside
from ui.session_view import SessionViews
from ui.steps import make_prefetcher
from ui.ttl_readings import retuned_ttls, studies_now
from ui.version import version

# How long figures of a window are kept for all viewers: adding up a week takes longer than an hour.
_FIGURES_KEPT_S = {"1h": 1.0, "6h": 2.0, "24h": 5.0, "7d": 10.0}
_TTLS_KEPT_S = 5.0
STUDIES_KEPT_S = 120.0
_FEW_READS, _FEW_KEPT_S = 2_000, 5.0
_WAIT_BEFORE_RETRY_S = 5.0


@dataclass(slots=True)
class App:
    """The parts of a running app. `views` and `engine` are None while the database is unusable.

    `prefetcher` is None where nothing is fetched ahead.
    """

    settings: Settings
    cache: Cache
    metrics: MetricsReader
    past: HistoryReader
    saved_past: SavedReader
    archiver: Archiver
    tuner: AutoTuner
    audit: AuditLog
    jobs: Jobs
    session_views: SessionViews
    prefetcher: Prefetcher | None = None
    scraped: list[ScrapedApp] = field(default_factory=list)
    dismissals: Dismissals = field(default_factory=Dismissals)
    engine: Engine | None = None
    views: LearningViews | None = None
    database_problem: str | None = None
    started_s: float = field(default_factory=time.time)
    _scraper: Scraper | None = None
    door: PasswordDoor = field(default_factory=PasswordDoor)
    health_tests: HealthTests = field(default_factory=HealthTests)
    _tried_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kept: Kept = field(default_factory=Kept)
    _histories: KeptHistories = field(default_factory=KeptHistories)
    _studies: MadeBeside[dict[str, Study]] = field(init=False)

    def __post_init__(self) -> None:
        self._studies = MadeBeside(self._read_studies)

    def figures(self, window: Window, back: int = 0, age_s: float = 0.0) -> Figures:
        """Figures of a window, this process's latest reads included. Raises StoreError.

        `age_s`: how old they may be, seconds, if that is longer than they are kept for anybody.
        """
        found: Figures = self._read_or_keep(
            ("figures", window.name, back),
            max(age_s, _FIGURES_KEPT_S[window.name]),
            lambda: self.metrics.read(window, back=back),
        )
        return found

    def groups(self, window: Window, age_s: float = 0.0) -> GroupFigures:
        """The groups of keys that stand out in a window's hours. Raises StoreError.

        `age_s`: as for `figures`.
        """
        found: GroupFigures = self._read_or_keep(
            ("groups", window.name, 0),
            max(age_s, _FIGURES_KEPT_S[window.name]),
            lambda: self.metrics.groups(window),
        )
        return found

    def retuned_s(self, age_s: float = 0.0) -> dict[str, float]:
        """The ttl of namespaces that were retuned, seconds. Raises StoreError.

        `age_s`: as for `figures`.
        """
        found: dict[str, float] = self._read_or_keep(
            "retuned", max(age_s, _TTLS_KEPT_S), lambda: retuned_ttls(self.cache)
        )
        return found

    def pictures(self, age_s: float = 0.0) -> Pictures:
        """The pictures of `studies` alone. Raises StoreError."""
        return {name: study.picture for name, study in self.studies(age_s).items()}

    def studies(self, age_s: float = 0.0) -> dict[str, Study]:
        """What each TTL would give, by namespace that can be tuned. Raises StoreError.

        Kept for minutes, as adding up a day's log takes seconds: only the first who asks waits.
        Few reads take no time, and who has just begun wants to see them come: they are read anew.
        `age_s`: as for `figures`.
        """
        found = self._studies.get(max(age_s, STUDIES_KEPT_S))
        if sum(study.reads for study in found.values()) < _FEW_READS:
            found = self._studies.get(max(age_s, STUDIES_KEPT_S), at_most_s=_FEW_KEPT_S)
        return found

    def studies_at_hand(self, age_s: float) -> dict[str, Study] | None:
        """As `studies`; None instead of waiting. Raises StoreError."""
        return self._studies.look(age_s)

    def _read_studies(self) -> dict[str, Study]:
        lately = self.figures(WINDOWS["24h"]).totals
        return studies_now(self.cache, lately, self.settings.staleness_budget)

    def _read_or_keep(self, asked: Hashable, kept_s: float, read: Callable[[], Any]) -> Any:
        """What `read` gives once figures are handed over, or gave a moment ago."""

        def handed_over() -> Any:
            self._hand_over()
            return read()

        return self._kept.read(asked, kept_s, handed_over)

    def _hand_over(self) -> None:
        recorder = self.recorder
        if recorder is not None and not recorder.flush():
            raise recorder.problem or StoreUnavailableError("figures could not be handed over")

    def history(self, first: int, hours: int, namespace: str | None) -> History | None:
        """Figures of past hours, as HistoryReader; None without a database. Raises SQLAlchemyError.

        A store that does not answer is said in the history, not raised. What is long past is kept
        for a minute.
        """
        engine = self.engine
        if engine is None:
            return None

        def read() -> History:
            if self.recorder is not None:
                self.recorder.flush()
            return self.past.read(engine, first, hours, namespace)

        return self._histories.read((first, hours, namespace), read)

    def saved(self, span: Span, namespaces: Sequence[str], group: str | None) -> SavedSpan | None:
        """What the cache saved, as SavedReader, this process's latest reads included; None without
        a database. Raises SQLAlchemyError."""
        if self.engine is None:
            return None
        if self.recorder is not None:
            self.recorder.flush()
        return self.saved_past.read(self.engine, span, namespaces, group)

    @property
    def store_problem(self) -> StoreError | None:
        """Why figures could not be read the last time somebody wanted them; None if they could."""
        return self._kept.problem

    @property
    def thresholds(self) -> Thresholds:
        """What ratings and targets go by here."""
        return self.settings.thresholds

    @property
    def recorder(self) -> SharedRecorder | None:
        """Who counts this process's reads; None while caching is off."""
        told = self.cache.recorder.recorders
        return next((one for one in told if isinstance(one, SharedRecorder)), None)

    def policies(self) -> dict[str, Policy]:
        """The rules of every namespace of this process, by name, that of visitors' views too."""
        return {**self.cache.namespaces(), **self.session_views.policies()}

    def forget_figures(self) -> None:
        """Let the next page read anew: something was just changed."""
        self._kept.forget()
        self._histories.forget()
        self._studies.forget()

    def open_database(self) -> None:
        """Open the database if it is not; what stands in the way is kept for the pages."""
        with self._lock:
            if self.views is not None or time.monotonic() - self._tried_s < _WAIT_BEFORE_RETRY_S:
                return
            try:
                if self.engine is None:
                    url = self.settings.database_url.get_secret_value()
                    self.engine = open_database(url, pool_of(self.settings))
                self.audit.engine = self.engine
                note_start(self.engine, version(), dt.datetime.now(dt.UTC))
                self.archiver.start(self.engine)
                self.dismissals.engine = self.engine
                ensure_sample(self.engine, dt.datetime.now(dt.UTC))
                self.views = LearningViews(self.cache, self.engine)
                if self.settings.auto_tune != "off":
                    self.tuner.start()  # last: now it knows the functions and past changes
                self.database_problem = None
            except DatabaseError as exc:
                self.database_problem = str(exc)
            except SQLAlchemyError as exc:  # it was there, and is gone before all was done
                self.database_problem = str(getattr(exc, "orig", None) or exc)
            finally:
                # From now: who waited meanwhile need not wait for a try of his own.
                self._tried_s = time.monotonic()

    def data_label(self) -> str:
        """Where the learning data comes from, in words."""
        if self.engine is None:
            return "no database"
        try:
            label = data_label(self.engine)
            if self.views is not None:  # it answers again
                self.database_problem = None
            return label
        except SQLAlchemyError as exc:
            self.database_problem = str(getattr(exc, "orig", None) or exc)
            return "database not readable"

    def start_scraping(self) -> None:
        """Begin to read the figures of other apps, if any are named and somebody counts."""
        if self.recorder is not None:
            self._scraper = Scraper(self.cache.store, self.recorder, self.scraped)
            self._scraper.start()

    def close(self) -> None:
        """Hand over figures and close connections."""
        if self._scraper is not None:
            self._scraper.close()
        self.session_views.close()
        if self.prefetcher is not None:
            self.prefetcher.close()
        if self.recorder is not None:
            self.recorder.flush()
        self.archiver.close()
        self.tuner.close()
        self.cache.close()
        if self.engine is not None:
            self.engine.dispose()


@st.cache_resource(show_spinner=False, on_release=lambda app: app.close())
def _make_app() -> App:
    settings = _settings()
    cache = connect(settings)
    store = cache.store
    archiver = Archiver(
        store,
        keep_days=settings.history_days,
        is_counted=settings.is_cache_on,
        keeps_group=is_own_group,
    )
    audit = AuditLog()
    tuner = AutoTuner(
        cache, audit, applies=settings.auto_tune == "apply", budget=settings.staleness_budget
    )
    made = App(
        settings=settings,
        cache=cache,
        metrics=MetricsReader(store),
        past=HistoryReader(store),
        saved_past=SavedReader(store, is_own_group),
        archiver=archiver,
        tuner=tuner,
        audit=audit,
        jobs=Jobs(),
        session_views=SessionViews(cache),
        prefetcher=make_prefetcher(cache, settings),
        scraped=apps_from(settings.streamlit_apps),
    )
    made.start_scraping()
    return made


def get_app() -> App:
    """The app of this process. Raises ValueError if a setting will not do."""
    app = _make_app()
    app.open_database()
    return app


def _settings() -> Settings:
    """Settings from the environment, and from Streamlit's secrets where it says nothing."""
    return settings_with(st.secrets if st.secrets.load_if_toml_exists() else {})
