"""Captures in object stores and behind URLs; the only module that knows fsspec."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

from pcapdiag.capture.looks import looks_like_capture
from pcapdiag.errors import FileAccessError, UsageError
from pcapdiag.triage.capture import Capture, CaptureFile, is_url, public_name
from pcapdiag.triage.outcome import FileStamp

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

EXTRA = "pip install 'pcapdiag[cloud]'"
LOOK_BLOCK = 64 * 1024
"""Bytes asked for at once to see whether an object is a capture."""
VERSIONS = ("ETag", "etag", "e_tag", "md5Hash", "generation", "content_md5", "contentMd5")
"""What stores call the text that changes with an object's content."""


def find(url: str) -> Iterator[CaptureFile]:
    """Yield the captures that a URL means: an object, a pattern's, or those under a folder's.

    Raises UsageError for what is not there, or where a package is missing.
    """
    system, path = _opened(url)
    # In a web address "?" begins the query, and to ask for a folder is to read the whole page.
    try:
        web = url.startswith(("http://", "https://"))
        if any(sign in path for sign in ("*" if web else "*?[")):
            infos = system.glob(path, detail=True).values()
            for info in sorted(infos, key=lambda one: str(one["name"])):
                if info["type"] != "directory":
                    yield _file(system, info)
        elif path.endswith("/") if web else system.isdir(path):
            found = system.find(path, detail=True)
            for name in sorted(found):
                if _is_capture(system, name):
                    yield _file(system, found[name])
        else:
            yield CaptureFile.at(url, _stamp(system.info(path)))
    except Exception as error:
        # Each store has errors of its own.
        raise UsageError(f"cannot list {public_name(url)}: {_said(error)}") from error


@contextmanager
def fetched(url: str) -> Iterator[str]:
    """Give the path of a copy, which is gone afterwards; raises FileAccessError, UsageError."""
    name = public_name(url)
    system, there = _opened(url)
    descriptor, path = tempfile.mkstemp(prefix="pcapdiag-")
    os.close(descriptor)
    try:
        try:
            # One request, so one version of the object, and no block of it kept in memory.
            system.get_file(there, path)
        except Exception as error:
            # Each store has errors of its own.
            raise FileAccessError(name, f"cannot be fetched: {_said(error)}") from error
        yield path
    finally:
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def nearby(capture: Capture) -> Iterator[Capture]:
    """Give a capture whose files are all on this machine; raises FileAccessError, UsageError."""
    with ExitStack() as stack:
        files = [
            replace(file, place=stack.enter_context(fetched(file.place)))
            if is_url(file.place)
            else file
            for file in capture.files
        ]
        yield Capture(tuple(files))


def _opened(url: str) -> tuple[AbstractFileSystem, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UsageError(f"{public_name(url)} needs fsspec", EXTRA) from error
    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise UsageError(f"{public_name(url)} needs another package ({error})", EXTRA) from error
    except ValueError as error:
        raise UsageError(f"cannot open {public_name(url)}: {_said(error)}") from error
    return system, path


def _file(system: AbstractFileSystem, info: dict[str, object]) -> CaptureFile:
    return CaptureFile.at(str(system.unstrip_protocol(info["name"])), _stamp(info))


def _stamp(info: dict[str, object]) -> FileStamp | None:
    """Return an object's stamp; None where the store does not say when content changes."""
    size = info.get("size")
    version = next((str(info[name]) for name in VERSIONS if info.get(name)), None)
    if not isinstance(size, int) or version is None:
        return None
    return FileStamp(size, version=version)


def _is_capture(system: AbstractFileSystem, name: str) -> bool:
    with system.open(name, "rb", block_size=LOOK_BLOCK) as file:
        return looks_like_capture(cast(BinaryIO, file))


def _said(error: Exception) -> str:
    return public_name(f"{type(error).__name__}: {error}")
