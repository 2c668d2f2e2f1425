"""What a log's line says of the proxy's call to its upstream, in one word for all three proxies.

Sources: Envoy's docs "Access logging" (response flags) and source/common/http/utility.cc; NGINX's
ngx_http_upstream.c; HAProxy's configuration manual, section 8.5. Each was compared with what the
lab's proxies wrote beside a capture.
"""

from __future__ import annotations

from typing import Literal

from pcapdiag.correlate.fitting import CONNECTING
from pcapdiag.correlate.logs.wire import WireConnection
from pcapdiag.model.logs import LogEntry

Call = Literal[
    "no attempt", "connect", "slow connect", "ended", "reset", "protocol", "slow", "left",
    "answered", "any",
]  # fmt: skip
"""``no attempt``: nothing was sent upstream. ``connect``, ``slow connect``: TCP or TLS did not come
up, or not in time. ``ended``: an established connection ended; ``reset``: a stream of it.
``slow``: no answer in time. ``left``: the client went. ``answered``: the upstream's own answer."""

_BY_FLAG: dict[str, Call] = {
    "UF": "connect",
    "UC": "ended",
    "UR": "reset",
    "UPE": "protocol",
    "UT": "slow",
    "UMSDR": "slow",
    "SI": "slow",
    "DC": "left",
    "DR": "left",
    "UH": "no attempt",
    "UO": "no attempt",
    "NR": "no attempt",
    "NC": "no attempt",
    "OM": "no attempt",
    "RL": "no attempt",
    "RLSE": "no attempt",
    "UAEX": "no attempt",
    "FI": "no attempt",
    "IH": "no attempt",
    "LH": "no attempt",
    "DF": "no attempt",
    "DO": "no attempt",
    "UDO": "no attempt",
}
"""Envoy's response flags; with several the first one that says something."""
_BY_STATE: dict[str, Call] = {
    "SC": "connect",
    "sC": "slow connect",
    "SH": "ended",
    "sH": "slow",
    "PH": "protocol",
    "SD": "ended",
    "sD": "slow",
    "sQ": "no attempt",
    "RC": "no attempt",
    "PC": "no attempt",
    "PR": "no attempt",
}
"""HAProxy's termination states; those of the client (C, c) come from their first letter."""
_NOT_SENT = ("immediate connect error", "failed to bind", "(99:", "(101:")
"""Words for a connect() that the proxy's own kernel refused: no packet left."""
_BY_MESSAGE: tuple[tuple[str, Call], ...] = (
    ("no live upstreams", "no attempt"),
    ("temporarily disabled", "any"),
    ("client prematurely closed", "left"),
    ("client closed", "left"),
    ("ssl_do_handshake() failed", "connect"),
    ("in ssl handshake", "connect"),
    ("upstream ssl certificate", "connect"),
    ("while connecting to upstream", "connect"),
    ("upstream rejected request", "reset"),
    ("upstream sent goaway", "reset"),
    ("upstream sent", "protocol"),
    ("upstream prematurely closed", "ended"),
    ("failed (104", "ended"),
    ("failed (32", "ended"),
    ("timed out", "slow"),
)
"""NGINX's messages, the narrower ones first."""


def call_of(entry: LogEntry) -> Call:
    """Return what a line says of the call to the upstream."""
    if entry.product == "envoy":
        return _of_envoy(entry)
    if entry.product == "haproxy":
        return _of_haproxy(entry)
    return _of_nginx(entry)


def words_of(entry: LogEntry) -> str:
    """Return all that a line says of how it went, in small letters without underscores."""
    told = (entry.details, entry.reset_reason, entry.transport_failure, entry.message)
    return " ".join(filter(None, told)).replace("_", " ").lower()


def is_of_a_handshake(entry: LogEntry) -> bool:
    """Return whether NGINX says that a client's TLS handshake failed.

    No request and no port is known then: ``ngx_http_ssl_handshake_handler()`` logs with
    "while SSL handshaking", and of an upstream's with "... to upstream".
    """
    if entry.product != "nginx" or entry.kind != "error" or entry.upstreams:
        return False
    words = words_of(entry)
    return "while ssl handshaking" in words and "to upstream" not in words


def was_not_sent(entry: LogEntry) -> bool:
    """Return whether the proxy's own kernel refused the call, so that no packet left."""
    words = words_of(entry)
    return any(told in words for told in _NOT_SENT)


def may_be(call: Call, wire: WireConnection) -> bool:
    """Return whether a connection can have ended as the line of a call to it says."""
    early = not wire.came_up or wire.phase in CONNECTING
    connecting = early or wire.code.startswith(("tls.", "protocol."))
    given_up = wire.is_silent or wire.ended_by == "initiator"
    if call in ("no attempt", "answered"):
        return False
    if call == "connect":
        return connecting
    if call == "slow connect":
        return connecting and given_up
    if call in ("slow", "left"):
        return given_up
    return wire.came_up or call == "any"


def _of_envoy(entry: LogEntry) -> Call:
    words = words_of(entry)
    for flag in entry.flags:
        call = _BY_FLAG.get(flag)
        if call == "connect" and any(told in words for told in _NOT_SENT):
            return "no attempt"
        if call == "connect" and "connection timeout" in words:
            return "slow connect"
        if call is not None:
            return call
    if "via upstream" in words:
        return "answered"
    return "any"


def _of_haproxy(entry: LogEntry) -> Call:
    state = entry.flags[0][:2] if entry.flags else ""
    if state[:1] in ("C", "c"):
        return "left"
    if (entry.upstream_name or "").endswith("<NOSRV>"):
        return "no attempt"
    if state == "--" and entry.status is not None:
        return "answered"
    return _BY_STATE.get(state, "any")


def _of_nginx(entry: LogEntry) -> Call:
    words = words_of(entry)
    if words:
        if any(told in words for told in _NOT_SENT):
            return "no attempt"
        handshaking = "while connecting to upstream" in words or "handshaking" in words
        if "timed out" in words and handshaking:
            return "slow connect"
        return next((call for told, call in _BY_MESSAGE if told in words), "any")
    if entry.status == 499:
        return "left"
    if entry.numbers.get("connect") == -1 and entry.upstreams:
        return "slow connect" if entry.status == 504 else "connect"
    return "slow" if entry.status == 504 else "any"
