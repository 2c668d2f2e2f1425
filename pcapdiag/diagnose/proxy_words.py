"""From a proxy's or program's words for a failure to the codes that they may stand for.

What a person on call has is a line of an access log or error log. Envoy's flags and reset reasons,
NGINX's messages and HAProxy's states stand in each kind; what says more than those (an error
number, what the TLS library said), and what other programs say, is in log_phrases.py.

Sources: Envoy's docs "Access logging" and source/common/http/utility.cc (resetReasonToString);
NGINX's ngx_http_upstream.c and ngx_event_openssl.c; HAProxy's configuration manual, section 8.5.
All of them were compared with what the lab's proxies wrote (docs/lab.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pcapdiag.diagnose.log_phrases import CLOSER, OTHER_FLAGS, WIDER, Phrase
from pcapdiag.diagnose.pages import codes
from pcapdiag.diagnose.registry import kinds


class Heard(NamedTuple):
    """One thing that a text says, by whose words, and the codes that may be behind it."""

    says: str
    codes: tuple[str, ...]
    note: str = ""


RESET_REASONS = (
    *("remote connection failure", "local connection failure", "connection failure"),
    *("connection timeout", "connection termination"),
    *("remote refused stream reset", "remote reset", "local reset", "overflow"),
    *("protocol error", "response timeout", "stream timeout"),
)
"""Envoy's, the longer ones first: a text is read for the first that it holds."""

_IN_ACCESS_LOG = re.compile(r"\b\d{3} ((?:[A-Z]{2,5})(?:,[A-Z]{2,5})*)\b")
_FLAGS = re.compile(r"[A-Z]{2,5}")
_STATE = re.compile(r"(?<!\S)([CSPLRIDUKcs-][RQCHDLTsu-])(?:[NIDVEUO-][NIUPRD-])?(?!\S)")
_ENOUGH = 8
"""Letters of a piece of NGINX's text from which on it says something."""


def heard(text: str) -> list[Heard]:
    """Return what a proxy's words may mean; empty for no such words.

    Where they name an error, what a flag or a state says besides is wider, and left out.
    """
    closest = named(text)
    if closest is not None:
        return [closest]
    found = [*_flags(text), *_reset_reason(text), *_nginx(text), *_haproxy(text)]
    return found or list(_listed(WIDER, text))[:1]


def named(text: str) -> Heard | None:
    """Return the error that a proxy's words name; None where they say only how it went."""
    return next(_listed(CLOSER, text), None)


def _plain(text: str) -> str:
    return text.replace("_", " ").lower()


def _listed(table: Iterable[Phrase], text: str) -> Iterator[Heard]:
    plain = _plain(text)
    for pattern, says, behind in table:
        if re.search(pattern, plain):
            yield Heard(says, behind)


def _flags(text: str) -> Iterator[Heard]:
    logged = _IN_ACCESS_LOG.search(text)
    named = logged[1] if logged else text.strip().upper()
    for flag in named.split(","):
        behind = _codes(k.code for k in kinds().values() if k.envoy and flag in flags(k.envoy.flag))
        if behind or flag in OTHER_FLAGS:
            yield Heard(f"Envoy response flag {flag}", behind, OTHER_FLAGS.get(flag, ""))


def flags(text: str) -> list[str]:
    """Return the response flags that a kind's text names."""
    return _FLAGS.findall(text)


def _reset_reason(text: str) -> Iterator[Heard]:
    plain = _plain(text)
    reason = next((one for one in RESET_REASONS if one in plain), None)
    if reason is None:
        return
    behind = _codes(
        k.code for k in kinds().values() if k.envoy and reason in k.envoy.reset_reason.lower()
    )
    if behind:
        yield Heard(f'Envoy reset reason "{reason}"', behind)


def _nginx(text: str) -> Iterator[Heard]:
    plain = " ".join(text.lower().split())
    behind = _codes(k.code for k in kinds().values() if k.nginx and _fits(k.nginx.lower(), plain))
    if behind:
        yield Heard("NGINX error log", behind)


def _fits(message: str, text: str) -> bool:
    """Return whether a text is part of a message, or has the pieces of one of its variants."""
    if len(text) >= _ENOUGH and text in message:
        return True
    for variant in re.split(r" / |; |, or ", message):
        pieces = [piece.strip() for piece in re.split(r"\.\.\.|\bn\b|\"|[()]", variant)]
        told = [piece for piece in pieces if len(piece) >= _ENOUGH]
        if told and all(piece in text for piece in told):
            return True
    return False


def _haproxy(text: str) -> Iterator[Heard]:
    state = _STATE.search(text)
    if state is None:
        return
    behind = _codes(k.code for k in kinds().values() if state[1] in states(k.haproxy))
    if behind:
        yield Heard(f"HAProxy termination state {state[1]}", behind)


def states(text: str) -> list[str]:
    """Return the termination states that a kind's text names, of two letters each."""
    return [found[:2] for found in re.findall(r"(?<!\S)[A-Za-z-]{2}(?:--)?(?=$|[;\s])", text)]


def _codes(found: Iterable[str]) -> tuple[str, ...]:
    """Return the codes in the order in which lists tell them."""
    return tuple(sorted(found, key=codes().index))
