"""A Dask scheduler and its workers as processes on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from distributed import Client

PATIENCE = 60.0
"""Seconds in which a process has to be there."""


class Cluster:
    """Processes that end with the block; captures of some names misbehave (``stand_in.py``)."""

    def __init__(self, folder: Path, workers: int) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._file = folder / "scheduler.json"
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        for _ in range(workers):
            self.add_worker()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    @property
    def address(self) -> str:
        """The scheduler's, as soon as it has one."""
        begin = time.monotonic()
        while True:
            with suppress(FileNotFoundError, json.JSONDecodeError):
                return str(json.loads(self._file.read_text())["address"])
            assert time.monotonic() < begin + PATIENCE, self.logs()
            assert self.scheduler.poll() is None, self.logs()
            time.sleep(0.05)

    def add_worker(self) -> subprocess.Popen[bytes]:
        """Start one of one thread; it waits for the scheduler itself."""
        scratch = ["--local-directory", str(self.folder), "--preload", "tests.triage.stand_in"]
        return self._start("worker", "--nthreads", "1", "--no-nanny", *scratch)

    def wait(self, workers: int) -> None:
        """Wait until so many workers are there."""
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)

    def logs(self) -> str:
        """What all processes said."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard"]
        common = ["--scheduler-file", str(self._file)]
        with (self.folder / f"{len(self._processes)}-{kind}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *common, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._processes.append(process)
        return process
