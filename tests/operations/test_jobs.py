"""Long work beside the pages: one at a time of each name, progress, a Stop, and an honest end."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import OperationalError

from cache_core.operations import AuditLog, Job, Jobs, stop_job
from cache_core.stores import StoreUnavailableError
from tests.cache.helpers import PATIENCE_S, Clock
from tests.operations.helpers import OPERATOR


def test_a_job_that_is_done_has_its_result() -> None:
    job = Jobs(Clock(5.0)).start("import", "Import", lambda job: 42)
    job.join(PATIENCE_S)
    assert (job.state, job.result, job.problem, job.ended_s) == ("done", 42, None, 5.0)


@pytest.mark.parametrize("failure", [ValueError("bad row"), StoreUnavailableError("bad row")])
def test_a_job_that_fails_says_why_and_does_not_stay_running(failure: Exception) -> None:
    def work(job: Job) -> None:
        raise failure

    job = Jobs().start("import", "Import", work)
    job.join(PATIENCE_S)
    assert (job.state, job.problem) == ("failed", "bad row")
    assert job.ended_s is not None


@pytest.mark.parametrize(
    "failure",
    [
        ValueError(),
        SystemExit("secret"),
        OperationalError("SELECT", {"password": "secret"}, Exception("secret")),
    ],
)
def test_what_was_not_said_for_people_is_named_by_its_type_and_place(
    failure: BaseException,
) -> None:
    def work(job: Job) -> None:
        raise failure

    job = Jobs().start("import", "Import", work)
    job.join(PATIENCE_S)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem.startswith(f"{type(failure).__name__} at test_jobs.py:")
    assert "secret" not in job.problem


def test_a_second_job_of_the_name_is_the_one_that_runs() -> None:
    go_on = threading.Event()
    jobs = Jobs()
    first = jobs.start("import", "Import", lambda job: go_on.wait(PATIENCE_S))
    assert jobs.start("import", "Import", lambda job: None) is first
    other = jobs.start("warm", "Warm", lambda job: None)
    assert other is not first
    go_on.set()
    first.join(PATIENCE_S)
    assert jobs.start("import", "Import", lambda job: None) is not first


def test_a_stop_reaches_the_work() -> None:
    began = threading.Event()

    def work(job: Job) -> str:
        began.set()
        assert job._stop.wait(PATIENCE_S)
        return "stopped" if job.is_stopping else "not stopped"

    job = Jobs().start("import", "Import", work)
    assert began.wait(PATIENCE_S)
    job.stop()
    job.join(PATIENCE_S)
    assert job.result == "stopped"


def test_progress_is_shown_and_a_total_stays() -> None:
    def work(job: Job) -> None:
        job.advance(1, 10)
        job.advance(2)

    job = Jobs().start("import", "Import", work)
    job.join(PATIENCE_S)
    assert (job.done, job.total) == (2, 10)


def test_jobs_are_listed_newest_first_and_can_be_forgotten_once_ended() -> None:
    clock, jobs, go_on = Clock(), Jobs(), threading.Event()
    jobs = Jobs(clock)
    old = jobs.start("old", "Old", lambda job: None)
    clock.advance(1)
    new = jobs.start("new", "New", lambda job: go_on.wait(PATIENCE_S))
    assert jobs.all() == [new, old]
    old.join(PATIENCE_S)
    jobs.forget("old")
    jobs.forget("new")
    assert jobs.all() == [new]
    assert jobs.get("old") is None
    go_on.set()
    new.join(PATIENCE_S)


def test_an_operator_ends_a_job_and_is_in_the_audit(clock: Clock) -> None:
    jobs, audit = Jobs(clock), AuditLog(None, clock)
    job = jobs.start("warm ns", "Warm ns", lambda job: job._stop.wait(PATIENCE_S))
    assert stop_job(jobs, "warm ns", OPERATOR, audit)
    job.join(PATIENCE_S)
    assert job.result is True
    clock.advance(1)
    assert not stop_job(jobs, "warm ns", OPERATOR, audit)
    assert [record.after for record in audit.recent()] == ["it was not running", "asked to end"]
