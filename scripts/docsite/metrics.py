"""The metrics of triage as docs/metrics.md shows them."""

from __future__ import annotations

import re

from pcapdiag.triage.metrics import METRICS

MARKED = re.compile(r"(?P<open><!-- metrics -->\n).*?(?P<close><!-- /metrics -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """Return the page with its table of metrics made anew."""
    return MARKED.sub(lambda found: found["open"] + table() + found["close"], page)


def table() -> str:
    """Return all metrics as Markdown."""
    rows = ["| metric | labels | type | is |\n", "|---|---|---|---|\n"]
    for metric in METRICS:
        labels = " ".join(f"`{label}`" for label in metric.labels)
        kind = "counter" if metric.name.endswith("_total") else "gauge"
        rows.append(f"| `{metric.name}` | {labels} | {kind} | {metric.help} |\n")
    return "".join(rows)
