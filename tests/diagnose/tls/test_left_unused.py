"""A client that finished the handshake and left: what its client's leg, or other servers' use, shows.

NGINX checks an upstream's certificate after the handshake, and sends no alert (measured).
"""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.settled import confirm, suspects
from pcapdiag.diagnose.text import fill
from pcapdiag.diagnose.tls.certificate_rejected import KIND
from pcapdiag.diagnose.tls.certificates import leaf
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.story import Story
from tests.diagnose.playbook import C, S, around
from tests.diagnose.tls.scenes import (
    ACKED,
    CCS,
    DATA,
    FLIGHT_12,
    HELLO,
    TLS12,
    answer,
    certificate,
    hello,
    record,
    scene,
)

FINISHED = C("PSH,ACK", record(CCS, 1) + record(22, 40), after=1)
DONE = S("PSH,ACK", record(CCS, 1) + record(22, 40), after=1)
LEFT = (C("PSH,ACK", record(21, 26), after=1), C("FIN,ACK"), S("FIN,ACK"), C("ACK"))


def closed(*, data: int = 0, after: float = 1, names: tuple[str, ...] = ("b.example",)) -> Story:
    """A connection that was closed right after its handshake, or a while later."""
    goodbye = C("PSH,ACK", record(21, 26), after=after)
    asked = (C("PSH,ACK", record(DATA, 200)),) * data
    return scene(
        HELLO, ACKED, FLIGHT_12, FINISHED, DONE, *asked, goodbye, *LEFT[1:],
        client_hello=hello(sni="a.example"), server_hello=answer(TLS12), client_finished=True, server_finished=True,
        server_certificates=certificate(*names), client_data=data,
    )  # fmt: skip


def test_a_connection_that_was_not_used_may_have_failed() -> None:
    (suspect,) = suspects(closed())
    assert (suspect.code, suspect.exchange, suspect.by_initiator) == (KIND.code, None, True)
    assert suspects(closed(data=1)) == []
    assert suspects(closed(after=2_000)) == []


def test_what_the_other_leg_shows_of_it() -> None:
    story = closed()
    verdict = confirm(story, KIND.code, None, "Its client got an error in its place (stream 2).")
    assert verdict is not None
    assert (verdict.code, verdict.ended_by, verdict.phase) == (
        KIND.code, "initiator", "before_request",
    )  # fmt: skip
    assert verdict.fix_at == ("responder", "initiator")
    text = fill(KIND, verdict, story).explanation
    assert "closed without a request" in text
    assert "(stream 2). The certificate is for b.example" in text


@pytest.mark.parametrize(
    ("used", "code"),
    [
        (("a.example",), "tls.certificate_name_mismatch"),
        (("b.example",), "ok"),
        ((), "ok"),
    ],
    ids=["another certificate", "this one", "one that could not be read"],
)
def test_a_name_that_others_used_with_another_certificate(used: tuple[str, ...], code: str) -> None:
    server = TlsServerFacts(names_used={"a.example": 9})
    if used:
        before = leaf(certificate(*used))
        assert before is not None
        server.leaves_used["a.example"] = [before]
    story = closed()
    assert judge(story, around(story, tls=server)).code == code
