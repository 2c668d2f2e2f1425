"""Times ``pcapdiag triage``: on this machine, on a Dask cluster, and a shell loop of tshark."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
PCAPS = SCRIPTS.parent / "fixtures" / "pcaps"
SMALL_BYTES = 200_000
"""Fixtures up to this size are small ones."""
LARGE_PACKETS = 317_000
"""Packets of 200 MB."""
MICROSECONDS = 28
"""Where a pcap file has those of its first record: what makes a copy another content."""
EVERY = 0.1
"""Seconds between two looks at the memory."""
LOOP = 'for file in "$@"; do tshark -n -q -z expert -r "$file" >/dev/null 2>&1; done'
LOOPED = {"small": 100, "large": 2}
"""Captures that the shell loop gets: it takes the same time for each."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one run took; memory in bytes, shared pages divided (PSS)."""

    name: str
    captures: int
    seconds: float
    largest: int
    """Of the largest process."""
    together: int
    """Of all processes at the same time."""

    def row(self) -> str:
        """Return a row of the table."""
        rate = self.captures / self.seconds
        return (
            f"| {self.name} | {self.captures:,} | {self.seconds:.1f} | {rate:.{2 - (rate > 9)}f} | "
            f"{self.largest / 1e6:.0f} MB | {self.together / 1e6:.0f} MB |"
        )


def small(folder: Path, number: int) -> list[Path]:
    """Write that many small captures, each of another content; fixtures in turn."""
    fixtures = [p for p in sorted(PCAPS.glob("*/*.pcap")) if p.stat().st_size < SMALL_BYTES]
    made = []
    for count, fixture in enumerate(islice(cycle(fixtures), number)):
        made.append(folder / f"{count:05}.pcap")
        made[-1].write_bytes(fixture.read_bytes())
        _stir(made[-1], count // len(fixtures))
    return made


def large(folder: Path, number: int) -> list[Path]:
    """Write that many captures of 200 MB, each of another content."""
    first = folder / "00000.pcap"
    command = [sys.executable, "-m", "benchmark.generate", str(first), str(LARGE_PACKETS)]
    subprocess.run(command, check=True, cwd=SCRIPTS)
    made = [first]
    for count in range(1, number):
        made.append(folder / f"{count:05}.pcap")
        shutil.copyfile(first, made[-1])
        _stir(made[-1], count)
    return made


def _stir(path: Path, by: int) -> None:
    with path.open("r+b") as file:
        file.seek(MICROSECONDS)
        before = int.from_bytes(file.read(4), "little")
        file.seek(MICROSECONDS)
        file.write((before + by).to_bytes(4, "little"))


def measure(pcapdiag: str, kind: str, captures: Sequence[Path]) -> Iterator[Rate]:
    """Yield what each way takes for the same captures, which are in the page cache."""
    folder = str(captures[0].parent)
    for jobs in (1, 2):
        arguments = [pcapdiag, "triage", folder, "-q", "--jobs", str(jobs)]
        yield _timed(f"`triage --jobs {jobs}`", arguments, len(captures))
    python = Path(pcapdiag).with_name("python")
    for workers in (1, 2) if _has_dask(python) else ():
        with _cluster(python, workers) as (address, processes):
            arguments = [pcapdiag, "triage", folder, "-q", "--engine", "dask"]
            name = f"`triage --engine dask`, {workers} worker{'s'[: workers - 1]}"
            yield _timed(name, [*arguments, "--scheduler", address], len(captures), processes)
    if shutil.which("tshark"):
        some = captures[: LOOPED[kind]]
        command = ["sh", "-c", LOOP, "sh", *map(str, some)]
        yield _timed("shell loop, `tshark -n -q -z expert`", command, len(some), writes=False)


def table(rates: Sequence[Rate]) -> str:
    """Return the table in Markdown."""
    head = "| way | captures | seconds | captures a second | largest process | all together |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *(rate.row() for rate in rates)])


def _timed(
    name: str,
    command: Sequence[str],
    captures: int,
    beside: Sequence[int] = (),
    *,
    writes: bool = True,
) -> Rate:
    with tempfile.TemporaryDirectory(prefix="bench-") as out:
        command = [*command, "-o", out] if writes else command
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        watch = _Watch([process.pid, *beside])
        watch.start()
        status = process.wait()
        seconds = time.perf_counter() - begin
        watch.stop()
    if status not in (0, 1, 2):
        raise RuntimeError(f"{command[0]} ended with {status}")
    print(f"{name}: {captures} captures, {seconds:.1f} s", flush=True)
    return Rate(name, captures, seconds, watch.largest, watch.together)


class _Watch:
    """Looks at the memory of processes, and of those that they started, until it is stopped."""

    def __init__(self, roots: Sequence[int]) -> None:
        self.largest = 0
        self.together = 0
        self._roots = roots
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.start = self._thread.start

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY):
            sizes = [_shared_out(pid) for pid in _with_children(self._roots)]
            self.largest = max(self.largest, *sizes)
            self.together = max(self.together, sum(sizes))


def _with_children(roots: Sequence[int]) -> list[int]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in os.listdir("/proc"):
        with suppress(OSError, ValueError):
            pid = int(entry)
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            children[int(status.rpartition(")")[2].split()[1])].append(pid)
    found = list(roots)
    for pid in found:
        found.extend(children[pid])
    return found


def _shared_out(pid: int) -> int:
    """Return a process's memory in bytes; pages that n processes share count as an n-th."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _has_dask(python: Path) -> bool:
    command = [str(python), "-c", "import distributed"]
    return (
        python.exists()
        and not subprocess.run(
            command, check=False, stderr=subprocess.DEVNULL, cwd=tempfile.gettempdir()
        ).returncode
    )


@contextmanager
def _cluster(python: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """Give the address of a scheduler and the processes of a cluster on loopback."""
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        address = Path(folder) / "scheduler.json"
        common = ["--scheduler-file", str(address), "--no-dashboard"]
        commands = [["scheduler", "--host", "127.0.0.1", "--port", "0"]]
        commands += [["worker", "--nthreads", "1", "--no-nanny"]] * workers
        processes = []
        for kind, *arguments in commands:
            # Not in the source tree's folder: the package there is the uncompiled one.
            process = subprocess.Popen(
                [str(python), "-m", f"distributed.cli.dask_{kind}", *common, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process.pid)
        yield _when_there(python, address, workers), processes


def _when_there(python: Path, file: Path, workers: int) -> str:
    program = (
        "import sys, distributed as d\n"
        "with d.Client(scheduler_file=sys.argv[1], timeout=60) as client:\n"
        "    client.wait_for_workers(int(sys.argv[2]), timeout=60)\n"
        "    print(client.scheduler.address)"
    )
    while not (file.exists() and file.stat().st_size):
        time.sleep(EVERY)
    command = [str(python), "-c", program, str(file), str(workers)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=file.parent
    ).stdout.strip()
