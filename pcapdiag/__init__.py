"""pcapdiag: read a packet capture, say which connections failed, why, and who did it.

For example::

    report = pcapdiag.analyze("capture.pcap")
    for connection in report.connections:
        print(connection.stream, connection.verdict.code, connection.verdict.attribution.party)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcapdiag.model.options import AnalyzeOptions
    from pcapdiag.model.report import Report

__version__ = "0.1.0"

__all__ = ["__version__", "analyze"]


def analyze(
    *paths: str | os.PathLike[str], options: AnalyzeOptions | None = None
) -> Report:
    """Read captures as one and return the report; its objects are what the JSON shows.

    Raises pcapdiag.errors.PcapdiagError when nothing can be read, or the options are wrong.
    """
    # Imported here, so that `import pcapdiag` and `pcapdiag --help` stay quick.
    from pcapdiag import pipeline
    from pcapdiag.model.options import AnalyzeOptions

    return pipeline.analyze(paths, options or AnalyzeOptions())
