"""One deadline over all steps of a call."""

from __future__ import annotations

import socket
import threading

import httpcore
import pytest

from cache_core.stores.deadline import Deadline
from cache_core.stores.http import Network
from cache_core.stores.redis_connection import DeadlineSocket, TcpConnection


class HandClock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def deadline(clock: HandClock) -> Deadline:
    return Deadline(clock)


def test_a_step_gets_what_the_steps_before_left(deadline: Deadline, clock: HandClock) -> None:
    with deadline.within(1.0):
        assert deadline.left_s(60) == 1.0
        clock.now_s += 0.75
        assert deadline.left_s(60) == 0.25


def test_a_step_may_be_bounded_more_tightly(deadline: Deadline) -> None:
    with deadline.within(1.0):
        assert deadline.left_s(0.5) == 0.5


def test_when_nothing_is_left_it_is_a_timeout(deadline: Deadline, clock: HandClock) -> None:
    with deadline.within(1.0):
        clock.now_s += 1.0
        with pytest.raises(TimeoutError, match="deadline"):
            deadline.left_s(60)


def test_outside_of_a_call_the_limit_stands(deadline: Deadline) -> None:
    with deadline.within(1.0):
        pass
    assert deadline.left_s(60) == 60


def test_a_call_within_a_call_leaves_the_outer_deadline(
    deadline: Deadline, clock: HandClock
) -> None:
    with deadline.within(1.0):
        with deadline.within(9.0):
            assert deadline.left_s(60) == 9.0
        clock.now_s += 0.5
        assert deadline.left_s(60) == 0.5


def test_each_thread_has_its_own(deadline: Deadline) -> None:
    seen: list[float] = []
    with deadline.within(1.0):
        thread = threading.Thread(target=lambda: seen.append(deadline.left_s(60)))
        thread.start()
        thread.join()
    assert seen == [60]


def test_connecting_to_redis_gets_what_is_left_for_each_address(clock: HandClock) -> None:
    connection = TcpConnection(connect_timeout_s=0.5, clock=clock, host="127.0.0.1")
    connection.ends = clock() + 1.0
    assert connection.socket_connect_timeout == 0.5
    clock.now_s += 0.75
    assert connection.socket_connect_timeout == 0.25
    clock.now_s += 9
    # Too late to do anything, and still no exception in the middle of the driver.
    assert 0 < connection.socket_connect_timeout < 0.01
    assert 0 < connection.socket_timeout < 0.01


def test_a_line_to_redis_is_neither_read_nor_written_after_the_deadline(clock: HandClock) -> None:
    connection = TcpConnection(connect_timeout_s=0.5, clock=clock, host="127.0.0.1")
    near, far = socket.socketpair()
    with near, far:
        line = DeadlineSocket(near, connection)
        far.sendall(b"there is something to read")
        connection.ends = clock() - 1.0
        for step in (
            lambda: line.recv_into(bytearray(8)),
            lambda: line.recv(8),
            lambda: line.sendall(b"x"),
        ):
            with pytest.raises(TimeoutError):
                step()


def test_http_connects_only_while_there_is_time(deadline: Deadline, clock: HandClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with deadline.within(1.0):
            stream = Network(deadline).connect_tcp("127.0.0.1", port, timeout=0.5)
            clock.now_s += 1.0
            with pytest.raises(httpcore.ConnectTimeout):
                Network(deadline).connect_tcp("127.0.0.1", port, timeout=0.5)
            with pytest.raises(httpcore.WriteTimeout):
                stream.write(b"GET / HTTP/1.1\r\n\r\n", timeout=1.0)
            with pytest.raises(httpcore.ReadTimeout):
                stream.read(100, timeout=1.0)
            stream.close()
