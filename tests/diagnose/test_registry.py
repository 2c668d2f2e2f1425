from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shlex

import pytest

import pcapdiag.diagnose
from pcapdiag.diagnose.entry import Entry
from pcapdiag.diagnose.exchanges import EXCHANGES
from pcapdiag.diagnose.judge import judge, judge_first
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.registry import ORDER, kinds
from pcapdiag.diagnose.shows import shows
from pcapdiag.diagnose.text import WORDS, fill
from pcapdiag.model.story import Story
from tests.diagnose.playbook import (
    CLIENT,
    EXCHANGE,
    GET,
    HANDSHAKE,
    SERVER,
    SHORT,
    C,
    Known,
    Line,
    S,
    again,
    around,
    icmp,
    play,
)
from tests.diagnose.protocol import scenes as protocol
from tests.diagnose.tls import scenes as tls

pytestmark = pytest.mark.once

REQUEST = C("PSH,ACK", GET, lost=True)
PROBE = C("ACK", probe=True, after=9000, lost=True)
ASKED = (*HANDSHAKE, C("PSH,ACK", GET), S("ACK"))
SYN_ACK = S("SYN,ACK")
LADDERS: dict[str, tuple[Line, ...]] = {
    "ok": (*HANDSHAKE, *EXCHANGE),
    "capture.partial": ASKED,
    "icmp.unreachable": (C("SYN"), icmp(3, 1, "10.0.0.1")),
    "icmp.prohibited": (C("SYN"), icmp(3, 13, "10.0.0.1")),
    "icmp.time_exceeded": (C("SYN"), icmp(11, 0, "10.0.0.1")),
    "tcp.port_reuse": (C("SYN"), S("ACK", seq=9, ack=77), C("RST", seq=77)),
    "tcp.connection_refused": (C("SYN"), S("RST,ACK")),
    "tcp.connection_timeout": (C("SYN"),),
    "tcp.handshake_stalled": (C("SYN"), SYN_ACK, *again(SYN_ACK, 1000, 2000)),
    "tcp.accept_queue_overflow": (*HANDSHAKE, S("RST", after=0.3)),
    "tcp.zero_window": (
        *ASKED,
        *(S("PSH,ACK", SHORT), C("ACK", win=0), S("ACK", b"x", probe=True), C("ACK", win=0)),
        S("RST,ACK", win=500, after=5000),
    ),
    "tcp.keepalive_timeout": (*HANDSHAKE, *EXCHANGE, PROBE, PROBE, PROBE, C("RST,ACK", after=9000)),
    "tcp.data_timeout": (*HANDSHAKE, REQUEST, *again(REQUEST, 200, 400, 800), C("FIN,ACK")),
    "tcp.stale_connection": (*HANDSHAKE, *EXCHANGE, C("PSH,ACK", GET, 9000, lost=True), S("RST")),
    "tcp.state_lost": (*ASKED, S("PSH,ACK", SHORT), C("ACK"), S("RST")),
    "tcp.idle_reset": (*HANDSHAKE, *EXCHANGE, S("RST,ACK", win=500, after=5000)),
    "tcp.reset_before_request": (*HANDSHAKE, S("RST,ACK", win=500)),
    "tcp.reset_before_response": (*ASKED, S("RST,ACK", win=500)),
    "tcp.reset_in_response": (*ASKED, S("PSH,ACK", SHORT), C("ACK"), S("RST,ACK", win=500)),
    "tcp.closed_before_request": (*HANDSHAKE, S("FIN,ACK"), C("FIN,ACK")),
    "tcp.closed_before_response": (*ASKED, S("FIN,ACK"), C("FIN,ACK")),
    "tcp.response_timeout": (*ASKED, C("FIN,ACK", after=15_000)),
    "tcp.initiator_abort": (*ASKED, C("FIN,ACK", after=30)),
    "protocol.tls_to_plaintext": protocol.met(protocol.HELLO, protocol.BAD),
    "protocol.plaintext_to_tls": protocol.met(GET, protocol.TO_HTTPS),
    "protocol.http2_to_http1": protocol.met(protocol.PREFACE, protocol.BAD),
    "protocol.http1_to_http2": protocol.met(GET, protocol.SETTINGS),
    "protocol.unexpected_proxy_header": protocol.met(protocol.V1 + GET, protocol.BAD),
    "protocol.missing_proxy_header": protocol.shut(GET),
    "socks.refused": (
        *(*HANDSHAKE, C("PSH,ACK", bytes.fromhex("05020001")), S("PSH,ACK", b"\x05\xff")),
        *(S("FIN,ACK"), C("FIN,ACK")),
    ),
}
STORIES: dict[str, Story] = {
    **{code: play(*lines) for code, lines in LADDERS.items()},
    "tls.alpn_mismatch": tls.scene(tls.HELLO, tls.alert(S, 120), *tls.HUNG_UP),
    "tls.sni_rejected": tls.scene(tls.HELLO, tls.alert(S, 112), *tls.HUNG_UP),
    "tls.version_mismatch": tls.scene(tls.HELLO, tls.alert(S, 70), *tls.HUNG_UP),
    "tls.no_shared_cipher": tls.scene(tls.HELLO, tls.alert(S, 71), *tls.HUNG_UP),
    "tls.certificate_untrusted": tls.scene(
        tls.HELLO, tls.FLIGHT_12, tls.alert(C, 48), *tls.LEFT, **tls.given()
    ),
    "tls.certificate_expired": tls.scene(
        tls.HELLO, tls.FLIGHT_12, tls.alert(C, 45), *tls.LEFT, **tls.given()
    ),
    "tls.certificate_name_mismatch": tls.scene(
        tls.HELLO, tls.FLIGHT_12, tls.alert(C, 46), *tls.LEFT, **tls.given("other.example")
    ),
    "tls.certificate_rejected": tls.scene(
        tls.HELLO, tls.FLIGHT_12, tls.alert(C, 44), *tls.LEFT, **tls.given()
    ),
    "tls.client_certificate_required": tls.scene(
        *(tls.HELLO, tls.FLIGHT_12, C("PSH,ACK", tls.KEYS_12), tls.alert(S, 40), *tls.HUNG_UP),
        certificate_request=6,
        client_certificates=tls.NO_CERTIFICATE,
        **tls.given(),
    ),
    "tls.alert": tls.scene(tls.HELLO, tls.alert(S, 80), *tls.HUNG_UP),
    "tls.handshake_reset": tls.scene(tls.HELLO, tls.ACKED, S("RST,ACK", win=500)),
    "tls.handshake_closed": tls.scene(tls.HELLO, tls.ACKED, *tls.HUNG_UP),
    "tls.handshake_timeout": tls.scene(tls.HELLO, tls.ACKED, C("FIN,ACK", after=5000)),
}
FACTS: dict[str, Known] = {"protocol.missing_proxy_header": protocol.others(v1=3)}
"""What the endpoint is known for, where the verdict needs it."""


def judged(code: str) -> tuple[Story, Judgement]:
    story = STORIES[code]
    return story, judge(story, around(story, **FACTS.get(code, {})))


def modules() -> dict[str, object]:
    found: dict[str, object] = {}
    for info in pkgutil.walk_packages(pcapdiag.diagnose.__path__, "pcapdiag.diagnose."):
        module = importlib.import_module(info.name)
        if isinstance(getattr(module, "KIND", None), Kind):
            found[module.KIND.code] = module
    return found


def test_every_kind_is_listed_once() -> None:
    assert set(modules()) == set(kinds())


@pytest.mark.parametrize("code", sorted(STORIES))
def test_the_texts_are_filled(code: str) -> None:
    story, judgement = judged(code)
    assert judgement.code == code
    texts = fill(kinds()[code], judgement, story)
    assert SERVER[0] in texts.title + texts.explanation
    for text in (texts.title, texts.explanation, *texts.fixes):
        assert not re.search(r"[{}]", text)
    if judgement.failed:
        assert texts.fixes
        assert any(SERVER[0] in c or str(SERVER[1]) in c for c in texts.commands)


def test_a_device_that_refused_is_looked_for_and_not_the_hosts_program() -> None:
    story, judgement = judged("tcp.connection_refused")
    by_host = fill(kinds()[judgement.code], judgement, story, "responder")
    by_device = fill(kinds()[judgement.code], judgement, story, "path")
    assert by_device.fixes[0].startswith("find the device: firewall")
    assert by_host.fixes[0].startswith("is the program on")
    assert "does the SYN arrive?" in by_device.commands[0]
    for text in (*by_device.fixes, *by_device.commands):
        assert not re.search(r"[{}]", text)


@pytest.mark.parametrize("code", sorted(STORIES))
def test_what_a_kind_needs_only_spares_the_asking(code: str) -> None:
    story = STORIES[code]
    context = around(story, **FACTS.get(code, {}))
    spared = [entry for entry in ORDER if entry.needs & ~shows(story)]
    assert spared
    assert [entry.code for entry in spared if entry.match(story, context)] == []


def test_what_goes_by_the_story_takes_no_context() -> None:
    for entry in ORDER:
        test = entry.match_exchange if entry.at_the_end else entry.match
        *_, last = inspect.signature(test).parameters
        assert last == ("_context" if entry.by_story else "context")


@pytest.mark.parametrize("entry", [*ORDER, *EXCHANGES], ids=lambda entry: entry.code)
def test_every_kind_is_found_by_its_code(entry: Entry) -> None:
    of_requests = entry.at_the_end or entry in EXCHANGES
    test = entry.match_exchange if of_requests else entry.match
    names = [name.strip("_") for name in inspect.signature(test).parameters]
    assert entry.kind.code == entry.code
    assert names == (["story", "exchange", "context"] if of_requests else ["story", "context"])


@pytest.mark.parametrize("code", sorted(STORIES))
def test_judging_again_comes_to_the_same(code: str) -> None:
    story, judgement = judged(code)
    context = around(story, **FACTS.get(code, {}))
    for before in (around(story), context):
        _, earlier = judge_first(story, before)
        assert judge(story, context, earlier) == judgement


@pytest.mark.parametrize("code", sorted(set(STORIES) - {"ok"}))
def test_the_commands_are_shell_words(code: str) -> None:
    story, judgement = judged(code)
    for command in fill(kinds()[code], judgement, story).commands:
        assert shlex.split(command, comments=True)


@pytest.mark.parametrize("code", sorted(STORIES))
def test_the_phase_is_one_of_the_kinds(code: str) -> None:
    _, judgement = judged(code)
    assert judgement.phase is None or judgement.phase in kinds()[code].phases


def test_addresses_of_version_6_stand_in_brackets() -> None:
    story = play(*LADDERS["tcp.reset_before_response"])
    story.initiator.address, story.responder.address = "fd00::5", "fd00::7"
    texts = fill(kinds()["tcp.reset_before_response"], judge(story, around(story)), story)
    assert "[fd00::5]:40000" in texts.explanation
    assert any("http://[fd00::7]:8443/" in command for command in texts.commands)
    assert CLIENT[0] not in texts.explanation


@pytest.mark.parametrize("code", sorted(STORIES))
def test_no_fact_takes_the_place_of_a_word_that_all_templates_know(code: str) -> None:
    _, judgement = judged(code)
    # Who closed, after how long, and what was spoken, a kind may know better.
    assert set(judgement.facts) & set(WORDS) <= {"closer", "gap", "scheme"}
