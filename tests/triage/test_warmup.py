"""After warming up, an analysis imports nothing of ours: each child would import it for itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.captures import FIXTURES

pytestmark = pytest.mark.once

CAPTURES = (
    "capture-drops-data",
    "dns.failure-nxdomain",
    "dns.slow-lost-queries",
    "grpc.error-deadline",
    "healthy-icmp-soft-error",
    "healthy-ldap-starttls",
    "mtu.fragmentation_needed-v6-upload",
    "path.nat_leak-entry-lost",
)
PROGRAM = """
import sys
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.examine import examine
from pcapdiag.triage.task import Task
from pcapdiag.triage.warmup import warm_up
from pcapdiag.model.options import AnalyzeOptions
warm_up()
before = set(sys.modules)
for path in sys.argv[1:]:
    examine(Task(Capture.of(path), AnalyzeOptions(), ""))
print(*sorted(name for name in set(sys.modules) - before if name.startswith("pcapdiag")))
"""


def test_nothing_of_ours_is_imported_late() -> None:
    paths = [str(path) for name in CAPTURES for path in (FIXTURES / "pcaps" / name).glob("*.pcap*")]
    assert len(paths) >= len(CAPTURES)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *paths], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
