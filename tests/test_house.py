"""What every file of the project keeps to."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pcapdiag.compiled import COMPILED_MODULES

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pcapdiag"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

LONGEST_FILE = 400
LONG_FILES = {
    "pcapdiag/decode/headers.py": "one pass from Ethernet to TCP options, which every packet takes",
    "pcapdiag/flow/tracker.py": "the way of each packet; what is asked on the way is in the files beside it",
}
"""Files over LONGEST_FILE lines, each with the reason why it is one thing."""

MACHINE_PATHS = re.compile(
    rb"(?<![\w.:*])/(?:root|tmp|work|workspace|home/\w+|Users/\w+)/|--(?:index-url|find-links)"
)
"""Paths of somebody's machine, and addresses of somebody's package index."""

OURS = {"benchmark", "docsite", "failurelab", "pcapdiag", "ratiofit", "tests", "verdictpages"}
IMPORTED_EXTRAS = ("cloud", "dask", "metrics", "parquet")
"""Extras that the installed package imports, lazily."""
HEAVY = {
    "matplotlib", "cryptography", "numpy", "jinja2", "dpkt", "scapy", "hpack", "pyarrow", "fsspec",
    "distributed", "prometheus_client",
}  # fmt: skip
"""Must not be imported by ``pcapdiag --help``: start-up counts."""


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules() -> list[str]:
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts).removesuffix(".__init__"))
    return [name for name in names if name != "pcapdiag.__main__"]


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)


def test_every_module_can_be_imported_first() -> None:
    """One process per module would take a minute: each is imported with all others forgotten."""
    program = f"""
import importlib, sys
for name in {modules()!r}:
    for loaded in [m for m in sys.modules if m.split(".")[0] == "pcapdiag"]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"{{name}}: {{error}}")
"""
    done = run_python(program)
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom pcapdiag.cli.main import cli\n"
        "try:\n    cli(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = run_python(program)
    assert done.returncode == 0, done.stderr
    assert HEAVY.isdisjoint(done.stderr.split())


def test_nothing_names_a_machine() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if MACHINE_PATHS.search(path.read_bytes())
    ]
    assert found == []


def test_long_files_have_a_reason() -> None:
    long = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix == ".py" and path.read_bytes().count(b"\n") > LONGEST_FILE
    }
    assert long == set(LONG_FILES)


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python 3.11 before 3.11.5 does not match what it should (python/cpython#106052)."""
    found = [
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.search(r"\)(?:[*+?]|\{\d*,?\d*\})\+", node.value)
    ]
    assert found == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_public_names_say_their_contract(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__init__.py":
        assert ast.get_docstring(tree), path
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    scopes: list[ast.Module | ast.ClassDef] = [tree, *_public_classes(tree)]
    for scope in scopes:
        for node in scope.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path.name}:{node.lineno} {node.name}"


def _public_classes(tree: ast.Module) -> list[ast.ClassDef]:
    return [n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]


def third_party(*folders: str) -> set[str]:
    """Distributions whose modules are imported anywhere in these folders, in lower case."""
    imported = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            imported |= {name.split(".")[0] for name in names}
    imported -= {"", *OURS, *sys.stdlib_module_names}
    known = packages_distributions()
    assert imported <= set(known), "not declared, so not installed"
    return {name.lower() for top in imported for name in known[top]}


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~ \[]", line)[0].lower() for line in requirements}


def test_declared_dependencies_are_the_imported_ones() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    heavy = [line for name in IMPORTED_EXTRAS for line in extras[name]]
    assert third_party("pcapdiag") == declared([*PYPROJECT["project"]["dependencies"], *heavy])


def test_what_tests_and_scripts_import_is_declared() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    every = declared([*PYPROJECT["project"]["dependencies"], *(line for e in extras for line in e)])
    assert third_party("tests", "scripts") <= every


def test_what_tests_need_is_installed_for_them() -> None:
    """A new machine has none of the programs that are marked as needed."""
    script = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
    listed = re.search(r'^programs="([^"]*)"', script, re.MULTILINE)
    assert listed
    installed = {pair.partition(":")[0] for pair in listed[1].split()}
    marked = re.compile(r'needs\(\s*program="([^"]+)"')
    needed = {
        program
        for path in (ROOT / "tests").rglob("*.py")
        for names in marked.findall(path.read_text(encoding="utf-8"))
        for program in names.split()
    }
    assert {"nft", "ethtool"} <= needed
    assert needed <= installed


def test_compiled_modules_are_listed_once() -> None:
    extensions = PYPROJECT["tool"]["setuptools"]["ext-modules"]
    assert tuple(extension["name"] for extension in extensions) == COMPILED_MODULES
    for extension in extensions:
        (source,) = extension["sources"]
        assert source == extension["name"].replace(".", "/") + ".py"
        assert (ROOT / source).with_suffix(".pxd").is_file()
        assert extension["optional"], "an install without a compiler must not fail"
    beside = {path.relative_to(ROOT).with_suffix("") for path in PACKAGE.rglob("*.pxd")}
    listed = {Path(name.replace(".", "/")) for name in COMPILED_MODULES}
    # Their .pxd is C that the compiled modules take in.
    listed |= {Path("pcapdiag/model/numbers"), Path("pcapdiag/capture/native")}
    assert {path for path in beside if (ROOT / path).with_suffix(".py").is_file()} == listed
