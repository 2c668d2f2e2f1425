"""path.mtu: Nothing above a certain size passes on some way.

What happened
    Packets above a size never arrive on a way, or a router said that they are too big for it.
    Fragments of which parts never came are told under this code, too.

How pcapdiag can tell
    From the connections that failed as mtu.black_hole or mtu.fragmentation_needed, and from
    routers' "packet too big", also where the sender heeded it (then it only informs). Ways whose
    sizes agree are one finding; the size is compared with those of tunnels. Fragments: 3 datagrams
    between two hosts, a fifth of those in fragments.

Usual causes
    - A tunnel: VXLAN 1450, WireGuard 1420, GRE 1476, PPPoE 1492, IPsec about 1400.
    - ICMP that is filtered.
    - A filter that looks at ports and drops later fragments, which have none.

Fixes
    - First: compare the size in the finding with the tunnels on the way.
    - Application: DNS and other UDP: smaller messages (EDNS buffer 1232), or TCP.
    - Kubernetes: the network plugin's MTU, on every node.
    - Linux: MTU of the interface or route; `net.ipv4.tcp_mtu_probing=1` as a safety net.
    - Network: let ICMP type 3 code 4 and ICMPv6 type 2 through; `TCPMSS --clamp-mss-to-pmtu` at the
      tunnel; let fragments pass, or put them together first.
    - Cloud: the MTU is 1500 beyond AWS internet gateways, 8500 over a transit gateway; 1460 in
      Google's VPC.

Can be confused with
    - mtu.black_hole, mtu.fragmentation_needed: what one connection looks like.
    - path.loss: all sizes are lost.

What would settle it
    - `ping -M do -s SIZE` below and above the size; `tracepath -n`.

References
    - RFC 1191, RFC 8201, RFC 4821, RFC 8900 (fragments are fragile).
    - Sizes: arithmetic of the headers, as RFC 7348 (VXLAN, 50 bytes) and RFC 2516 (PPPoE, 8 bytes).
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_NAMED, MAX_STREAMS, Cases
from pcapdiag.diagnose.mtu import tunnels
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import Fleet, TooBigFact
from pcapdiag.model.report import Connection, Finding, Severity
from pcapdiag.model.units import counted, format_seconds

CODES = ("mtu.black_hole", "mtu.fragmentation_needed")


class _Way(Cases, kw_only=True):
    """Sizes from one host to another, IP bytes, and the connections that failed by them."""

    sender: str
    receiver: str
    passes: int
    vanishes: int
    told_by: str = ""
    """The router that named the MTU."""


class PathMtu:
    """Watches for connections that failed by size."""

    def __init__(self) -> None:
        self._ways: dict[tuple[str, str], _Way] = {}

    def look(self, connection: Connection) -> None:
        """Note the sizes of a connection that failed by size."""
        verdict = connection.verdict
        if verdict.code not in CODES:
            return
        sender, receiver = _ends(connection)
        numbers = verdict.numbers
        mtu = int(numbers.get("mtu", 0))
        passes = mtu or int(numbers.get("passed_size", 0))
        vanishes = mtu + 1 if mtu else int(numbers.get("vanished_size", 0))
        way = entry(
            self._ways,
            (sender, receiver),
            MAX_ENDPOINTS,
            lambda: _Way(sender=sender, receiver=receiver, passes=passes, vanishes=vanishes),
        )
        if way is None:
            return
        if max(way.passes, passes) < min(way.vanishes, vanishes):
            way.passes, way.vanishes = max(way.passes, passes), min(way.vanishes, vanishes)
        way.add(connection.stream, verdict.frames[:1], connection.start, connection.end)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each size, those that made connections fail first."""
        for fact in fleet.too_big:
            self._add_told(fact)
        bundles: list[list[_Way]] = []
        for way in self._ways.values():
            for bundle in bundles:
                if _agree([*bundle, way]):
                    bundle.append(way)
                    break
            else:
                bundles.append([way])
        bundles.sort(key=lambda ways: -sum(way.count for way in ways))
        return [_finding(ways) for ways in bundles]

    def _add_told(self, fact: TooBigFact) -> None:
        way = self._ways.get((fact.sender, fact.receiver))
        if way is None and not fact.mtu:
            return
        if way is None:
            way = _Way(
                sender=fact.sender,
                receiver=fact.receiver,
                passes=fact.mtu,
                vanishes=fact.mtu + 1,
                streams=fact.streams,
                frames=fact.frames,
                first=format_seconds(fact.first),
                last=format_seconds(fact.last),
            )
            self._ways[fact.sender, fact.receiver] = way
        way.told_by = fact.source


def _ends(connection: Connection) -> tuple[str, str]:
    """Return who sent the big segments, and to whom, by the bytes that were sent again."""
    ends = (connection.initiator.ip, connection.responder.ip)
    sent = connection.verdict.numbers.get("by_initiator", 1)
    return ends if sent else (ends[1], ends[0])


def _agree(ways: list[_Way]) -> bool:
    return max(way.passes for way in ways) < min(way.vanishes for way in ways)


def _finding(ways: list[_Way]) -> Finding:
    passes = max(way.passes for way in ways)
    vanishes = min(way.vanishes for way in ways)
    failed = sum(way.count for way in ways)
    severity: Severity = "failure" if failed else "info"
    exact = vanishes == passes + 1
    lower = f"{passes} or less" if exact else f"less than {vanishes}, by ping -M do -s SIZE"
    return Finding(
        code="path.mtu",
        severity=severity,
        title=_title(passes, vanishes),
        detail=_detail(ways, passes, vanishes, failed),
        explanation=(
            "Packets of up to 1500 bytes are usual on Ethernet; a tunnel on the way leaves less "
            "room. A sender learns of it by ICMP, which must not be filtered, or by a clamped MSS."
        ),
        streams=[stream for way in ways for stream in way.streams][:MAX_STREAMS],
        addresses=sorted({a for way in ways for a in (way.sender, way.receiver)})[:MAX_NAMED],
        frames=sorted({frame for way in ways for frame in way.frames})[:MAX_STREAMS],
        first=min((way.first for way in ways), key=float),
        last=max((way.last for way in ways), key=float),
        count=max(1, failed),
        numbers={"passed_size": passes, "vanished_size": vanishes, "failed": failed},
        fixes=[
            f"MTU of the senders' interfaces, or the CNI's mtu setting: {lower}",
            "clamp the MSS where the tunnel begins: iptables (IPv6: ip6tables) -t mangle -A "
            "FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
            "let ICMP type 3 code 4 and ICMPv6 type 2 pass",
        ],
        commands=[f"tracepath -n {way.receiver}  # from {way.sender}" for way in ways[:2]],
    )


def _title(passes: int, vanishes: int) -> str:
    if vanishes == passes + 1:
        return f"a path that carries packets of {passes} bytes at most"
    if not passes:
        return f"a path that loses packets of {vanishes} bytes"
    return f"a path that carries packets of {passes} bytes, and loses those of {vanishes}"


def _detail(ways: list[_Way], passes: int, vanishes: int, failed: int) -> str:
    first = ways[0]
    where = f"from {first.sender} to {first.receiver}"
    if len(ways) > 1:
        where += f" and on {counted(len(ways) - 1, 'other way')}"
    told = next((way.told_by for way in ways if way.told_by), "")
    said = f"{told} said so (ICMP)" if told else "no router's word on it (ICMP) in this capture"
    what = f"{counted(failed, 'connection')} failed by it" if failed else "nothing failed by it"
    likely = tunnels.explain(passes, vanishes)
    text = f"{where}: {what}; {said}"
    return f"{text}; that size is usual with {likely}" if likely else text
