"""Where a result goes: standard output, or a file that is whole or not there at all."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, TextIO, TypeVar

from pcapdiag.errors import OutputError as OutputError
from pcapdiag.errors import PcapdiagError, UsageError

if TYPE_CHECKING:
    from pcapdiag.report.layout import Page

Stream = TypeVar("Stream", TextIO, BinaryIO)

MAX_WIDTH = 120
"""Columns that are used of a wider terminal."""


class ClosedPipeError(PcapdiagError):
    """Whoever read our standard output has stopped: there is nothing left to do, and no fault."""


class Writer:
    """Writes text to a stream; a fault is an :class:`OutputError` that names the target."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def write(self, text: str) -> None:
        """Write text as it is."""
        try:
            self._stream.write(text)
        except OSError as error:
            raise _fault(self._name, error) from error

    def line(self, text: str) -> None:
        """Write one line."""
        self.write(text + "\n")

    def flush(self) -> None:
        """Hand everything on now."""
        with _told(self._name):
            self._stream.flush()


@contextmanager
def open_output(path: str | None) -> Iterator[Writer]:
    """Give a writer for standard output (None or ``-``) or for a file.

    A file is written aside and renamed when all went well, so it is never half-written; a device
    or a pipe is written directly.
    """
    if path is None or path == "-":
        writer = Writer(_standard_output(), "standard output")
        yield writer
        writer.flush()
    elif os.path.exists(path) and not os.path.isfile(path):
        with _told(path), open(path, "w", encoding="utf-8", errors="backslashreplace") as device:
            yield Writer(device, path)
    else:
        with _aside(os.path.realpath(path), _new_text) as stream:
            yield Writer(stream, path)


@contextmanager
def open_binary_output(path: str) -> Iterator[Callable[[bytes | memoryview], None]]:
    """Give a function that writes bytes to a file, as :func:`open_output` writes text.

    ``-`` is standard output; UsageError where that is a terminal.
    """
    if path == "-":
        if sys.stdout is None or _is_terminal(sys.stdout):
            raise UsageError("standard output is a terminal", "name a file, or pipe it on")
        yield from _writing(sys.stdout.buffer, "standard output")
    elif os.path.exists(path) and not os.path.isfile(path):
        with _told(path):
            device = open(path, "wb")  # noqa: SIM115 - only opening it is told here
        with device:
            yield from _writing(device, path)
    else:
        with _aside(os.path.realpath(path), _new_bytes) as stream:
            yield from _writing(stream, path)


def _writing(stream: BinaryIO, name: str) -> Iterator[Callable[[bytes | memoryview], None]]:
    def write(data: bytes | memoryview) -> None:
        with _told(name):
            stream.write(data)

    yield write
    with _told(name):
        stream.flush()


def _new_text(path: str) -> TextIO:
    return open(path, "x", encoding="utf-8", errors="backslashreplace")


def _new_bytes(path: str) -> BinaryIO:
    return open(path, "xb")


@contextmanager
def _aside(path: str, create: Callable[[str], Stream]) -> Iterator[Stream]:
    """Give a stream to a new file beside ``path`` that takes its place at the end."""
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.{os.getpid()}.part")
    with _told(path):
        stream = create(draft)
    try:
        yield stream
        with _told(path):
            stream.close()
            if os.path.exists(path):
                import shutil  # Only here: most output goes elsewhere.

                shutil.copymode(path, draft)
            os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            stream.close()
        with suppress(OSError):
            os.unlink(draft)
        raise


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _fault(name, error) from error


def _fault(name: str, error: OSError) -> PcapdiagError:
    if isinstance(error, BrokenPipeError) or error.errno == errno.EPIPE:
        return ClosedPipeError("the output was closed")
    return OutputError(f"cannot write {name}: {error.strerror or error}")


def _standard_output() -> TextIO:
    """Return standard output in UTF-8, as JSON has to be and names may be."""
    stream: TextIO | None = sys.stdout
    if stream is None:
        raise OutputError("cannot write standard output: it is closed")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream


def drop_standard_output() -> None:
    """Let the interpreter's last flush go nowhere, so that a closed pipe ends quietly."""
    stream: TextIO | None = sys.stdout
    if stream is None:
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def page_for(path: str | None, width: int | None, no_color: bool) -> Page:
    """Return the width and colour that suit the target: plain where it is not a terminal."""
    from pcapdiag.report.layout import Page  # Only here: --help needs no page.

    terminal = path is None and _is_terminal(sys.stdout)
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Page(_own_width() if width is None else width, terminal and not plain)


def _own_width() -> int:
    from pcapdiag.report.layout import DEFAULT_WIDTH

    if not (_is_terminal(sys.stdout) or os.environ.get("COLUMNS")):
        return DEFAULT_WIDTH
    import shutil  # Only here: it takes 2 ms, and pipes and files have no width.

    return min(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns, MAX_WIDTH)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False
