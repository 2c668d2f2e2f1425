"""The benchmark's command."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmark import correlate, triage
from benchmark.measure import Cost, machine, medians, run, version, warm
from benchmark.table import Result, Sizes, as_text, write_page

SCRIPTS = Path(__file__).resolve().parents[1]
PCAPDIAG = SCRIPTS.parent / ".venv" / "bin" / "pcapdiag"
PACKETS = 1_600_000
TEN_PACKETS = SCRIPTS.parent / "fixtures/pcaps/tcp.reset_before_response-linger-zero/client.pcap"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 2 when pcapdiag is not installed."""
    options = _parser().parse_args(arguments)
    if options.record:
        from benchmark.record import record

        print(*record(), sep="\n")
        return 0
    if shutil.which(options.pcapdiag) is None:
        print(f"{options.pcapdiag} is not there: run scripts/install first", file=sys.stderr)
        return 2
    if options.triage:
        _triage(options)
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
        if options.correlate:
            captures = correlate.generate(Path(folder).resolve(), options.packets // 2)
            cost = correlate.measure(options.pcapdiag, captures, options.runs)
            told, within = correlate.verdict(cost, captures)
            print(told)
            return 0 if within else 1
        text = _measure(options, Path(folder).resolve())
    print(text)
    if options.write:
        write_page(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--packets", type=int, default=PACKETS, help="packets in the capture")
    parser.add_argument("--runs", type=int, default=5, help="how often each tool runs")
    parser.add_argument("--pcapdiag", default=str(PCAPDIAG), help="the program to measure")
    parser.add_argument("--folder", help="where the captures are made and removed (3 GB)")
    parser.add_argument(
        "--correlate",
        action="store_true",
        help="instead: two points, each with half of the packets; status 1 over the limits",
    )
    parser.add_argument(
        "--triage",
        type=int,
        nargs=2,
        metavar=("SMALL", "LARGE"),
        help="instead: so many small captures, and of 200 MB; as 2000 20 (4 GB)",
    )
    parser.add_argument("--write", action="store_true", help="put the table in the docs")
    parser.add_argument("--record", action="store_true", help="record the connections again; root")
    return parser


def _triage(options: argparse.Namespace) -> None:
    makers = {"small": triage.small, "large": triage.large}
    for number, (kind, make) in zip(options.triage, makers.items(), strict=True):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder:
            captures = make(Path(folder).resolve(), number)
            for capture in captures:
                warm(capture)
            size = sum(capture.stat().st_size for capture in captures)
            rates = list(triage.measure(options.pcapdiag, kind, captures))
            print(f"\n{number:,} captures, {size / 1e6:,.0f} MB. {machine()}\n")
            print(triage.table(rates), flush=True)


def _commands(pcapdiag: str, capture: Path) -> dict[str, list[str]]:
    file = str(capture)
    return {
        "pcapdiag analyze": [pcapdiag, "analyze", file],
        "cat": ["cat", file],
        "tcpdump -n, filter for RST": ["tcpdump", "-n", "-r", file, "tcp[tcpflags] & tcp-rst != 0"],
        "tcptrace -n -l -r": ["tcptrace", "-n", "-l", "-r", file],
        "tshark -n -q -z expert": ["tshark", "-n", "-q", "-z", "expert", "-r", file],
    }


VERSIONS = {
    "cat": ["cat", "--version"],
    "tcpdump": ["tcpdump", "--version"],
    "tcptrace": ["tcptrace", "-version"],
    "tshark": ["tshark", "--version"],
}


def _measure(options: argparse.Namespace, folder: Path) -> str:
    once, twice = folder / "once.pcap", folder / "twice.pcap"
    _generate(once, options.packets)
    _generate(twice, options.packets * 2)
    costs = {capture: _rounds(options, capture) for capture in (once, twice)}
    results = [
        Result(
            name,
            medians(found) if found else None,
            medians(costs[twice][name]) if found else None,
            _version(name, options.pcapdiag),
        )
        for name, found in costs[once].items()
    ]
    sizes = Sizes(options.packets, once.stat().st_size)
    small = [run([options.pcapdiag, "analyze", str(TEN_PACKETS)], (0, 1)) for _ in range(9)]
    parts = _stages(Path(options.pcapdiag).with_name("python"), once)
    return as_text(sizes, results, medians(small), parts, machine(), options.runs)


def _stages(python: Path, capture: Path) -> dict[str, float]:
    """How the time divides; empty when pcapdiag is not in an environment of its own."""
    if not python.exists():
        return {}
    warm(capture)
    command = [str(python), "-m", "benchmark.stages", str(capture)]
    # Not in the source tree's folder: the package there is the uncompiled one.
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=SCRIPTS)
    return dict(json.loads(done.stdout))


def _generate(target: Path, packets: int) -> None:
    """In a process of its own: see measure.py."""
    command = [sys.executable, "-m", "benchmark.generate", str(target), str(packets)]
    subprocess.run(command, check=True, cwd=SCRIPTS)


def _rounds(options: argparse.Namespace, capture: Path) -> dict[str, list[Cost]]:
    """Every tool in turn, again and again, so that a busy minute hits all of them."""
    commands = _commands(options.pcapdiag, capture)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(options.runs):
        for name, command in commands.items():
            if shutil.which(command[0]) is None:
                continue
            warm(capture)
            cost = run(command, (0, 1))
            costs[name].append(cost)
            print(f"{capture.stem} {number + 1}: {name} {cost.seconds:.2f} s", flush=True)
    return costs


def _version(name: str, pcapdiag: str) -> str:
    return version(VERSIONS.get(name.split()[0], [pcapdiag, "--version"]))
