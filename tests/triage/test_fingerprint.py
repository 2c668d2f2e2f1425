"""What a question is known by: the content of the files that it names, wherever they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcapdiag.errors import UsageError
from pcapdiag.model.logs import LogSource
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.dask import _absolute
from pcapdiag.triage.dask_worker import _same_files
from pcapdiag.triage.fingerprint import fingerprint
from pcapdiag.triage.task import Task

pytestmark = pytest.mark.once

NAMED = ("names", "keys", "state.json", "a.log", "nginx.conf")


def asked(folder: str, form: str = "") -> AnalyzeOptions:
    own = LogSource(product="nginx", path=f"{folder}a.log*", form=form or f"{folder}nginx.conf")
    return AnalyzeOptions(
        names=f"{folder}names",
        keylog=f"{folder}keys",
        snapshots=(f"{folder}state.json",),
        logs=(own,),
    )


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("one", "other"):
        Path(folder).mkdir()
        for name in NAMED:
            Path(folder, name).write_text(name)
    return tmp_path


def test_where_files_lie_does_not_matter() -> None:
    assert fingerprint(asked("one/")) == fingerprint(asked("other/"))


@pytest.mark.parametrize("name", NAMED)
def test_what_is_in_each_of_them_does(name: str) -> None:
    before = fingerprint(asked("one/"))
    Path("one", name).write_text("more")
    assert fingerprint(asked("one/")) != before


def test_a_further_file_of_a_log_is_another_question() -> None:
    before = fingerprint(asked("one/"))
    Path("one", "a.log.1").write_text("older")
    assert fingerprint(asked("one/")) != before


def test_a_format_that_is_a_string_is_no_file() -> None:
    assert fingerprint(asked("one/", "$status")) != fingerprint(asked("one/", "$status $host"))


def test_a_file_that_is_missing_is_named() -> None:
    Path("one", "state.json").unlink()
    with pytest.raises(UsageError, match=r"cannot read one/state\.json: No such file"):
        fingerprint(asked("one/"))


def test_a_cluster_gets_paths_that_mean_the_same_there(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = asked("one/")
    task = Task(Capture.of("one/a.pcap"), options, fingerprint(options))
    sent = _absolute(task)
    monkeypatch.chdir(folders / "other")
    _same_files(sent)
    assert sent.options == asked(f"{folders / 'one'}{os.sep}")
    (folders / "one" / "a.log").write_text("another one on this machine")
    with pytest.raises(UsageError, match="another file on a worker"):
        _same_files(sent)
    assert (
        _absolute(Task(task.capture, asked("one/", "$status"), "")).options.logs[0].form
        == "$status"
    )
