"""Running a piece of a measurement in a process of its own, with a hard end.

    python -m benchmarks.processes MODULE:FUNCTION ARGUMENTS_AS_JSON

calls the function and writes what it returns as JSON to the file it was given.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any


class Hung(Exception):  # noqa: N818 - a result of the measurement
    """The process had not ended when its time was over, and was killed."""


class Broken(Exception):  # noqa: N818 - a result of the measurement
    """The process ended without a result; the message is the end of what it said."""


@dataclass
class Running:
    """A started process."""

    process: subprocess.Popen[bytes]
    folder: tempfile.TemporaryDirectory[str]

    @property
    def _answer(self) -> Path:
        return Path(self.folder.name) / "answer.json"

    def result(self, limit_s: float) -> Any:
        """What the function returned. Raises: Hung, Broken."""
        try:
            self.process.wait(limit_s)
            if not self._answer.exists():
                said = (Path(self.folder.name) / "said").read_text(errors="replace")
                raise Broken(said[-1500:])
            return json.loads(self._answer.read_bytes())
        except subprocess.TimeoutExpired:
            raise Hung(f"killed after {limit_s:g} s") from None
        finally:
            self.end()

    def end(self) -> None:
        """Kill it and what it started. Safe to repeat."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.folder.cleanup()


def start(
    function: Callable[..., Any],
    environment: Mapping[str, str] = MappingProxyType({}),
    **arguments: Any,
) -> Running:
    """Start `function(**arguments)`, both of which must survive JSON, in a new process group.

    `environment`: variables it gets beside this process's own.
    """
    folder = tempfile.TemporaryDirectory(prefix="benchmark-")
    name = f"{function.__module__}:{function.__qualname__}"
    command = [sys.executable, "-m", "benchmarks.processes", name, json.dumps(arguments)]
    with (Path(folder.name) / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, str(Path(folder.name) / "answer.json")],
            stdout=said,
            stderr=said,
            start_new_session=True,
            env={**os.environ, "CACHE_ENABLED": "on", "PYTHONWARNINGS": "ignore", **environment},
        )
    return Running(process, folder)


def run(function: Callable[..., Any], limit_s: float, **arguments: Any) -> Any:
    """Start, wait, and give back the result. Raises: Hung, Broken."""
    return start(function, **arguments).result(limit_s)


def main() -> None:
    """In the new process. It ends even while threads of the measured cache hang."""
    name, arguments, answer = sys.argv[1:]
    module, _, function = name.partition(":")
    result = getattr(import_module(module), function)(**json.loads(arguments))
    partial = Path(answer + ".partial")
    partial.write_text(json.dumps(result))
    partial.rename(answer)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
