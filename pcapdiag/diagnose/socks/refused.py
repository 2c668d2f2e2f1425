"""socks.refused: The SOCKS proxy said no.

What happened
    The connection to the SOCKS proxy worked, and the proxy refused what it was asked: the ways to
    log in, the name and password, or the call to the target. Then it closed.

How pcapdiag can tell
    By the proxy's last answer. SOCKS5: 05 FF (no method is acceptable), 01 and a status that is not
    0 (the login failed), 05 and a reply code from 1 on. SOCKS4: 00 5B, 5C or 5D. The first bytes of
    both ends must be SOCKS, and whole. Codes 3 to 6 say that the proxy's own connection to the
    target failed: it passes that on. The methods, the login, and codes 2, 7 and 8 are its own no.
    Code 1 and SOCKS4's 5B may be either. Names and passwords of a login are never read.

Usual causes
    - The target refused or did not answer the proxy (codes 3 to 6): look at the leg behind it.
    - A rule of the proxy does not allow this client, this target or this port (code 2).
    - The proxy wants a login and the client offers none, or the other way round.
    - The name or password is wrong.
    - A name that the proxy cannot look up (code 1 or 4, as the product likes).
    - An IPv6 address or a command that the proxy does not serve (codes 7 and 8).

Fixes
    - First: who said no? With codes 3 to 6 it is the leg from the proxy to the target that failed.
    - Application: the proxy's address and login; `socks5h://` lets the proxy look up the name,
      `socks5://` has the client do it; `ALL_PROXY` and `NO_PROXY`.
    - Linux: Dante `danted.conf`: `socks pass` and `client pass` rules, `socksmethod`, `external`;
      its log with `log: connect error` in each rule.
    - Network: a firewall between the proxy and the target; name servers of the proxy.

Can be confused with
    - http.local_reply: the same by an HTTP proxy.
    - tcp.closed_before_response: a proxy that closes without a code, as `ssh -D` does where the
      target does not answer.

What would settle it
    - A capture of both legs: on the proxy, `tcpdump -ni any -w FILE` without a filter for one side.
    - The proxy's log at that moment.

References
    - RFC 1928 sections 3 and 6; RFC 1929 section 2.
    - Ying-Da Lee, "SOCKS: A protocol for TCP proxy across firewalls" (SOCKS4), and "SOCKS 4A".
    - Measured in the lab (docs/lab.md): Dante 1.4.2 and curl.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, SideHint
from pcapdiag.diagnose.kind import Kind
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.ends import Actor
from pcapdiag.model.harmless import harmless, is_command_word
from pcapdiag.model.story import Story
from pcapdiag.protocols.socks import PASSED_ON, SOCKS4, SOCKS_REPLY, UNCLEAR, Refusal, refusal

KIND = Kind(
    code="socks.refused",
    title="the SOCKS proxy {responder} {did}: {reason}",
    explanation=(
        "{initiator} asked the SOCKS{version} proxy {responder} {asked} (frame "
        "{request_frame}). {took} later it answered {bytes} (frame {response_frame}): {reason}. "
        "{whose}"
    ),
    phases=("before_response",),
    fix_at=("responder", "initiator"),
    fixes=("{first}", "{second}"),
    commands=(
        "tcpdump -ni any -w behind.pcap '{behind}'  # on {responder_ip}: the leg behind the proxy",
        "curl -sv -o /dev/null -x 'socks{v}://{responder_host}:{responder_port}' "
        "'http://{target}/'  # from {initiator_ip}; with its login, if it has one",
    ),
)

REASONS_5 = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired (Dante says so of a target that did not answer in time)",
    7: "command not supported",
    8: "address type not supported",
}
"""REP of RFC 1928 section 6."""
REASONS_4 = {
    0x5B: "rejected or failed",
    0x5C: "it could not ask identd on the client",
    0x5D: "identd on the client names another user",
}
METHODS = {0: "no login", 1: "GSSAPI", 2: "password and name"}
"""Ways to log in (RFC 1928 section 3). A password with a colon behind it would be masked."""
MAX_OFFERED = 4
LOGIN_BY = "a login by password and name"
MAX_TARGET = 120
"""Characters of a target that are told."""
UPSTREAM = (
    "look at the connection that {proxy} opened to {target} just then: its verdict is the cause"
)
CAN_REACH = "can {proxy} reach {target}? name servers, routes and firewalls as the proxy sees them"
RULES = (
    "does a rule of the proxy allow this client, target and port? (Dante: socks pass, client pass)"
)
LOG = "the log of the proxy on {proxy} at that moment says why"
WANTS = "which logins does the proxy take? (Dante: socksmethod, clientmethod)"
OFFER = "give the client a name and password, or none, as the proxy wants it"
LOGIN = "does the login that the client is set to use exist on the proxy, with this password?"
SUPPORT = "does the proxy serve this command and IPv6? else ask by name (socks5h), or for IPv4"
OWN = "That is the proxy's own no: it did not call the target for this."
HANDED = "It passes on that it could not reach the target: the cause is on the leg behind it."
EITHER = (
    "That may be its own no, or say that it could not reach the target: the leg behind it or its "
    "log tells."
)


def match(story: Story, _context: Context) -> Judgement | None:
    """Return the verdict for a SOCKS proxy's refusal in the last turn."""
    found = refusal(story)
    if found is None:
        return None
    turn, end = story.turn, ending(story)
    frame = turn.response_frame
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="before_response",
        confidence=0.98,
        frames=frames_of(turn.request_frame, frame),
        ended_by=end.actor if end else None,
        candidates=(
            SideHint("responder", 0.97, "the refusal is in order and bears its address", (frame,)),
            SideHint("path", 0.03, "a proxy that answers for it would look the same", (frame,)),
        ),
        fix_at=_fix_at(found),
        numbers={"socks_version": found.version, SOCKS_REPLY: found.code},
        facts=_words(found, story),
    )


def _fix_at(found: Refusal) -> tuple[Actor, ...]:
    if found.step == "request":
        return ("responder",) if found.code in PASSED_ON[found.version] else ()
    return ("initiator", "responder")


def _words(found: Refusal, story: Story) -> dict[str, str]:
    turn, target = story.turn, harmless(found.target, MAX_TARGET)
    advice = _advice(found)
    proxy = story.responder.address
    return {
        "version": str(found.version),
        "v": "4a" if found.version == SOCKS4 else "5h",
        "target": found.target if is_command_word(found.target) else "TARGET",
        "asked": _asked(found, target),
        "did": _did(found, target),
        "bytes": _bytes(found),
        "reason": _reason(found),
        "whose": _whose(found),
        "first": advice[0].format(proxy=proxy, target=target),
        "second": advice[1].format(proxy=proxy, target=target),
        "request_frame": str(turn.request_frame),
        "response_frame": str(turn.response_frame),
        "took": duration(max(0, turn.response_time - turn.request_last_time)),
    }


def _asked(found: Refusal, target: str) -> str:
    if found.step == "methods":
        return f"to go on with {_offered(found)}"
    return f"for {LOGIN_BY if found.step == 'login' else f'{found.command} {target}'}"


def _did(found: Refusal, target: str) -> str:
    if _whose(found) is HANDED:
        return f"did not reach {target}"
    return f"refused {_asked(found, target).removeprefix('for ')}"


def _offered(found: Refusal) -> str:
    named = [METHODS.get(one, f"method {one:#04x}") for one in sorted(set(found.methods))]
    more = " or another" if len(named) > MAX_OFFERED else ""
    return " or ".join(named[:MAX_OFFERED]) + more


def _bytes(found: Refusal) -> str:
    first = {"methods": 5, "login": 1, "request": 0 if found.version == SOCKS4 else 5}[found.step]
    return f"{first:02X} {found.code:02X}"


def _reason(found: Refusal) -> str:
    if found.step == "methods":
        return "none of that is acceptable"
    if found.step == "login":
        return "name or password is wrong, or not allowed"
    known = REASONS_4 if found.version == SOCKS4 else REASONS_5
    return known.get(found.code, f"code {found.code:#04x}, which RFC 1928 does not assign")


def _whose(found: Refusal) -> str:
    if found.step == "request" and found.code in PASSED_ON[found.version]:
        return HANDED
    return EITHER if found.step == "request" and found.code in UNCLEAR[found.version] else OWN


def _advice(found: Refusal) -> tuple[str, str]:
    if found.step == "methods":
        return OFFER, WANTS
    if found.step == "login":
        return LOGIN, LOG
    if _whose(found) is not OWN:
        return UPSTREAM, CAN_REACH if _whose(found) is HANDED else LOG
    return (SUPPORT, LOG) if found.code in (7, 8) and found.version != SOCKS4 else (RULES, LOG)
