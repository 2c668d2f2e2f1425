"""What is taken for a capture, and what is left alone."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import fsspec
import lz4.frame
import pytest
import zstandard

from pcapdiag.errors import UsageError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage import object_stores
from pcapdiag.triage.capture import CaptureFile
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.local import LocalEngine
from pcapdiag.triage.run import Triage
from pcapdiag.triage.sources import Sources
from pcapdiag.triage.task import Task, always
from tests.triage.several import DOZEN, REFUSED, here, run

pytestmark = pytest.mark.once

DATA = REFUSED.read_bytes()


def found(*sources: Path | str, out: Path | str = "out") -> list[str]:
    """The names of what is found, below the first source."""
    captures = Sources(str(out)).find([str(source) for source in sources])
    names = [capture.name for capture in captures]
    assert names == sorted(names)
    return [name.removeprefix(str(sources[0])).lstrip("/") for name in names]


def test_a_directory_is_searched_by_content(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "no-suffix").write_bytes(DATA)
    (tmp_path / "one.gz").write_bytes(gzip.compress(DATA))
    (tmp_path / "two.txt").write_bytes(zstandard.compress(DATA))
    (tmp_path / "three").write_bytes(lz4.frame.compress(DATA))
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"GET / HTTP/1.1\n" * 1000))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b" + bytes(40))
    (tmp_path / "false.pcap").write_text("no capture")
    (tmp_path / "empty.pcap").touch()
    assert found(tmp_path) == ["deep/er/no-suffix", "one.gz", "three", "two.txt"]


def test_what_is_named_is_taken_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "false.pcap").write_text("no capture")
    assert found(tmp_path / "false.pcap", tmp_path / "missing") == [
        "",
        str(tmp_path / "missing").lstrip("/"),
    ]


def test_a_place_counts_once_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pcap").write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    captures = Sources("out").find([".", "a.pcap", str(tmp_path / "a.pcap"), "./*.pcap"])
    assert [capture.name for capture in captures] == [str(tmp_path / "a.pcap")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links and pipes of Unix")
def test_loops_pipes_and_broken_links_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(DATA)
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "self").symlink_to("self")
    (tmp_path / "in" / "nowhere").symlink_to("missing")
    (tmp_path / "in" / "linked.pcap").symlink_to("a.pcap")
    os.mkfifo(tmp_path / "in" / "pipe")
    assert found(tmp_path) == ["in/a.pcap", "in/linked.pcap"]


def test_what_cannot_be_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.pcap").write_bytes(DATA)
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    sources = Sources("out")
    assert len(sources.find([str(tmp_path)])) == 1
    assert sources.unreadable == [f"{tmp_path / 'closed'}: Permission denied"]


def test_what_a_run_writes_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(DATA)
    out = tmp_path / "results" / "out"
    out.mkdir(parents=True)
    (out / "evil.pcap").write_bytes(DATA)
    assert found(tmp_path, out=out) == ["a.pcap"]


def test_patterns_are_expanded_to_any_depth(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "a.pcap").write_bytes(DATA)
    (tmp_path / "x" / "b.pcap").write_bytes(DATA)
    captures = Sources("out").find([str(tmp_path / "**" / "*.pcap")])
    assert len(captures) == 2
    with pytest.raises(UsageError, match="matches no file"):
        Sources("out").find([str(tmp_path / "*.nothing")])


def test_a_name_is_harmless_and_stays_one_of_its_own(tmp_path: Path) -> None:
    names = [b"new\nline.pcap", b"esc\x1b[31m.pcap", b"latin-\xe9.pcap", "bidi\u202e.pcap".encode()]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(DATA)
    captures = Sources("out").find([str(tmp_path)])
    assert len({capture.name for capture in captures}) == 4
    for capture in captures:
        assert capture.name.isprintable()
        assert capture.name.encode()
    run(tmp_path / "out", [Path(capture.files[0].place) for capture in captures])
    lines = b"".join(path.read_bytes() for path in (tmp_path / "out/lines").rglob("*.jsonl"))
    assert lines.isascii()
    assert rb"new\\x0aline.pcap" in lines


def test_two_addresses_that_differ_in_a_secret_stay_two() -> None:
    files = [CaptureFile.at(f"https://files.example/get?id={n}&sig=a0b1c2d3{n}") for n in (1, 2)]
    assert files[0].name == files[1].name == "https://files.example/get?id=***&sig=***"


@pytest.fixture
def bucket() -> str:
    system = fsspec.filesystem("memory")
    system.pipe("/bucket/day/a.pcap", DATA)
    system.pipe("/bucket/day/deep/b.pcap.gz", gzip.compress(DOZEN[1].read_bytes()))
    system.pipe("/bucket/day/notes.txt", b"no capture")
    return "memory://bucket"


def test_objects_of_a_store_are_captures(bucket: str) -> None:
    assert found(f"{bucket}/day") == [
        "memory:///bucket/day/a.pcap",
        "memory:///bucket/day/deep/b.pcap.gz",
    ]
    assert found(f"{bucket}/day/*.pcap") == ["memory:///bucket/day/a.pcap"]
    with pytest.raises(UsageError, match="cannot list memory://bucket/none"):
        Sources("out").find([f"{bucket}/none"])


def test_an_object_is_examined_like_a_file(bucket: str, tmp_path: Path) -> None:
    captures = Sources("out").find([f"{bucket}/day"])
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        list(triage.take(captures))
        told = list(triage.told())
    assert [one.outcome.status for one in told] == ["examined", "examined"]
    assert b"/tmp" not in b"".join(line for one in told for line in one.lines())


def test_an_object_that_is_gone_is_a_row(bucket: str) -> None:
    """It fails before a worker is needed, so none is started."""
    (capture,) = Sources("out").find([f"{bucket}/day/*.pcap"])
    fsspec.filesystem("memory").rm("/bucket/day/a.pcap")
    with LocalEngine(1, Limits()) as engine:
        (reply,) = engine([Task(capture, AnalyzeOptions(), "asked")], always)
    assert reply.capture == capture
    assert reply.outcome is not None
    assert (reply.outcome.status, reply.outcome.transient) == ("error", True)
    assert reply.outcome.reason.startswith("cannot be fetched: FileNotFoundError")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"pcapdiag\[cloud\]"):
        list(object_stores.find("az://container/x"))
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(UsageError, match=r"needs fsspec: pip install 'pcapdiag\[cloud\]'"):
        list(object_stores.find("s3://bucket/x"))
