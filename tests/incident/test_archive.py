"""What waits for the end of the capture comes back as it was, whether kept or written."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.diagnose.judge import judge_first
from pcapdiag.incident.archive import KEPT_AS_THEY_ARE, Archive, Archived
from tests.diagnose.playbook import C, S, around, play

pytestmark = pytest.mark.once

MANY = KEPT_AS_THEY_ARE + 3


def test_stories_come_back_in_order_and_unchanged() -> None:
    archive = Archive()
    stories = [play(C("SYN"), S("RST,ACK")) for _ in range(MANY)]
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
