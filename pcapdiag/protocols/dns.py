"""Names from DNS answers in the capture: address records and the names that were asked for."""

from __future__ import annotations

from collections.abc import Iterator

MAX_ANSWERS = 64
"""Answer records of one message that are read."""


def address_names(message: bytes) -> Iterator[tuple[str, str]]:
    """Yield (address, name asked for) of a DNS response (RFC 1035, RFC 3596).

    The name is the question's, not that of the last alias: it is what the user knows. A message
    that cannot be parsed yields nothing.
    """
    # Imported here: most captures have no DNS, and the package imports all of its protocols.
    import socket

    import dpkt

    try:
        answer = dpkt.dns.DNS(message)
        asked = answer.qd[0].name if answer.qd else ""
        records = answer.an[:MAX_ANSWERS]
    except Exception:  # dpkt raises whatever its slicing meets on a hostile message
        return
    for record in records:
        data = getattr(record, "ip", None) or getattr(record, "ip6", None)
        if asked and isinstance(data, bytes) and len(data) in (4, 16):
            family = socket.AF_INET if len(data) == 4 else socket.AF_INET6
            yield socket.inet_ntop(family, data), asked
