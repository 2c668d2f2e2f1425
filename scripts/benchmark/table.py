"""The benchmark's result in words, and into docs/performance.md."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.measure import Cost

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
MARKED = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the capture was; the second one had twice the packets."""

    packets: int
    size: int


@dataclass(frozen=True, slots=True)
class Result:
    """One tool; None where it is not installed."""

    name: str
    once: Cost | None
    twice: Cost | None
    version: str


def as_text(
    sizes: Sizes,
    results: Sequence[Result],
    small: Cost,
    parts: Mapping[str, float],
    machine: str,
    runs: int,
) -> str:
    """Return the table and what stands around it, as Markdown."""
    ours = results[0].once
    lines = [
        f"{machine}. {sizes.packets:,} packets, {sizes.size / 1e9:.2f} GB, in the page cache; "
        f"medians of {runs} runs, every tool in turn. Memory is the maximum resident set.",
        "",
        "| tool | seconds | of pcapdiag's time | processor | memory | twice: seconds | memory |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_row(result, ours) for result in results),
        "",
        f"A capture of ten packets, from the shell: {small.seconds:.2f} s.",
        "",
        *_divided(parts),
        *(f"- {result.name.split()[0]}: {result.version}" for result in results),
    ]
    return "\n".join(lines)


def _divided(parts: Mapping[str, float]) -> list[str]:
    if not parts:
        return []
    rows = [f"| {stage} | {seconds:.2f} |" for stage, seconds in parts.items()]
    return ["How the time divides:", "", "| stage | seconds |", "|---|---:|", *rows, ""]


def _row(result: Result, ours: Cost | None) -> str:
    once, twice = result.once, result.twice
    if once is None or twice is None or ours is None:
        return f"| `{result.name}` | not installed | | | | | |"
    return (
        f"| `{result.name}` | {once.seconds:.2f} | {once.seconds / ours.seconds:.1f} | "
        f"{once.processor:.2f} | {once.memory / 1e6:,.0f} MB | "
        f"{twice.seconds:.2f} | {twice.memory / 1e6:,.0f} MB |"
    )


def write_page(text: str) -> None:
    """Put the text between the marks in docs/performance.md."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKED.sub(lambda m: f"{m[1]}{text}\n{m[2]}", page), encoding="utf-8")
