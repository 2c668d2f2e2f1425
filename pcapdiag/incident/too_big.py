"""Routers' "packet too big" messages, collected over all connections that they quote."""

from __future__ import annotations

from pcapdiag.diagnose.icmp.quoted import is_too_big
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import TooBigFact
from pcapdiag.model.story import Story

MAX_PAIRS = 1_000
"""Pairs of hosts that are told apart."""
MAX_STREAMS = 100
"""Streams and frames listed for one pair; ``connections`` counts all."""


class TooBigMessages:
    """Collects the messages by who sent the data to whom."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], TooBigFact] = {}

    def note(self, story: Story) -> None:
        """Take the first message of a connection, if there is one."""
        error = next((error for error in story.icmp if is_too_big(error)), None)
        if error is None:
            return
        sender = story.half(error.from_initiator).address
        receiver = story.half(not error.from_initiator).address
        fact = entry(
            self._pairs,
            (sender, receiver),
            MAX_PAIRS,
            lambda: TooBigFact(error.source, sender, receiver, error.mtu, first=error.time),
        )
        if fact is None:
            return
        fact.mtu = min(filter(None, (fact.mtu, error.mtu)), default=0)
        fact.connections += 1
        fact.first = min(fact.first, error.time)
        fact.last = max(fact.last, error.time)
        if len(fact.streams) < MAX_STREAMS:
            fact.streams.append(story.stream)
            fact.frames.append(error.frame)

    def facts(self) -> list[TooBigFact]:
        """Return what was collected, in the order in which it was met."""
        return list(self._pairs.values())
