"""What waits for the end of the capture comes back as it was, whether kept or written."""

from __future__ import annotations

import errno
import io
import os
import threading
from pathlib import Path

import msgspec
import pytest

import pcapdiag
from pcapdiag.diagnose.judge import judge_first
from pcapdiag.errors import OutputError
from pcapdiag.incident.archive import Archive, Archived
from pcapdiag.incident.store import IN_MEMORY, KEPT_AS_THEY_ARE, Spill
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.pipeline import follow
from tests.captures import FIXTURES
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play

pytestmark = pytest.mark.once

MANY = KEPT_AS_THEY_ARE + 3


def test_stories_come_back_in_order_and_unchanged() -> None:
    archive = Archive()
    stories = [play(*HANDSHAKE, C("PSH,ACK", GET), S("RST,ACK")) for _ in range(MANY)]
    for number, story in enumerate(stories):
        story.stream = number
        earlier = judge_first(story, around(story))[1]
        assert archive.keep(Archived(story, number, earlier), failed=True)
    found = list(archive.stories())
    assert [one.watched_until for one in found] == list(range(MANY))
    for one, kept in zip(found, stories, strict=True):
        assert msgspec.to_builtins(one.story) == msgspec.to_builtins(kept)
        assert one.earlier == found[0].earlier
        assert one.earlier is not None
        assert one.earlier.found is not None
        assert one.earlier.found.reset == kept.resets[0]
    assert [archive.read(stream).story.stream for stream in (0, MANY - 1)] == [0, MANY - 1]


class Full(io.BytesIO):
    """A file on a disk without room."""

    def write(self, _data: object, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_without_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", Full)
    spill = Spill()
    spill.add(bytes(IN_MEMORY))
    with pytest.raises(OutputError, match="temporary data: No space left on device: set TMPDIR"):
        spill.add(b"1")


def test_what_was_told_while_following_stays_as_it_was_told(tmp_path: Path) -> None:
    data = (FIXTURES / "pcaps" / "healthy-haproxy-reuse-never" / "proxy.pcap").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(data))
    writer.start()
    options = AnalyzeOptions(follow=True, all_connections=True)
    told = [(line, msgspec.json.encode(line)) for line in follow([str(pipe)], options)]
    writer.join()
    assert len(told) > 1
    assert [msgspec.json.encode(line) for line, _ in told] == [as_told for _, as_told in told]


def test_a_report_becomes_dictionaries_as_the_page_on_python_says() -> None:
    report = pcapdiag.analyze(FIXTURES / "pcaps/http.local_reply-envoy-refused/proxy.pcap")
    plain = msgspec.to_builtins(report, enc_hook=list)
    assert [one["verdict"]["code"] for one in plain["connections"]] == [
        "http.local_reply",
        "tcp.connection_refused",
    ]
