"""Captures for the tests of triage, and an engine without processes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.examine import examine
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.local import Engine
from pcapdiag.triage.object_stores import nearby
from pcapdiag.triage.outcome import FileIdentity
from pcapdiag.triage.run import Triage
from pcapdiag.triage.tables import Form
from pcapdiag.triage.task import Claim, Task
from tests.captures import FIXTURES

PCAPS = FIXTURES / "pcaps"
REFUSED = PCAPS / "tcp.connection_refused-service-tries-again" / "proxy.pcap"
DOZEN = [
    REFUSED,
    PCAPS / "http.local_reply-envoy-retries" / "proxy.pcap",
    *(
        sorted((PCAPS / name).glob("*.pcap*"))[0]
        for name in (
            "tls.version_mismatch-nginx",
            "capture-any-nat",
            "capture-ends-early-syn",
            "capture-drops-data",
            "endpoint.down-rolling-restart",
            "http.no_healthy_upstream-envoy-many",
            "health.check_failing-envoy-wrong-port",
            "path.new_flows_dropped-rate-limit",
            "capture-bad-checksums",
            "tls.alert-bad-psk",
        )
    ),
]


def here(tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
    """Examine in this process."""
    for task in tasks:
        known: list[FileIdentity] = []

        def ask(identities: list[FileIdentity], known: list[FileIdentity] = known) -> bool:
            known += identities
            return claim(identities)

        with nearby(task.capture) as files:
            outcome = examine(replace(task, capture=files), ask)
        yield Reply(task.capture, known, outcome)


def backwards(tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
    """Examine in this process, the last one first."""
    return here(list(tasks)[::-1], claim)


def run(
    out: Path,
    paths: Iterable[Path],
    options: AnalyzeOptions | None = None,
    engine: Engine = here,
    form: Form = "parquet",
) -> list[str]:
    """Triage files; return the names of those examined or found again, in that order."""
    with Triage(str(out), options or AnalyzeOptions(), engine, form) as triage:
        names = [entry.name for entry in triage.take(Capture.of(str(path)) for path in paths)]
        triage.write()
    return names


def tree(out: Path) -> dict[str, str]:
    """Digests of all results in a folder, by their paths."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".pcapdiag" not in path.parts
    }


def copies(folder: Path, **sources: Path) -> list[Path]:
    """Put captures into a folder under names; ``_`` in a name becomes ``-``."""
    made = []
    for name, source in sources.items():
        made.append(folder / f"{name.replace('_', '-')}.pcap")
        shutil.copyfile(source, made[-1])
    return made


def task(place: str | Path) -> Task:
    return Task(Capture.of(str(place)), AnalyzeOptions(), "asked")
