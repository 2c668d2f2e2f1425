"""The constants of one failure kind: what the code means, and what a person can do about it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pcapdiag.diagnose.judgement import Actor, Phase


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

    @property
    def failed(self) -> bool:
        """False for the two codes that are no failure."""
        return self.code not in ("ok", "capture.partial")
