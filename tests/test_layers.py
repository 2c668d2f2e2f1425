"""The floors of docs/design.md: imports only go down, and each kind of outside world has one floor."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pcapdiag"
FLOORS = (
    "model",
    "capture",
    "decode",
    "flow",
    "protocols",
    "logs",
    "host",
    "correlate",
    "diagnose",
    "incident",
    "pipeline",
    "report",
    "sanitize",
    "probe",
    "triage",
    "bundle",
    "cli",
)
FACE = {"__init__", "__main__", "compiled", "errors"}
"""Beside the floors: the package's face, its start, a question about the build, and the errors."""

OPENERS = {
    "capture": "captures are its job",
    "correlate/names.py": "reads the file of --names",
    "correlate/secrets.py": "reads the file of --keylog",
    "logs": "reads the files of --log",
    "host": "reads what the kernel tells of this host, and the files of --snapshot",
    "sanitize/vocabulary.py": "reads the words of this program's own sources",
    "probe/lookup.py": "reads /etc/hosts, to say that a name stands there",
    "bundle": "writes case.zip, and reads its members again for the proof",
    "protocols/tls": "what it opens are encrypted records",
    "cli": "writes the file of -o",
    "triage": "reads captures for their digest, writes OUT",
    "report": "writes the file of -o",
}
FILE_CALLS = {"open", "read_bytes", "read_text", "write_bytes", "write_text", "mmap", "memmap"}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def floor_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""


def test_every_module_belongs_to_a_floor() -> None:
    tops = {Path(inside(path)).parts[0].removesuffix(".py") for path in sources()}
    assert tops <= {*FLOORS, *FACE}


@pytest.mark.parametrize("path", sources(), ids=inside)
def test_imports_go_down(path: Path) -> None:
    here = Path(inside(path)).parts[0].removesuffix(".py")
    if here in FACE:
        return
    height = FLOORS.index(here)
    for line, name in imported(path):
        floor = floor_of(name)
        if name.split(".")[0] != "pcapdiag" or floor in FACE:
            continue
        assert FLOORS.index(floor) <= height, f"{inside(path)}:{line} imports {name}, a floor above"


def test_only_the_command_line_knows_click() -> None:
    users = {
        Path(inside(path)).parts[0]
        for path in sources()
        if any(name.split(".")[0] == "click" for _, name in imported(path))
    }
    assert users <= {"cli"}


@pytest.mark.parametrize("path", sources(), ids=inside)
def test_files_are_opened_on_few_floors(path: Path) -> None:
    name = inside(path)
    if any(name == opener or name.startswith(opener + "/") for opener in OPENERS):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if ast.unparse(called) == "Capture.open" or ast.unparse(node).startswith("mmap.mmap(-1,"):
            continue
        word = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        assert word not in FILE_CALLS, f"{name}:{node.lineno} calls {word}()"
