"""The annotated capture: comments made from the report, the rest copied from the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pcapdiag.capture.writing.copy import Original, copy_captures
from pcapdiag.capture.writing.section import Comments, Copied, Write
from pcapdiag.model.report import Report
from pcapdiag.report.annotate.frames import comment_frames
from pcapdiag.report.annotate.section import section_text
from pcapdiag.report.annotate.table import PREFIX
from pcapdiag.report.clock import TimeMode


def annotate_capture(
    report: Report,
    write: Write,
    *,
    filtered: bool = False,
    drop_secrets: bool = False,
    time_mode: TimeMode = "utc",
    said: Sequence[str] = (),
    tell: Callable[[int], None] = lambda _: None,
) -> Copied:
    """Write the captures of a report, read a second time, as one pcapng file with comments.

    The report is of one capture point. ``filtered`` says that only chosen connections are in it;
    ``said`` are more comments on the section; ``tell`` is called with the bytes read since it was
    called last. Raises CaptureError where a file is no longer what it was.
    """
    texts = comment_frames(report)
    summary = section_text(report, texts, filtered=filtered, time_mode=time_mode)
    files = [Original(file.path, file.packets) for file in report.capture.files]
    comments = Comments(texts.by_frame, [*said, summary], PREFIX)
    return copy_captures(files, write, comments, drop_secrets=drop_secrets, tell=tell)
