"""The constants of one failure kind: what the code means, and what a person can do about it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pcapdiag.diagnose.judgement import Phase
from pcapdiag.model.ends import Actor
from pcapdiag.model.report import Side


class Envoy(NamedTuple):
    """Envoy's words for a failure, as its access log prints them."""

    flag: str
    reset_reason: str


class Kind(msgspec.Struct, frozen=True):
    """One verdict code. Texts are ``str.format`` templates: words of text.py, and facts."""

    code: str
    title: str
    explanation: str
    phases: tuple[Phase, ...] = ()
    """Phases in which it can happen."""
    envoy: Envoy | None = None
    nginx: str = ""
    """What NGINX's error log says when it is the initiator."""
    haproxy: str = ""
    """HAProxy's termination state when it is the initiator."""
    fix_at: tuple[Actor, ...] = ()
    """Where it can be mended, likeliest first."""
    fixes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    path_fixes: tuple[str, ...] = ()
    """In place of ``fixes`` where a device between is named for it; empty: the same."""
    path_commands: tuple[str, ...] = ()
    responder_fixes: tuple[str, ...] = ()
    """The same where the responder is named."""
    responder_commands: tuple[str, ...] = ()

    def advice(self, side: Side) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the fixes and the commands where a side is named for it."""
        named: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        if side == "path":
            named = self.path_fixes, self.path_commands
        elif side == "responder":
            named = self.responder_fixes, self.responder_commands
        return named[0] or self.fixes, named[1] or self.commands

    @property
    def failed(self) -> bool:
        """False for the two codes that are no failure."""
        return self.code not in ("ok", "capture.partial")
