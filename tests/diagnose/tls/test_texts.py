"""Texts and commands of the TLS verdicts, whatever the capture wrote into names."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.diagnose.tls.commands import s_client, s_client_words
from pcapdiag.incident.describe_tls import describe_tls, tls_labels
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.story import Story
from tests.diagnose.playbook import START, C, Line, S, around
from tests.diagnose.tls import scenes as tls
from tests.diagnose.tls.fields import Facts

pytestmark = pytest.mark.once

FLIGHT = tls.record(tls.CCS, 1)
WHOLE_12 = (tls.HELLO, tls.FLIGHT_12, C("PSH,ACK", tls.KEYS_12), tls.FINISHED_12)
VARIANTS: dict[str, Story] = {
    "hidden, by the client": tls.scene(
        *(tls.HELLO, tls.FLIGHT_13, C("PSH,ACK", FLIGHT + tls.records(19)), *tls.LEFT),
        server_hello=tls.answer(tls.TLS13),
        server_finished=True,
    ),
    "hidden, a certificate": tls.scene(
        *(tls.HELLO, tls.FLIGHT_13, C("PSH,ACK", FLIGHT + tls.records(820, 96, 53))),
        *(S("PSH,ACK", tls.records(19)), *tls.HUNG_UP),
        **tls.SECURED,
    ),
    "hidden, no certificate": tls.scene(
        *(tls.HELLO, tls.FLIGHT_13, C("PSH,ACK", FLIGHT + tls.records(25, 53))),
        *(S("PSH,ACK", tls.records(19)), *tls.HUNG_UP),
        **tls.SECURED,
    ),
    "no certificate, no alert": tls.scene(
        *(tls.HELLO, tls.FLIGHT_13, C("PSH,ACK", FLIGHT + tls.records(25, 53)), *tls.HUNG_UP),
        **tls.SECURED,
    ),
    "left over the name": tls.scene(*WHOLE_12, *tls.LEFT, **tls.DONE, **tls.given("other.example")),
    "left over the dates": tls.scene(
        *WHOLE_12, *tls.LEFT, **tls.DONE, **tls.given(not_after=START)
    ),
    "left over the purpose": tls.scene(
        *WHOLE_12, *tls.LEFT, **tls.DONE, **tls.given(purposes=("x",))
    ),
    "bare Finished": tls.scene(
        *(tls.HELLO, tls.FLIGHT_13, C("PSH,ACK", FLIGHT + tls.records(53)), *tls.HUNG_UP),
        **tls.SECURED,
    ),
    "silent client": tls.scene(
        *(tls.HELLO, tls.FLIGHT_12, C("ACK"), S("FIN,ACK", after=30_000), C("FIN,ACK")),
        **tls.given(),
    ),
    "reset for one name": tls.scene(tls.HELLO, tls.ACKED, S("RST,ACK", win=500)),
}
SERVER = TlsServerFacts(
    names_accepted={"www.example": 1, "": 1},
    names_refused={"shop.example": 2},
    first_refused={"shop.example": START},
    last_accepted=START + 1,
)


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_every_variant_has_its_texts(name: str) -> None:
    story = VARIANTS[name]
    judgement = judge(story, around(story, tls=SERVER))
    assert judgement.code.startswith("tls.")
    assert judgement.phase in kind_of(judgement.code).phases
    texts = fill(kind_of(judgement.code), judgement, story)
    for text in (texts.title, texts.explanation, *texts.fixes):
        assert not re.search(r"[{}]", text)
    for command in texts.commands:
        assert shlex.split(command, comments=True)


def test_a_command_holds_the_connections_own_words() -> None:
    story = VARIANTS["reset for one name"]
    assert story.application is not None
    command = s_client_words(story, story.application.tls)["s_client_tls12"]
    assert command == (
        "openssl s_client -connect 10.0.2.7:8443 -servername shop.example -alpn h2,http/1.1 "
        "-tls1_2 </dev/null"
    )


def test_what_the_server_takes_is_asked_by_the_name_that_was_asked_for() -> None:
    hello = tls.hello(sni="shop.example", alpn=("h2",))
    story = tls.scene(tls.HELLO, tls.alert(S, 120), client_hello=hello)
    texts = fill(kind_of("tls.alpn_mismatch"), judge(story, around(story)), story)
    asked = "openssl s_client -connect 10.0.2.7:8443 -servername shop.example -alpn"
    assert [text.partition(" </dev/null")[0] for text in texts.commands] == [
        f"{asked} h2",
        f"{asked} h2,http/1.1",
    ]


@pytest.mark.parametrize("name", ["a;reboot", "$(id)", "a b", "-help", "a\nb", "é.example"])
def test_a_hostile_name_is_in_no_command(name: str) -> None:
    story = tls.scene(tls.HELLO, tls.alert(S, 112), client_hello=tls.hello(sni=name, alpn=(name,)))
    texts = fill(kind_of("tls.sni_rejected"), judge(story, around(story)), story)
    commands = " ".join(texts.commands)
    assert name not in commands
    assert "-noservername" not in commands


def test_without_a_name_the_command_sends_none() -> None:
    story = tls.scene(tls.HELLO, tls.alert(S, 80), client_hello=tls.hello(sni=None, alpn=()))
    assert story.application is not None
    assert "-noservername" in s_client(story, story.application.tls)


LINES = st.sampled_from(
    [
        *(tls.HELLO, tls.ACKED, tls.FLIGHT_12, tls.FLIGHT_13, tls.FINISHED_12, tls.FINISHED_13),
        *(tls.TICKETS, C("PSH,ACK", FLIGHT + tls.records(25, 53)), C("PSH,ACK", tls.records(19))),
        *(S("PSH,ACK", tls.records(19)), C("PSH,ACK", tls.records(90)), S("FIN,ACK", after=50)),
        *(C("FIN,ACK", after=2000), S("RST,ACK", win=5), C("RST"), C("PSH,ACK", tls.KEYS_12)),
        *(S("PSH,ACK", tls.records(700)), tls.alert(C, 46), tls.alert(S, 40), tls.alert(S, 116)),
    ]
)
FLAGS = st.fixed_dictionaries(
    {
        name: st.booleans()
        for name in ("client_finished", "server_finished", "resumed", "started", "incomplete")
    }
    | {name: st.integers(0, 2) for name in ("client_data", "server_data", "tickets")}
    | {
        "key_state": st.sampled_from(["none", "decrypted"]),
        "server_hello": st.sampled_from([None, tls.answer(), tls.answer(tls.TLS13), tls.answer(0)]),
        "client_hello": st.sampled_from([None, tls.hello(), tls.hello(sni=None, versions=())]),
        "server_certificates": st.sampled_from(
            [None, tls.certificate(), tls.certificate("b.example"), tls.certificate(problem="x")]
        ),
        "client_certificates": st.sampled_from([None, tls.NO_CERTIFICATE, tls.certificate()]),
        "problem": st.sampled_from(["", "no TLS record"]),
    }
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, max_size=7), FLAGS)
def test_any_facts_give_a_verdict_with_texts(lines: list[Line], facts: Facts) -> None:
    story = tls.scene(*lines, **facts)
    judgement = judge(story, around(story, tls=SERVER))
    texts = fill(kind_of(judgement.code), judgement, story)
    assert not re.search(r"[{}]", texts.title + texts.explanation)
    assert 0 <= judgement.confidence <= 1
    total = judgement.confidence + sum(other.confidence for other in judgement.alternatives)
    assert total <= 1.01
    assert sum(hint.probability for hint in judgement.candidates) <= 1.01
    assert story.application is not None
    assert story.application.tls is not None
    describe_tls(story.application.tls)
    list(tls_labels(story.application.tls))
