"""Running scenarios: each into a temporary directory, then into the fixtures."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from failurelab import namespaces
from failurelab.lab import Lab
from failurelab.registry import Scenario
from failurelab.truth import FIXTURES, Truth, problems

_ENTRY = Path(__file__).resolve().parent.parent / "lab"
_LIMIT = 240


def run_one(scenario: Scenario, target: Path = FIXTURES, keep: Path | None = None) -> Truth:
    """Run one scenario in this process; its captures replace the stored ones."""
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        directory = Path(name)
        try:
            with Lab(scenario, directory) as lab:
                scenario.body(lab)
                truth = lab.finish()
        finally:
            if keep:
                shutil.copytree(directory, keep / scenario.name, dirs_exist_ok=True)
        _store(truth, directory, target / scenario.name)
    return truth


def _store(truth: Truth, directory: Path, target: Path) -> None:
    wrong = problems(truth.to_json())
    if wrong:
        raise ValueError(f"{truth.scenario}: {'; '.join(wrong)}")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for capture in truth.captures:
        for file in filter(None, [*capture.files, capture.key_log]):
            if not (target / file).exists():
                shutil.copyfile(directory / file, target / file)
    for log in truth.logs:
        shutil.copyfile(directory / log.file, target / log.file)
    for name in truth.snapshots:
        shutil.copyfile(directory / name, target / name)
    truth.write(target)


def run_many(
    scenarios: Sequence[Scenario], jobs: int, target: Path, keep: Path | None
) -> list[str]:
    """Run scenarios, several at once, each in a process of its own; the names that failed."""
    failed: list[str] = []
    running: set[subprocess.Popen[str]] = set()
    lock = threading.Lock()

    def one(scenario: Scenario) -> None:
        message = _run_apart(scenario.name, target, keep, running, lock)
        with lock:
            print(f"{'FAILED' if message else 'made'} {scenario.name}{message}", flush=True)
            if message:
                failed.append(scenario.name)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            list(pool.map(one, [s for s in scenarios if not s.alone]))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                process.terminate()
            raise
    for scenario in scenarios:
        if scenario.alone:
            one(scenario)
    return failed


def _run_apart(
    name: str,
    target: Path,
    keep: Path | None,
    running: set[subprocess.Popen[str]],
    lock: threading.Lock,
) -> str:
    command = [sys.executable, str(_ENTRY), "run-one", name, "--to", str(target)]
    command += ["--keep", str(keep)] if keep else []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with lock:
        running.add(process)
    try:
        output, _ = process.communicate(timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        process.terminate()
        output, _ = process.communicate()
        output = f"took longer than {_LIMIT} s\n{output}"
    finally:
        with lock:
            running.discard(process)
    return f"\n{output.rstrip()}" if process.returncode else ""


def clean() -> list[str]:
    """Remove namespaces that runs left behind which were killed outright."""
    left = namespaces.leftovers()
    namespaces.remove(left)
    return left
