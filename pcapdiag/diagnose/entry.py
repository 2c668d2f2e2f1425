"""One place in the order in which kinds are tried, on a connection or on one of its requests.

A kind stands in the module that has its code for a name. The module is imported when the kind is
asked for the first time: most captures show no sign of most kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from types import ModuleType

import msgspec

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.multipath import readable
from pcapdiag.model.context import Context
from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Story

Match = Callable[[Story, Context], Judgement | None]
MatchExchange = Callable[[Story, Exchange, Context], Judgement | None]


class Entry(msgspec.Struct, frozen=True, dict=True):
    """One kind, and the function that recognises it."""

    code: str
    needs: int = 0
    """What a connection or a request must show (shows.py): it is no other's kind."""
    by_story: bool = False
    """Its test looks at the story alone, so the same story gives the same answer at any time."""
    test: str = "match"
    """The function's name; with that of a module in front where it is not the kind's."""
    at_the_end: bool = False
    """The function is of requests, and asked whether one of them failed by the connection's end."""

    @cached_property
    def kind(self) -> Kind:
        """What there is to say about it."""
        found: Kind = _module(self.code).KIND
        return found

    @cached_property
    def match(self) -> Match:
        """The test of a connection."""
        if self.at_the_end:
            return _at_the_end(self.match_exchange)
        found: Match = getattr(*self._test())
        return found

    @cached_property
    def match_exchange(self) -> MatchExchange:
        """The test of a request."""
        found: MatchExchange = getattr(*self._test())
        return found

    def _test(self) -> tuple[ModuleType, str]:
        module, _, name = self.test.rpartition(".")
        return _module(module or self.code), name


def _module(name: str) -> ModuleType:
    return import_module(f"pcapdiag.diagnose.{name}")


def _at_the_end(match: MatchExchange) -> Match:
    """Return a connection's test from a request's: whether its end is that request's failure.

    For kinds that are narrower than the plain TCP code of the close. Only requests are asked that
    had no complete answer (or switched protocols) and were not reset on their own.
    """

    def of_connection(story: Story, context: Context) -> Judgement | None:
        for exchange in readable(story):
            over = exchange.complete and not exchange.upgrade
            if over or exchange.ended_by is not None:
                continue
            judgement = match(story, exchange, context)
            if judgement is not None:
                return msgspec.structs.replace(judgement, exchange=exchange.index)
        return None

    return of_connection
