"""Finding path.mtu, for fragments: datagrams that were cut on the way, of which parts never came.

Filters that look at ports drop the fragments that have none, all but the first; what is too big
for the path then never arrives whole, though small datagrams do. It shows where the fragments
should arrive. A capture filter for ports (`port 53`) leaves out the same ones: where a capture
holds no other fragments at all, it may have been that.
"""

from __future__ import annotations

from pcapdiag.model.fleet import Fleet, FragmentFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, format_seconds

FEWEST = 3
SHARE = 0.2
"""Lost datagrams, and share of all in fragments, from which it is more than a lost packet."""
MAX_FINDINGS = 100
BY_HOST = (
    "was this captured with a filter for ports? It leaves out what has none: filter by host instead"
)


class LostFragments:
    """Tells of hosts between whom fragments are lost."""

    def look(self, connection: Connection) -> None:
        """Pass: datagrams that never came whole belong to no connection."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each two hosts, the most lost first."""
        ways = [way for way in fleet.fragments if _stands_out(way)]
        ways.sort(key=lambda way: -way.lost)
        return [_finding(way) for way in ways[:MAX_FINDINGS]]


def _stands_out(way: FragmentFacts) -> bool:
    return way.lost >= FEWEST and way.lost >= SHARE * (way.lost + way.whole)


def _finding(way: FragmentFacts) -> Finding:
    return Finding(
        code="path.mtu",
        severity="info" if way.only_first else "warning",
        title=(
            f"fragments from {way.sender} to {way.receiver} are lost"
            f"{', or left out by a capture filter' if way.only_first else ''}"
        ),
        detail=(
            f"{way.lost:,} of {counted(way.lost + way.whole, 'datagram')} that came in fragments "
            "never came whole"
        ),
        explanation=(
            "A packet that is too big for a link is cut into fragments, of which only the first "
            "has ports. Filters that ask for ports drop the others: the packet is lost as a whole."
        ),
        streams=[],
        addresses=[way.sender, way.receiver],
        first=format_seconds(way.first),
        last=format_seconds(way.last),
        count=way.lost,
        numbers={"lost": way.lost, "whole": way.whole},
        fixes=[
            *([BY_HOST] if way.only_first else []),
            "let fragments through: cloud security groups and network ACLs, firewalls that do not "
            "put them together first (nf_defrag does)",
            "or make none: path MTU discovery on (DF set), the MTU of tunnels on the senders' "
            "interfaces; for DNS an EDNS buffer of 1232 bytes",
        ],
        commands=[
            f"tcpdump -ni any 'src {way.sender} and (ip[6:2] & 0x3fff != 0 or ip6[6] = 44)'"
            f"  # on {way.sender}: do all leave?"
        ],
    )
