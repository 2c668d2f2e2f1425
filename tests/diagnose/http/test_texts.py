"""Texts of failed requests: filled, harmless, and commands that a shell takes."""

from __future__ import annotations

import re
import shlex

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.exchanges import EXCHANGES, judge_exchange
from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import Texts, fill
from pcapdiag.model.http import Exchange, LocalReply
from pcapdiag.model.story import Story
from pcapdiag.model.tls import TlsFacts
from tests.diagnose.http.spoken import (
    ASKED,
    CUT,
    ENVOY_REFUSED,
    after_answer,
    call,
    exchange,
    short,
    spoken,
)
from tests.diagnose.playbook import OK, SERVER, C, S, around, play

CLOSED = play(*CUT, S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
LEFT = play(*CUT, C("FIN,ACK", after=0.3), S("FIN,ACK"))
RESET = play(*ASKED, S("PSH,ACK", OK, after=2), S("RST,ACK", win=500))
QUIET = play(*CUT, S("FIN,ACK", after=60_000), C("FIN,ACK"))
ESCAPES = "/\x1b[2J\u202e?token=abc' ; rm -rf $(x)"
NEED_THE_REQUEST = {"http.truncated_response", "http.response_lost"}
WORDS = LocalReply("envoy", "no healthy upstream", 'TLS_error: "x"\n\x1b[1m')
FAILED: dict[str, tuple[Story, Exchange]] = {
    "http.malformed_response": (LEFT, short(malformed="bad\n", malformed_by="responder")),
    "http.no_healthy_upstream": (after_answer(), exchange(status=503, local_reply=WORDS)),
    "http.overflow": (
        after_answer(),
        exchange(status=503, local_reply=LocalReply("envoy", "overflow")),
    ),
    "http.local_reply": (after_answer(), exchange(status=502, local_reply=ENVOY_REFUSED)),
    "grpc.error": (after_answer(), call(13, "\x1b[0moops")),
    "http.stream_idle_timeout": (
        QUIET,
        short(expected_length=None, content_type="text/event-stream"),
    ),
    "http.response_rejected": (LEFT, short(framing_conflict="two Content-Lengths: 1, 2")),
    "http.response_lost": (RESET, exchange(status=413, request_complete=False)),
    "http.truncated_response": (CLOSED, short()),
}


def judged(code: str, **changes: object) -> tuple[Judgement, Texts]:
    story, one = FAILED[code]
    one = replace(one, **changes)
    told = spoken(story, one)
    judgement = judge_exchange(told, one, around(told))
    assert judgement is not None
    return judgement, fill(kind_of(judgement.code), judgement, told)


def test_every_kind_is_here() -> None:
    assert [entry.code for entry in EXCHANGES if entry.code in FAILED] == list(FAILED)


@pytest.mark.parametrize("code", FAILED)
def test_the_texts_are_filled_and_harmless(code: str) -> None:
    judgement, texts = judged(code, target=ESCAPES, method="GET")
    assert judgement.code == code
    assert judgement.phase in kind_of(code).phases
    assert SERVER[0] in texts.title + texts.explanation
    for text in (texts.title, texts.explanation, *texts.fixes, *texts.commands):
        assert text.isprintable()
        assert text
        assert not re.search(r"[{}]", text)
    assert texts.fixes


@pytest.mark.parametrize("code", FAILED)
def test_the_commands_are_shell_words_without_a_stranger_s(code: str) -> None:
    _, texts = judged(code, target=ESCAPES, host="$(reboot)")
    assert any(SERVER[0] in command for command in texts.commands)
    for command in texts.commands:
        assert shlex.split(command, comments=True)
        assert "rm -rf" not in command
        assert "reboot" not in command


def test_inside_tls_the_url_says_so() -> None:
    story, one = FAILED["http.local_reply"]
    told = spoken(story, one, tls=TlsFacts())
    judgement = judge_exchange(told, one, around(told))
    assert judgement is not None
    commands = fill(kind_of(judgement.code), judgement, told).commands
    assert any(f"https://{SERVER[0]}" in command for command in commands)


@pytest.mark.parametrize("code", sorted(set(FAILED) - NEED_THE_REQUEST))
def test_what_was_not_captured_is_said(code: str) -> None:
    unseen = {"request_frame": None, "request_time": None, "method": None, "target": None}
    _, texts = judged(code, **unseen)
    assert "None" not in texts.title + texts.explanation


def test_a_stranger_s_braces_are_not_filled() -> None:
    _, texts = judged("http.local_reply", target="/{responder}")
    assert "/{responder}" in texts.title


def test_requests_that_were_read_are_counted_and_not_turns() -> None:
    """Of HTTP/2 a client may send several in one go."""
    told = spoken(after_answer(), *(exchange(index, stream_id=2 * index + 1) for index in range(3)))
    judgement = judge(told, around(told))
    assert judgement.code == "ok"
    assert fill(kind_of("ok"), judgement, told).title.endswith(", 3 requests")
