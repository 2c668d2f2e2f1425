"""``--metrics-file`` and ``--metrics-listen``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pcapdiag.cli.say import warn
from pcapdiag.cli.values import Listener

if TYPE_CHECKING:
    from pcapdiag.triage.metrics import Metrics
    from pcapdiag.triage.run import Triage


@contextmanager
def measuring(run: Triage, path: str | None, listener: Listener | None) -> Iterator[Metrics | None]:
    """Give the metrics of a run, None where nobody asked; scrapes are answered until its end.

    Raises UsageError without prometheus_client, OutputError where they cannot be offered.
    """
    if path is None and listener is None:
        yield None
        return
    from pcapdiag.triage.metrics import Metrics, need

    need()
    metrics = Metrics(run.ledger(), path)
    with ExitStack() as stack:
        if listener is not None:
            warn(f"metrics at {stack.enter_context(metrics.listening(*listener))}")
        metrics.update()
        yield metrics
