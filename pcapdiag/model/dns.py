"""What DNS messages say, and what a capture's lookups came to.

Names are in lower case (RFC 1035 section 2.3.3; clients may mix the case of a query, against forged
answers) and as a stranger wrote them: they must be made harmless before they are shown.
"""

from __future__ import annotations

from typing import Literal

import msgspec

PORT = 53
A, AAAA = 1, 28
"""Types of address records (RFC 1035 section 3.2.2, RFC 3596)."""
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
"""Response codes (RFC 1035 section 4.1.1, RFC 8020)."""


class DnsMessage(msgspec.Struct, frozen=True):
    """One query or response with a single question."""

    id: int
    is_response: bool
    truncated: bool
    """The rest is to be asked for over TCP (RFC 1035 section 4.2.1)."""
    rcode: int
    name: str
    """Of the question, without the last dot."""
    type: int
    recursive: bool = True
    """Whether recursion is desired, as stub resolvers do; servers that find a name out themselves
    ask many others in vain."""
    records: int = 0
    """Answer records that the header counts."""
    addresses: tuple[str, ...] | None = ()
    """Of all address records of the answer, in order; None where they could not be read."""
    ttl: int = 0
    """The smallest of the answer records', seconds."""


class DnsParty(msgspec.Struct, frozen=True):
    """Who asks whom: addresses, and the client's port."""

    client: str
    port: int
    server: str


class ResolverFacts(msgspec.Struct):
    """What one server was asked, and how it answered."""

    address: str
    asked: int = 0
    """Queries, each retry and both families counted."""
    answered: int = 0
    unanswered: int = 0
    rcodes: dict[int, int] = {}
    truncated: int = 0
    """Answers that were cut, and are to be asked for again over TCP."""
    first_truncated: int = 0
    clients: set[str] = set()
    first: int = 0
    last: int = 0
    times: list[int] = msgspec.field(default_factory=lambda: [0] * 16)
    """Histogram of times to answer: bucket i counts those under 1 ms * 2**i (the last: longer)."""


class SlowLookup(msgspec.Struct, frozen=True):
    """A question whose answer took long."""

    time: int
    """When it was asked first, ns."""
    took: int
    """Until the answer, ns."""
    client: str
    server: str
    name: str
    frame: int
    tries: int
    """How often it was asked."""


Failure = Literal["nxdomain", "servfail", "refused", "unanswered", "port_closed", "unreachable"]
"""The last two are told by ICMP: port unreachable, or another reason."""


class FailedName(msgspec.Struct):
    """Lookups of the addresses of one name by one client, some of which failed."""

    client: str
    name: str
    failures: dict[Failure, int] = {}
    """Lookups that failed to the end, by how; both families are one lookup."""
    servers: dict[str, int] = {}
    """Whom it asked then, with counts."""
    first: int = 0
    last: int = 0
    frames: list[int] = []
    good: int = 0
    """Lookups with an address."""
    first_good: int = 0
    last_good: int = 0
    tried_next: set[str] = set()
    """Names that the client asked for right after a failure: its other search domains."""


class HeldAddress(msgspec.Struct):
    """An address among the answers for one name from one server."""

    first: int
    last: int
    """When an answer held it first and last, ns."""
    ttl: int
    """Of the last such answer, seconds."""
    frame: int = 0
    gone: int = 0
    """When the first answer after that came which does not hold it; 0 without any."""
    gone_frame: int = 0
    without: int = 0
    """Answers since then, none of which holds it."""
    longest_away: int = 0
    """The most answers in a row that did not hold it before it came back."""


class HeldAnswers(msgspec.Struct):
    """The addresses that one server gave for one name."""

    server: str
    name: str
    held: dict[str, HeldAddress] = {}
    current: dict[int, tuple[str, ...]] = {}
    """The last answer, by type."""


class DnsFacts(msgspec.Struct):
    """All DNS of the capture."""

    messages: int = 0
    left_out: int = 0
    """Messages, names and addresses for which there was no room."""
    unreadable: int = 0
    resolvers: list[ResolverFacts] = []
    failed: list[FailedName] = []
    search_domains: set[str] = set()
    """What clients append to names before they ask for the bare one."""
    slow: list[SlowLookup] = []
    answers: list[HeldAnswers] = []
    names: dict[str, list[str]] = {}
    """By address, the names whose answers held it."""
