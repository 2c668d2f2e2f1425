"""What waits for the end of the capture comes back as it was, whether kept or written."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.incident.archive import KEPT_AS_THEY_ARE, Archive
from tests.diagnose.playbook import C, S, play

pytestmark = pytest.mark.once

MANY = KEPT_AS_THEY_ARE + 3


def test_stories_come_back_in_order_and_unchanged() -> None:
    archive = Archive()
    stories = [play(C("SYN"), S("RST,ACK")) for _ in range(MANY)]
    for number, story in enumerate(stories):
        story.stream = number
        assert archive.keep(story, number, failed=True)
    found = list(archive.stories())
    assert [until for _, until in found] == list(range(MANY))
    for (story, _), kept in zip(found, stories, strict=True):
        assert msgspec.to_builtins(story) == msgspec.to_builtins(kept)
    assert [archive.read(stream)[0].stream for stream in (0, MANY - 1)] == [0, MANY - 1]
