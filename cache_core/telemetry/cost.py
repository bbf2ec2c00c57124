"""What figures cost the store: commands counted so far, and what they come to in a day."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0
_PACE_FROM_S = 600.0  # a pace measured over less says more about the start than about the day
_USUAL_COMMANDS = 2.0  # a hand-over overwrites its field of the minute and of the hour


@dataclass(frozen=True, slots=True)
class Cost:
    """Commands one process sent for its figures since it started.

    `measured_s`: for how long, seconds. `interval_s`: between two hand-overs at least; None while
    nothing is counted. `sendings`: round trips of handing over, with `handed` commands. `read`:
    commands of reading figures for pages. `tests`: of looking at the store's health.
    """

    measured_s: float
    interval_s: float | None
    sendings: int
    handed: int
    read: int
    tests: int

    @property
    def commands_each(self) -> float:
        """Commands of one hand-over: the mean of those counted, or what is usual before any."""
        return self.handed / self.sendings if self.sendings else _USUAL_COMMANDS

    @property
    def handed_a_day_at_most(self) -> float | None:
        """Commands a day if there were reads in every interval; None while nothing is counted."""
        if self.interval_s is None:
            return None
        return DAY_S / self.interval_s * self.commands_each

    def a_day(self, commands: int) -> float | None:
        """Commands a day at the pace since the start; None while that is too short to tell."""
        if self.measured_s < _PACE_FROM_S:
            return None
        return commands / self.measured_s * DAY_S
