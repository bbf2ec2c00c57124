"""OpenTelemetry's SDK, whose metrics and spans can be read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exporters.sdk import Sdk


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    made = Sdk()
    yield made
    made.meters.shutdown()
    made.tracers.shutdown()
