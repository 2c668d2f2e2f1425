"""pcapdiag: read a packet capture, say which connections failed, why, and who did it.

For example::

    report = pcapdiag.analyze("capture.pcap")
    for connection in report.connections:
        print(connection.stream, connection.verdict.code, connection.verdict.attribution.party)

``correlate`` takes captures of several points.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapdiag.errors import PcapdiagError
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report

# The function below and a package of ours have one name. The first import of a package sets it in
# here: after this one, which costs nothing, the name stays the function's.
import_module("pcapdiag.correlate")

Path = str | os.PathLike[str]

__version__ = "0.1.0"

__all__ = ["AnalyzeOptions", "PcapdiagError", "Report", "__version__", "analyze", "correlate"]

_LATER = {
    "AnalyzeOptions": "pcapdiag.model.options",
    "PcapdiagError": "pcapdiag.errors",
    "Report": "pcapdiag.model.report",
}
"""Classes by the module that is imported when they are first asked for."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


def analyze(*paths: Path, options: AnalyzeOptions | None = None) -> Report:
    """Read captures as one and return the report; its objects are what the JSON shows.

    Raises pcapdiag.errors.PcapdiagError when nothing can be read, or the options are wrong.
    """
    # Imported here, so that `import pcapdiag` and `pcapdiag --help` stay quick.
    from pcapdiag import pipeline
    from pcapdiag.model.options import AnalyzeOptions

    return pipeline.analyze(paths, options or AnalyzeOptions())


def correlate(
    points: Mapping[str, Path | Iterable[Path]], options: AnalyzeOptions | None = None
) -> Report:
    """Read captures of one incident from several points and return one report.

    For example ``correlate({"proxy": "proxy.pcap", "upstream": ["up-1.pcap", "up-2.pcap"]})``: the
    files of each point by its label, the point whose clock counts first. Raises as :func:`analyze`.
    """
    from pcapdiag import pipeline
    from pcapdiag.model.options import AnalyzeOptions, CapturePoint

    named = [CapturePoint(label, _paths(files)) for label, files in points.items()]
    return pipeline.correlate(named, options or AnalyzeOptions())


def _paths(files: Path | Iterable[Path]) -> tuple[str, ...]:
    if isinstance(files, (str, os.PathLike)):
        return (os.fspath(files),)
    return tuple(os.fspath(path) for path in files)
