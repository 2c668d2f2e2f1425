"""What every test has: the marker for missing programs, and the package that is under test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

import pcapdiag

PACKAGE_ROOT = Path(pcapdiag.__file__).resolve().parents[1]

# A subprocess of a test runs the same package, whatever its working folder.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
)

# How long an example takes is the machine's matter.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs a program or root that is not there."""
    for marker in item.iter_markers("needs"):
        missing = _missing(*marker.args, **marker.kwargs)
        if missing:
            pytest.skip(f"needs {missing}")


def _missing(program: str = "", root: bool = False) -> str:
    absent = [name for name in program.split() if shutil.which(name) is None]
    if absent:
        return " and ".join(absent)
    return "root" if root and os.geteuid() != 0 else ""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write what did not run into the file that scripts/test shows at the end."""
    path = os.environ.get("PCAPDIAG_NOT_RUN")
    skipped = terminalreporter.stats.get("skipped", [])
    if not path or not skipped:
        return
    lane = os.environ.get("PCAPDIAG_LANE", "tests")
    with open(path, "a", encoding="utf-8") as notes:
        for report in skipped:
            reason = str(report.longrepr[2] if report.longrepr else "")
            notes.write(f"{lane}: {report.nodeid}: {reason.removeprefix('Skipped: ')}\n")
