"""``scripts/docs``: build the site, or write anew what pages quote from the program."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from docsite import columns, metrics, options, sessions
from docsite.places import DOCS, ROOT, pages

USAGE = "usage: scripts/docs [DIRECTORY] | scripts/docs --write"


def main(arguments: list[str]) -> int:
    """Return the exit status: 0 all well, 1 the build or a page is not, 2 wrong use."""
    if arguments == ["--write"]:
        return write()
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(USAGE, file=sys.stderr)
        return 2
    return build(Path(arguments[0]) if arguments else ROOT / "build" / "site")


def build(target: Path) -> int:
    """Build the site there with every warning an error; return Sphinx's exit status."""
    strict = ["-W", "--keep-going", "-n", "-q"]
    with tempfile.TemporaryDirectory() as kept:
        sphinx = [sys.executable, "-m", "sphinx", "-b", "html", "-d", kept, *strict]
        status = subprocess.run([*sphinx, str(DOCS), str(target)], check=False).returncode
    if status == 0:
        print(target / "index.html")
    return status


def write() -> int:
    """Refresh every page; return 1 where a command's output is left to a person."""
    status = 0
    for page in pages():
        old = page.read_text(encoding="utf-8")
        tables = metrics.refreshed(columns.refreshed(options.refreshed(old)))
        new, left = sessions.refreshed(tables)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: written")
        for command in left:
            status = 1
            print(f"{page.relative_to(ROOT)}: to be shortened anew by hand: {command}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
