"""Connections that come about while the store is being closed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpcore
import pytest

from cache_core.stores.http import Http, tls_context
from cache_core.stores.http_aio import AsyncHttp
from tests.servers.rest_front import RestFront


def test_a_connection_made_while_closing_is_closed_too(
    rest_front: RestFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = Http(rest_front.url, connect_timeout_s=10)
    made: list[Any] = []
    connect = httpcore.SyncBackend.connect_tcp

    def closing_meanwhile(*arguments: Any) -> httpcore.NetworkStream:
        stream = connect(*arguments)
        made.append(stream.get_extra_info("socket"))
        http.close()
        return stream

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", closing_meanwhile)
    with http.deadline.within(10):
        http.post(rest_front.url, [], b"")  # a request under way may end
    assert [connected.fileno() for connected in made] == [-1]


def test_a_connection_made_while_closing_a_loop_is_closed_too(
    rest_front: RestFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[asyncio.StreamWriter] = []
    connect = asyncio.open_connection

    async def post() -> None:
        http = AsyncHttp(rest_front.url, tls_context(), 10)

        async def closing_meanwhile(*arguments: Any) -> Any:
            reader, writer = await connect(*arguments)
            made.append(writer)
            http.close()
            return reader, writer

        monkeypatch.setattr(asyncio, "open_connection", closing_meanwhile)
        with pytest.raises(httpcore.ConnectError, match="given up"):
            await http.post(rest_front.url, [], b"")

    asyncio.run(post())
    assert [writer.transport.is_closing() for writer in made] == [True]
