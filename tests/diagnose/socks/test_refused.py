from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import SOCKS, judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.registry import kind_of
from pcapdiag.diagnose.text import fill
from pcapdiag.report.mask import mask
from tests.diagnose.playbook import HANDSHAKE, SERVER, C, Line, S, around, play, sides
from tests.protocols.test_socks import LOGIN, NAME, TARGET, talk

pytestmark = pytest.mark.once

GREETED = ("05 01 00", "05 00")
YES = "05 00 00 01 00000000 0000"


def judged(*said: str) -> tuple[Judgement, str, str]:
    """Return the judgement, its title and its explanation."""
    story = talk(*said)
    found = judge(story, around(story))
    texts = fill(kind_of(found.code), found, story)
    return found, texts.title, texts.explanation


def answered(code: int, target: str = TARGET) -> tuple[Judgement, str, str]:
    return judged(*GREETED, f"05 01 00 {target}", f"05 {code:02x} 00 01 00000000 0000")


@pytest.mark.parametrize("code", [3, 4, 5, 6])
def test_it_passes_on_that_the_target_was_not_reached(code: int) -> None:
    found, title, explanation = answered(code)
    assert (found.code, found.phase, found.fix_at) == (
        *("socks.refused", "before_response"),
        ("responder",),
    )
    assert "did not reach 10.0.3.7:8080" in title
    assert "the cause is on the leg behind it" in explanation


@pytest.mark.parametrize("code", [2, 7, 8])
def test_it_says_no_by_itself(code: int) -> None:
    _, title, explanation = answered(code)
    assert "refused CONNECT 10.0.3.7:8080" in title
    assert "the proxy's own no" in explanation


@pytest.mark.parametrize("code", [1, 0xF0])
def test_what_its_code_leaves_open_is_not_said(code: int) -> None:
    _, _, explanation = answered(code)
    assert ("may be its own no" in explanation) == (code == 1)


def test_who_did_it_and_on_what_frames() -> None:
    found, title, _ = answered(2)
    assert sides(found)["responder"] > 0.9
    assert found.frames == (6, 7)
    assert found.numbers == {"socks_version": 5, "socks_reply": 2}
    assert SERVER[0] in title


def test_a_login_is_told_without_its_words() -> None:
    found, title, explanation = judged("05 01 02", "05 02", LOGIN, "01 01")
    assert found.code == "socks.refused"
    assert found.fix_at == ("initiator", "responder")
    for text in (title, explanation):
        assert "sec" not in text.replace("second", "")
        assert mask(text) == text


@pytest.mark.parametrize(
    ("target", "host"),
    [(TARGET, "10.0.3.7:8080"), (NAME.replace("73686f70", "24287829"), "TARGET")],
)
def test_the_command_goes_by_way_of_the_proxy(target: str, host: str) -> None:
    story = talk(*GREETED, f"05 01 00 {target}", "05 02 00 01 00000000 0000")
    commands = fill(kind_of("socks.refused"), judge(story, around(story)), story).commands
    assert f"-x 'socks5h://{SERVER[0]}:{SERVER[1]}' 'http://{host}/'" in commands[1]


def test_no_method_is_told_with_what_was_offered() -> None:
    _, title, _ = judged("05 02 00 01", "05 ff")
    assert "refused to go on with no login or GSSAPI" in title


def test_a_name_that_strangers_wrote_is_made_harmless() -> None:
    found, title, _ = answered(4, NAME.replace("73686f70", "1b5b324a"))
    assert "\x1b" not in title
    assert "\x1b" not in "".join(found.facts.values())


@pytest.mark.parametrize("ends", [(S("FIN,ACK"), C("RST", win=0)), (S("RST,ACK", win=500),), ()])
def test_however_it_ends(ends: tuple[Line, ...]) -> None:
    lines = [
        *(C("PSH,ACK", bytes.fromhex("050100")), S("PSH,ACK", bytes.fromhex("0500"))),
        C("PSH,ACK", bytes.fromhex(f"050100 {TARGET}")),
        S("PSH,ACK", bytes.fromhex("0502000100000000 0000")),
    ]
    story = play(*HANDSHAKE, *lines, *ends)
    assert judge(story, around(story)).code == "socks.refused"


def test_a_tunnel_that_was_opened_is_judged_by_what_lies_in_it() -> None:
    through = (*GREETED, f"05 01 00 {TARGET}", YES)
    assert judged(*through, "474554", "485454")[0].code == "ok"


OPENED = [
    (*GREETED, f"05 01 00 {TARGET}", YES),
    ("04 01 1f90 0a000307 00", "00 5a 0000 00000000"),
    ("05 01 02", "05 02", LOGIN, "01 00", f"05 01 00 {TARGET}", YES),
]


@pytest.mark.parametrize("opened", OPENED)
def test_a_failure_in_a_tunnel_says_so(opened: tuple[str, ...]) -> None:
    found, _, _ = judged(*opened, "474554202f20485454502f312e310d0a0d0a")
    assert (found.code, found.notes) == ("tcp.closed_before_response", (SOCKS,))


@pytest.mark.parametrize("asked", [opened[:-1] for opened in OPENED])
def test_a_proxy_that_closes_without_an_answer_is_in_no_tunnel(asked: tuple[str, ...]) -> None:
    found, _, _ = judged(*asked)
    assert (found.code, found.notes) == ("tcp.closed_before_response", ())
