"""What the routes work with: the parts of a running app, whoever put them together."""

from __future__ import annotations

from typing import Protocol

from cache_core.cache import Cache
from cache_core.learning.views import LearningViews
from cache_core.operations import AuditLog, Jobs
from cache_core.policy import Policy
from cache_core.settings import Settings
from cache_core.telemetry import Figures, Window
from cache_core.thresholds import Thresholds


class Service(Protocol):
    """A running app. `views` is None while the database is unusable."""

    @property
    def settings(self) -> Settings:
        """What it was started with."""

    @property
    def cache(self) -> Cache:
        """Through which everything is read."""

    @property
    def views(self) -> LearningViews | None:
        """The learning system's cached questions."""

    @property
    def audit(self) -> AuditLog:
        """Where is kept who did what."""

    @property
    def jobs(self) -> Jobs:
        """What goes on in the background."""

    @property
    def thresholds(self) -> Thresholds:
        """What ratings go by."""

    def figures(self, window: Window) -> Figures:
        """What all replicas counted in a window. Raises StoreError."""

    def policies(self) -> dict[str, Policy]:
        """The rules of the namespaces known here."""

    def forget_figures(self) -> None:
        """Read figures anew: something was just changed."""
