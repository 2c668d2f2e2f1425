"""``--engine`` and ``--scheduler``: who examines the captures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import click

from pcapdiag.errors import UsageError

if TYPE_CHECKING:
    from pcapdiag.triage.dask import DaskEngine
    from pcapdiag.triage.limits import Limits
    from pcapdiag.triage.local import LocalEngine

_P = ParamSpec("_P")
_R = TypeVar("_R")
EngineKind = Literal["local", "dask"]


def engine_options(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Give a command the two options."""
    command = click.option(
        "--scheduler",
        metavar="URL",
        help="Dask's scheduler, as tcp://scheduler:8786.",
    )(command)
    return click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        default="local",
        show_default=True,
        help="This machine, or the Dask cluster of --scheduler.",
    )(command)


def open_engine(
    kind: EngineKind,
    scheduler: str | None,
    jobs: int | None,
    limits: Limits,
    retry: int,
    captures: int | None,
) -> LocalEngine | DaskEngine:
    """Return the engine that was asked for; raises UsageError, ClusterError.

    ``captures`` says how many there are, where that is known.
    """
    if kind == "local":
        if scheduler is not None:
            raise UsageError("--scheduler is for --engine dask")
        from pcapdiag.capture.source import processors
        from pcapdiag.triage.local import LocalEngine

        workers = jobs or processors()
        return LocalEngine(min(workers, captures or workers), limits, retry)
    if scheduler is None or "://" not in scheduler:
        raise UsageError("--engine dask needs a scheduler", "--scheduler tcp://HOST:8786")
    if jobs is not None:
        raise UsageError("--jobs is for this machine", "a cluster has as many as its threads")
    from pcapdiag.triage.dask import DaskEngine

    return DaskEngine(scheduler, limits, retry)
