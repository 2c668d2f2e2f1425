"""The words that a person reads for sides, parties and counts."""

from __future__ import annotations

from pcapdiag.diagnose.registry import kind_of
from pcapdiag.model.report import Attribution, Candidate, Connection, Endpoint, Report, Verdict
from pcapdiag.report.escape import shown


def captures(report: Report) -> str:
    """Return what a report is of: ``the capture``, or ``the captures`` of several points."""
    return "the captures" if report.points else "the capture"


def size(number: int) -> str:
    """Return bytes in the unit that fits: ``517 B``, ``88.9 kB``, ``1.14 GB``."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        # What would be rounded to 1000 of a unit is one of the next.
        if value < 999.5 or (unit == "B" and value < 1000):
            return f"{number} B" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.0f} TB"


def end(endpoint: Endpoint) -> str:
    """Return an end as address, port and name: ``10.0.2.7:443 (pay.internal)``."""
    text = shown(endpoint.host_port)
    return f"{text} ({shown(endpoint.name)})" if endpoint.name else text


def ends(connection: Connection) -> str:
    """Return who connected to whom."""
    return f"{end(connection.initiator)} -> {end(connection.responder)}"


def confidence(value: float) -> str:
    """Return a probability with two digits, and never as a certainty."""
    return f"{min(max(value, 0.0), 0.99):.2f}"


def culprit(
    connection: Connection, *, several: bool = False, verdict: Verdict | None = None
) -> str:
    """Return a sentence that says who did it, or who it may have been.

    ``several`` captures told it, and not one; ``verdict`` is another one than the connection's own.
    """
    verdict = verdict or connection.verdict
    who = verdict.attribution
    if who.side == "unknown":
        told_by = "these captures cannot tell" if several else "this capture cannot tell"
        return _candidates(connection, who, told_by)
    text = _who(connection, who.side, who.party, who.address if several else None)
    if who.side == "path":
        return f"{text}: {shown(who.address)}" if who.address else text
    if verdict.code.startswith(SAID_BY_A_PROGRAM):
        return text
    return f"{text} (the host, its own firewall, or its sidecar)"


def mend_places(connection: Connection) -> str:
    """Return where it is mended as it follows the culprit; nothing where that says it already."""
    verdict = connection.verdict
    places = [party for party in verdict.fix_at if party != "unknown"][:MEND_PLACES]
    if not places or places == [verdict.attribution.party]:
        return ""
    return f"; mend at {' or '.join(PARTY[place] for place in places)}"


def logged(verdict: Verdict, caller: str = "") -> tuple[str, str]:
    """Return whose log says what of a failure: Envoy's words, or those of a known ``caller``.

    Empty where that one has none.
    """
    if caller in ("", "envoy"):
        said = _envoy_words(verdict)
        return ("Envoy", said) if said else ("", "")
    kind = kind_of(verdict.code)
    if caller == "haproxy" and kind.haproxy:
        return "HAProxy", f"termination state {kind.haproxy}"
    return ("NGINX", kind.nginx) if caller == "nginx" and kind.nginx else ("", "")


def _envoy_words(verdict: Verdict) -> str:
    envoy = verdict.envoy
    if not envoy or not envoy.flag:
        return ""
    text = f"{envoy.flag}, {shown(envoy.reset_reason)}"
    said = envoy.observed
    same = said is not None and (said.flag, said.reset_reason) == (envoy.flag, envoy.reset_reason)
    if said and said.agrees is False and not same:
        reply = ", ".join(shown(word) for word in (said.flag, said.reset_reason) if word)
        text += f"; its reply says {reply}: that is of its last try, which may be another one"
    return text


def _candidates(connection: Connection, who: Attribution, told_by: str) -> str:
    if not who.candidates:
        return f"{told_by} who"
    names = [_candidate(connection, candidate) for candidate in who.candidates]
    return f"{told_by}: {' or '.join(names)}"


def _candidate(connection: Connection, candidate: Candidate) -> str:
    text = _who(connection, candidate.side, candidate.party)
    return f"{text} {confidence(candidate.confidence)}"


def _who(connection: Connection, side: str, party: str, own: str | None = None) -> str:
    """Return a side in words; ``own`` is its own address, where a NAT hides it from the others."""
    if side == "path":
        near, far = shown(connection.initiator.ip), shown(connection.responder.ip)
        return f"a device between {near} and {far}"
    endpoint = connection.endpoint(side)
    role = party if party not in {"unknown", "middlebox"} else ROLE_OF_SIDE[side]
    if own and own != endpoint.ip:
        return f"the {role} {shown(own)}, behind {shown(endpoint.ip)}"
    return f"the {role} {shown(endpoint.ip)}"


MEND_PLACES = 2
"""Parties that are named as those who can mend it."""
SAID_BY_A_PROGRAM = ("http.", "grpc.")
"""Codes of what a program said in its own protocol: no firewall and no kernel says that."""
PARTY = {
    "client": "client",
    "proxy": "proxy",
    "upstream": "upstream",
    "middlebox": "device on the path",
    "unknown": "cannot be told",
}
ROLE_OF_SIDE = {"initiator": "side that connected,", "responder": "side that was called,"}


def sender(connection: Connection, side: str) -> str:
    """Return one word for who sent a packet: the role where it is known, else the side."""
    if side == "path":
        return "device"
    endpoint = connection.endpoint(side)
    return side if endpoint.role == "unknown" else endpoint.role
