"""What is known of a content is not found out again, and counts once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pcapdiag.errors import OutputError, UsageError
from pcapdiag.model.options import AnalyzeOptions, EndPattern
from pcapdiag.triage import stamp, store
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.examine import examine
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.run import Triage
from pcapdiag.triage.task import Claim, Task
from tests.triage import several
from tests.triage.several import DOZEN, REFUSED, backwards, copies, here, run, tree

pytestmark = pytest.mark.once


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The captures whose analysis was begun."""
    names: list[str] = []

    def noting(task: Task, claim: Claim) -> Outcome | None:
        def asked(identities: list[FileIdentity]) -> bool:
            answer = claim(identities)
            if answer:
                names.append(Path(task.capture.name).name)
            return answer

        return examine(task, asked)

    monkeypatch.setattr(several, "examine", noting)
    return names


def rows(out: Path) -> list[dict[str, object]]:
    """What became of each content."""
    lines = [
        json.loads(line)
        for path in sorted((out / "lines").rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [line["outcome"] for line in lines if line["type"] == "outcome"]


def test_the_same_content_counts_once_and_both_paths_are_told(
    tmp_path: Path, examined: list[str]
) -> None:
    paths = copies(tmp_path, b=REFUSED, a=REFUSED, c=DOZEN[1])
    run(tmp_path / "out", paths)
    assert len(examined) == 2
    twice, once = sorted(rows(tmp_path / "out"), key=lambda row: str(row["names"]))
    assert twice["names"] == [str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap")]
    assert once["names"] == [str(tmp_path / "c.pcap")]


def test_the_order_of_work_leaves_no_trace(tmp_path: Path) -> None:
    paths = copies(tmp_path, b=REFUSED, a=REFUSED, c=DOZEN[1], d=DOZEN[2])
    run(tmp_path / "one", paths)
    run(tmp_path / "other", paths[::-1], engine=backwards)
    run(tmp_path / "steps", paths[:2])
    run(tmp_path / "steps", paths[2:])
    assert tree(tmp_path / "one") == tree(tmp_path / "other") == tree(tmp_path / "steps")


def test_a_known_file_is_not_even_read(
    tmp_path: Path, examined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp, "SETTLED_NS", -(10**12))
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    before = tree(tmp_path / "out")

    def no_engine(tasks: Iterable[Task], _claim: Claim) -> Iterator[Reply]:
        assert not list(tasks)
        return iter(())

    assert run(tmp_path / "out", [path], engine=no_engine) == [str(path)]
    assert (tree(tmp_path / "out"), len(examined)) == (before, 1)


def test_a_file_that_may_still_change_is_read_again(tmp_path: Path) -> None:
    """A second write within the same tick of a clock leaves size and times as they were."""
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    (line,) = (tmp_path / "out/.pcapdiag/manifest.jsonl").read_text().splitlines()
    assert "stamps" not in json.loads(line)


def test_a_file_with_another_content_replaces_what_it_was(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    copies(tmp_path, a=DOZEN[1])
    run(tmp_path / "out", [path])
    run(tmp_path / "fresh", [path])
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    assert len(list((tmp_path / "out/.pcapdiag/outcomes").rglob("*.*"))) == 1


def test_a_file_that_moved_is_known_by_its_content(tmp_path: Path, examined: list[str]) -> None:
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    moved = path.rename(tmp_path / "z.pcap")
    run(tmp_path / "out", [moved])
    assert examined == ["a.pcap"]
    assert rows(tmp_path / "out")[0]["names"] == [str(path), str(moved)]


def test_other_options_are_another_question(tmp_path: Path, examined: list[str]) -> None:
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    options = AnalyzeOptions(proxies=(EndPattern.parse("192.0.2.1"),))
    with Triage(str(tmp_path / "out"), options, here, "jsonl") as triage:
        assert triage.outdated([Capture.of(str(path))]) == {"other options": 1}
        list(triage.take([Capture.of(str(path))]))
        assert not triage.outdated([Capture.of(str(path))])
    assert examined == ["a.pcap", "a.pcap"]


def test_another_version_may_know_better(
    tmp_path: Path, examined: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = copies(tmp_path, a=REFUSED)
    run(tmp_path / "out", [path])
    monkeypatch.setattr(store, "__version__", "999")
    run(tmp_path / "out", [path])
    assert examined == ["a.pcap", "a.pcap"]


def test_an_error_is_a_row_and_is_tried_again_where_it_may_go_away(
    tmp_path: Path, examined: list[str]
) -> None:
    text, missing = tmp_path / "notes.txt", tmp_path / "missing.pcap"
    text.write_text("no capture")
    run(tmp_path / "out", [text, missing])
    found = {str(row["names"]): (row["status"], row["reason"]) for row in rows(tmp_path / "out")}
    assert found == {
        f"['{text}']": (
            "error",
            "this is text, not a capture: tcpdump's printed lines are no capture: "
            "record with tcpdump -w FILE",
        ),
        f"['{missing}']": ("error", "no such file"),
    }
    copies(tmp_path, missing=REFUSED)
    run(tmp_path / "out", [text, missing])
    assert examined == ["notes.txt", "missing.pcap"]
    assert {str(row["status"]) for row in rows(tmp_path / "out")} == {"examined", "error"}


def test_several_files_are_one_capture_where_that_is_said(tmp_path: Path) -> None:
    first, second = copies(tmp_path, ring_a=REFUSED, ring_b=DOZEN[1])
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        list(triage.take([Capture.of(str(first), str(second))]))
        triage.write()
    (row,) = rows(tmp_path / "out")
    assert row["names"] == [str(first)]
    (path,) = (tmp_path / "out/lines").rglob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["capture"]["files"] == [str(first), str(second)]
    files = {line["connection"]["file"] for line in lines if line["type"] == "connection"}
    assert files == {str(first), str(second)}


def test_one_unreadable_file_of_several_is_told(tmp_path: Path) -> None:
    (first,) = copies(tmp_path, ring_a=REFUSED)
    (tmp_path / "ring-b").write_text("no capture")
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        list(triage.take([Capture.of(str(first), str(tmp_path / "ring-b"))]))
        (told,) = triage.told()
        lines = [json.loads(line) for line in told.lines()]
    assert (told.outcome.status, told.outcome.tally.complete) == ("examined", False)
    (error,) = [line["error"] for line in lines if line["type"] == "error"]
    assert error["file"] == str(tmp_path / "ring-b")
    assert lines[-1]["capture"]["files"][0]["path"] == str(first)


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds other files"):
        run(tmp_path, [REFUSED])
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_fresh_volume_is_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / ".keep").touch()
    run(tmp_path, [REFUSED])
    assert rows(tmp_path)


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl"),
        pytest.raises(OutputError, match="in use by another run"),
    ):
        run(tmp_path / "out", [REFUSED])
    run(tmp_path / "out", [REFUSED])
