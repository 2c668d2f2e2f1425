"""What click hands to commands: types only, which nothing needs while the program runs."""

from __future__ import annotations

from typing import TypedDict

from pcapdiag.model.logs import LogSource
from pcapdiag.model.options import EndPattern, TimeBound


class CaptureArguments(TypedDict):
    """What click hands to a command that took :func:`capture_options`."""

    hosts: tuple[EndPattern, ...]
    ports: tuple[int, ...]
    nets: tuple[EndPattern, ...]
    streams: tuple[int, ...]
    time_from: TimeBound | None
    time_to: TimeBound | None
    proxies: tuple[EndPattern, ...]
    clients: tuple[EndPattern, ...]
    upstreams: tuple[EndPattern, ...]
    names: str | None
    keylog: str | None
    snapshots: tuple[str, ...]
    logs: tuple[LogSource, ...]
