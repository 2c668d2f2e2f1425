"""Times ``pcapdiag correlate`` on one incident captured at two points, and holds its limits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmark.measure import Cost, medians, run, warm

SCRIPTS = Path(__file__).resolve().parents[1]
MOST_SECONDS, MOST_MEMORY = 30.0, 500_000_000
"""For two captures of 500 MB each."""


def generate(folder: Path, packets: int) -> tuple[Path, Path]:
    """Write the captures of both points, each program in a process of its own."""
    here, there = folder / "proxy.pcap", folder / "upstream.pcap"
    for module, *arguments in (
        ("benchmark.generate", here, packets),
        ("benchmark.second_view", here, there),
    ):
        command = [sys.executable, "-m", module, *map(str, arguments)]
        subprocess.run(command, check=True, cwd=SCRIPTS)
    return here, there


def measure(pcapdiag: str, captures: tuple[Path, Path], runs: int) -> Cost:
    """Return the medians of several runs."""
    here, there = captures
    command = [pcapdiag, "correlate", f"proxy={here}", f"upstream={there}"]
    costs = []
    for number in range(runs):
        for capture in captures:
            warm(capture)
        costs.append(run(command, (0, 1)))
        print(f"correlate {number + 1}: {costs[-1].seconds:.2f} s", flush=True)
    return medians(costs)


def verdict(cost: Cost, captures: tuple[Path, Path]) -> tuple[str, bool]:
    """Return what was measured in a sentence, and whether it is within the limits."""
    sizes = " and ".join(f"{path.stat().st_size / 1e6:.0f} MB" for path in captures)
    within = cost.seconds <= MOST_SECONDS and cost.memory <= MOST_MEMORY
    text = (
        f"`pcapdiag correlate`, captures of {sizes}: {cost.seconds:.1f} s "
        f"({cost.processor:.1f} s of processor time), "
        f"{cost.memory / 1e6:.0f} MB ({'within' if within else 'over'} the limits of "
        f"{MOST_SECONDS:.0f} s and {MOST_MEMORY / 1e6:.0f} MB)"
    )
    return text, within
