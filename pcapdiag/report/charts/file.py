"""A picture as the bytes of a file. matplotlib is imported only when one is drawn."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pcapdiag.model.report import Connection, Report
from pcapdiag.report.charts.look import Form, Look


def draw_connection(
    report: Report, connection: Connection, look: Look, form: Form, dpi: int
) -> bytes:
    """Return the picture of one connection of a report; the same bytes for the same report.

    ``dpi`` is the pixels per inch of a PNG.
    """
    with _quiet():
        from pcapdiag.report.charts.canvas import drawing, encode
        from pcapdiag.report.charts.picture import connection_picture

        with drawing():
            return encode(connection_picture(report, connection, look), form, dpi)


def draw_capture(report: Report, look: Look, form: Form, dpi: int) -> bytes:
    """Return the picture of everything in a report; the same bytes for the same report."""
    with _quiet():
        from pcapdiag.report.charts.canvas import drawing, encode
        from pcapdiag.report.charts.picture import capture_picture

        with drawing():
            return encode(capture_picture(report, look), form, dpi)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what matplotlib logs from standard error: where its caches are is nobody's concern."""
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
