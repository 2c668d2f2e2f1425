"""A watched folder: each connection once, whatever the files, the kills and the disk do."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pcapdiag import pipeline
from pcapdiag.errors import OutputError
from pcapdiag.incident import carrying
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Report
from pcapdiag.triage import chain, rotation, stamp
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.local import Engine
from pcapdiag.triage.outcome import FileStamp
from pcapdiag.triage.rotation import Folder, set_of
from pcapdiag.triage.run import Triage
from pcapdiag.triage.watch import Keep, Watch
from tests.parts import later, records_of, split, write
from tests.triage.several import DOZEN, PCAPS, REFUSED, here, tree

pytestmark = pytest.mark.once

ALL = AnalyzeOptions(all_connections=True)
ROLLING = sorted((PCAPS / "endpoint.down-rolling-restart").glob("*.pcap"))[0]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were just written are trusted at once."""
    monkeypatch.setattr(stamp, "SETTLED_NS", 0)
    monkeypatch.setattr(rotation, "SETTLED_NS", 0)


def steps(replies: Iterator[Reply]) -> Reply | None:
    return next(replies, None)


def watch(
    out: Path, folder: Path, keep: Keep = "all", settle: float = 0, engine: Engine = here
) -> list[str]:
    """Look once and write; return the names of what was examined."""
    with Triage(str(out), ALL, engine, "jsonl") as run:
        watching = Watch(run, Folder(str(folder), settle), keep)
        names = [entry.name for entry in watching.look(steps)]
        watching.write(now=True)
    return [Path(name).name for name in names]


def rows(out: Path) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for path in out.glob("lines/*/*.jsonl"):
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if line["type"] == "connection":
                one = line["connection"]
                end = one["initiator"]
                found[one["start"], end["ip"], str(end["port"]), one["verdict"]["code"]] += 1
    return found


def expected(report: Report) -> Counter[tuple[str, ...]]:
    return Counter(
        (one.start, one.initiator.ip, str(one.initiator.port), one.verdict.code)
        for one in report.connections
        if isinstance(one, Connection)
    )


def totals(out: Path) -> tuple[int, int, int, int]:
    with Triage(str(out), ALL, here, "jsonl") as run:
        summary = run.summary()
    return summary.connections, summary.failed, summary.packets, summary.bytes


@pytest.mark.parametrize(
    ("source", "count"), [(ROLLING, 6), (REFUSED, 9), (DOZEN[1], 5)], ids=lambda one: str(one)[-30:]
)
def test_a_set_gives_what_one_file_gives(tmp_path: Path, source: Path, count: int) -> None:
    """Connections that cross files are judged by all of their packets, and once."""
    split(source, tmp_path / "ring", count)
    names = watch(tmp_path / "out", tmp_path / "ring")
    assert len(names) == count
    whole = pipeline.analyze([str(source)], ALL)
    assert rows(tmp_path / "out") == expected(whole)
    summary, capture = whole.summary, whole.capture
    wanted = summary.connections, summary.failed, capture.packets, capture.bytes
    assert totals(tmp_path / "out") == wanted


def test_a_connection_that_crosses_three_files_is_counted_once(tmp_path: Path) -> None:
    whole = pipeline.analyze([str(DOZEN[1])], ALL)
    longest = max(
        whole.connections, key=lambda one: sum((one.packets.initiator, one.packets.responder))
    )
    files = split(DOZEN[1], tmp_path / "ring", 6)
    times = [pipeline.analyze([str(path)], ALL).capture for path in files]
    crossed = [
        one for one in times
        if one.first_time and one.last_time
        and float(one.first_time) <= float(longest.end) and float(longest.start) <= float(one.last_time)
    ]  # fmt: skip
    assert len(crossed) >= 3
    watch(tmp_path / "out", tmp_path / "ring")
    key = longest.start, longest.initiator.ip, str(longest.initiator.port), longest.verdict.code
    assert rows(tmp_path / "out")[key] == 1


def test_files_that_come_one_by_one_give_the_same(tmp_path: Path) -> None:
    """Each was the last one for a while: what was open in it is judged again with what follows."""
    files = split(ROLLING, tmp_path / "all", 5)
    watch(tmp_path / "at once", tmp_path / "all")
    folder = tmp_path / "ring"
    folder.mkdir()
    for path in files:
        shutil.copyfile(path, folder / path.name)
        assert path.name in watch(tmp_path / "out", folder)
        assert watch(tmp_path / "out", folder) == []
    assert rows(tmp_path / "out") == rows(tmp_path / "at once")
    assert totals(tmp_path / "out") == totals(tmp_path / "at once")


def test_the_newest_is_taken_when_it_is_settled_and_whole(tmp_path: Path) -> None:
    first, second, third = split(REFUSED, tmp_path / "ring", 3)
    data = third.read_bytes()
    third.write_bytes(data[:-7])
    assert watch(tmp_path / "out", tmp_path / "ring", settle=60) == [first.name, second.name]
    broken = rotation.Segment(str(third), stamp.stamp_of(str(third)), first=1)
    os.utime(third, ns=(0, time.time_ns() - 2_000_000_000))
    assert not Folder(str(tmp_path / "ring"), 0.5).is_closed(broken, newer=False)
    third.write_bytes(data)
    assert watch(tmp_path / "out", tmp_path / "ring") == [third.name]
    assert totals(tmp_path / "out")[2] == pipeline.analyze([str(REFUSED)], ALL).capture.packets


def test_a_ring_that_writes_over_its_files_keeps_what_was_in_them(tmp_path: Path) -> None:
    files = split(ROLLING, tmp_path / "all", 4)
    folder = tmp_path / "ring"
    folder.mkdir()
    for number, path in enumerate(files):
        shutil.copyfile(path, folder / f"ring.pcap{number % 2}")
        watch(tmp_path / "out", folder)
    whole = pipeline.analyze([str(ROLLING)], ALL)
    assert rows(tmp_path / "out") == expected(whole)
    assert totals(tmp_path / "out")[2] == whole.capture.packets


def test_what_is_compressed_later_is_not_counted_again(tmp_path: Path) -> None:
    files = split(REFUSED, tmp_path / "ring", 3)
    watch(tmp_path / "out", tmp_path / "ring")
    before = totals(tmp_path / "out")
    for path in files[:2]:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert watch(tmp_path / "out", tmp_path / "ring") == []
    assert totals(tmp_path / "out") == before


def test_what_is_kept(tmp_path: Path) -> None:
    for keep, stays in (("all", 4), ("none", 1)):
        folder = tmp_path / keep
        split(ROLLING, folder, 4)
        watch(tmp_path / f"out-{keep}", folder, keep)  # type: ignore[arg-type]
        assert len(list(folder.iterdir())) == stays
    assert rows(tmp_path / "out-none") == rows(tmp_path / "out-all")
    folder = tmp_path / "failed"
    files = split(ROLLING, folder, 8)
    watch(tmp_path / "out-failed", folder, "failed")
    with Triage(str(tmp_path / "out-failed"), ALL, here, "jsonl") as run:
        failed = {Path(told.names[0]).name for told in run.told() if told.result().failed}
    left = {path.name for path in folder.iterdir()}
    assert failed <= left < {path.name for path in files}


def test_what_could_not_be_examined_is_never_deleted(tmp_path: Path) -> None:
    files = split(REFUSED, tmp_path / "ring", 4)
    files[1].write_bytes(files[1].read_bytes()[:-5])
    watch(tmp_path / "out", tmp_path / "ring", "none")
    assert sorted(path.name for path in (tmp_path / "ring").iterdir()) == [
        files[1].name,
        files[3].name,
    ]


def killed_at(point: int, out: Path, folder: Path) -> bool:
    """Watch in a child that ends at the n-th touch of a file in OUT; False when it came through."""
    child = os.fork()
    if not child:
        left = [point]

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            touches = event in {"open", "os.rename", "os.remove", "os.mkdir"}
            if touches and str(arguments[0]).startswith((str(out), str(folder))):
                left[0] -= 1
                if not left[0]:
                    os._exit(9)

        sys.addaudithook(hook)
        status = 1
        try:
            watch(out, folder, "none")
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return status != 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
def test_killed_again_and_again_it_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where files are deleted meanwhile."""
    # Who is killed leaves what was open, here as anywhere.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "ring"
    split(REFUSED, folder, 4)
    watch(tmp_path / "undisturbed", folder)
    point = 1
    while killed_at(point, tmp_path / "out", folder):
        point += 9
    assert point > 50
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ring"
    split(REFUSED, folder, 3)
    watch(tmp_path / "undisturbed", folder)
    replace = os.replace
    room = [False]

    def full(source: str, target: str) -> None:
        if not room[0] and "outcomes" in str(target):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with Triage(str(tmp_path / "out"), ALL, here, "jsonl") as run:
        watching = Watch(run, Folder(str(folder), 0), "none")
        for _ in range(3):
            with pytest.raises(OutputError, match="No space left"):
                list(watching.look(steps))
        assert len(list(folder.iterdir())) == 3
        room[0] = True
        assert len(list(watching.look(steps))) == 3
        watching.write(now=True)
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")


def test_what_is_carried_over_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of connections with more packets the newest are kept; they are still counted once."""
    monkeypatch.setattr(carrying, "MAX_OF_ONE", 300)
    monkeypatch.setattr(carrying, "MAX_BYTES", 2_000)
    split(DOZEN[1], tmp_path / "ring", 5)
    watch(tmp_path / "out", tmp_path / "ring")
    whole = pipeline.analyze([str(DOZEN[1])], ALL)
    assert totals(tmp_path / "out")[0] == whole.summary.connections
    assert totals(tmp_path / "out")[2] == whole.capture.packets
    for path in (tmp_path / "out" / ".pcapdiag" / "sets").iterdir():
        link = chain.read_link(str(path))
        assert link is not None
        assert len(link.before) < 6_000


def test_a_late_packet_of_a_connection_that_was_judged_is_no_new_one(tmp_path: Path) -> None:
    """Though it was judged in one file, and the packet is in another."""
    records = records_of(REFUSED)
    reset = records[3]
    parts = [records, [later(records[-1], 60)], [later(reset, 65)], [later(records[-1], 70)]]
    write(REFUSED, tmp_path / "ring", parts)
    watch(tmp_path / "out", tmp_path / "ring")
    whole = pipeline.analyze([str(REFUSED)], ALL).summary
    assert totals(tmp_path / "out")[:2] == (whole.connections, whole.failed)


def test_frames_count_from_what_was_carried_over(tmp_path: Path) -> None:
    files = split(DOZEN[1], tmp_path / "ring", 2)
    watch(tmp_path / "out", tmp_path / "ring")
    with Triage(str(tmp_path / "out"), ALL, here, "jsonl") as run:
        first, second = (told.result() for told in run.told())
    assert first.carried == 0
    assert 0 < second.carried <= first.packets == len(records_of(files[0]))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ring.pcap", "ring.pcap12", True),
        ("cap-20261128-101500.pcap", "cap-20261128-101600.pcap", True),
        ("cap-10-15-00.pcap.gz", "cap-10-16-00.pcap", True),
        ("eth0_00001_20261128101500.pcapng", "eth0_00002_20261128101600.pcapng", True),
        ("host1.pcap", "host2.pcap", False),
        ("client.pcap", "server.pcap", False),
    ],
)
def test_which_names_are_of_one_set(one: str, other: str, same: bool) -> None:
    assert (set_of(one) == set_of(other)) is same


def test_side_by_side(tmp_path: Path) -> None:
    """Sets are examined together, the files of one after the other."""
    asked: list[list[str]] = []

    def noting(tasks: Iterable[object], claim: object) -> Iterator[Reply]:
        jobs = list(tasks)
        asked.append(sorted(Path(job.capture.name).name for job in jobs))  # type: ignore[attr-defined]
        return here(jobs, claim)  # type: ignore[arg-type]

    split(REFUSED, tmp_path / "ring", 2, "a.pcap")
    split(ROLLING, tmp_path / "ring", 2, "b.pcap")
    watch(tmp_path / "out", tmp_path / "ring", engine=noting)
    assert asked == [["a.pcap", "b.pcap"], ["a.pcap1", "b.pcap1"]]


def test_a_file_alone_is_closed_when_settled_and_whole_or_never_whole_for_long(
    tmp_path: Path,
) -> None:
    (path,) = split(REFUSED, tmp_path / "ring", 1)
    settle = 3.0
    folder = Folder(str(tmp_path / "ring"), settle)

    def closed(seconds: float, first: int = 1) -> bool:
        written = time.time_ns() - int(seconds * 1e9)
        age = FileStamp(1, written, written, 1)
        return folder.is_closed(rotation.Segment(str(path), age, first), newer=False)

    assert closed(10)
    assert not closed(2.5), "not settled"
    assert not closed(10, first=0), "without a packet there is nothing to take"
    path.write_bytes(path.read_bytes()[:-7])
    assert not closed(10), "it may be written still"
    assert closed(settle * rotation.GIVE_UP + 1), "it never will be whole"
