"""The lab's commands."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from failurelab.truth import FIXTURES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 1 when something failed."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="real failures with known truth")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("list", help="the scenarios").set_defaults(command=_list)
    run = commands.add_parser("run", help="make captures")
    run.add_argument(
        "names", nargs="*", help="scenarios; a name may end in * for all with the start"
    )
    run.add_argument("--all", action="store_true")
    run.add_argument("--missing", action="store_true", help="those that are not stored yet")
    run.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    _directories(run)
    run.set_defaults(command=_run)
    one = commands.add_parser("run-one", help="make one in this process")
    one.add_argument("name")
    _directories(one)
    one.set_defaults(command=_run_one)
    score = commands.add_parser("score", help="judge the analyzer by the stored set")
    score.add_argument("names", nargs="*")
    score.add_argument("--format", choices=("text", "json"), default="text")
    score.add_argument("--split", choices=("fit", "kept_apart"))
    score.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    score.set_defaults(command=_score)
    commands.add_parser("readme", help="write fixtures/README.md").set_defaults(command=_readme)
    check = commands.add_parser("check", help="check the stored set")
    check.add_argument("names", nargs="*")
    check.set_defaults(command=_check)
    clean = commands.add_parser("clean", help="remove namespaces of runs that were killed")
    clean.set_defaults(command=_clean)
    return parser


def _directories(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, default=FIXTURES, help="where captures are stored")
    parser.add_argument("--keep", type=Path, help="keep configurations and logs in this directory")


def _list(_: argparse.Namespace) -> int:
    from failurelab.registry import discover

    for scenario in discover().values():
        print(f"{scenario.name}  [{scenario.split}]  {scenario.title}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from failurelab.registry import discover
    from failurelab.runner import run_many

    known = discover()
    chosen = []
    for name in options.names:
        fits = [n for n in known if n == name or (name[-1] == "*" and n.startswith(name[:-1]))]
        if not fits:
            print(f"no scenario {name}", file=sys.stderr)
            return 2
        chosen += fits
    if options.all:
        chosen = list(known)
    if options.missing:
        chosen += [n for n in known if not (options.to / n / "truth.json").exists()]
    unique = [known[name] for name in dict.fromkeys(chosen)]
    failed = run_many(unique, options.jobs, options.to, options.keep)
    print(f"{len(unique) - len(failed)} made, {len(failed)} failed {' '.join(failed)}".rstrip())
    return int(bool(failed))


def _run_one(options: argparse.Namespace) -> int:
    from failurelab.registry import discover
    from failurelab.runner import run_one

    try:
        run_one(discover()[options.name], options.to, options.keep)
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _score(options: argparse.Namespace) -> int:
    from failurelab.score import score_set
    from failurelab.score_text import as_text

    result = score_set(options.names, options.split, options.jobs)
    print(json.dumps(result, indent=1) if options.format == "json" else as_text(result))
    return 0


def _readme(_: argparse.Namespace) -> int:
    from failurelab.readme import write_readme

    print(write_readme())
    return 0


def _check(options: argparse.Namespace) -> int:
    from failurelab.check import check_all

    wrong, remarks = check_all(options.names)
    for line in remarks:
        print(f"note: {line}")
    for line in wrong:
        print(line)
    print(f"{len(wrong)} problems")
    return int(bool(wrong))


def _clean(_: argparse.Namespace) -> int:
    from failurelab.runner import clean

    for name in clean():
        print(f"removed {name}")
    return 0
