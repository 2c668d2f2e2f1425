"""Labels of host names that say what kind of name it is, and not whose."""

from __future__ import annotations

KEPT_LABELS = frozenset(
    b"ac arpa cluster co com dev edu example gov in-addr info int internal invalid io ip6 lan local"
    b" localhost mesh net org pod svc test".split()
)
"""Last labels that say what kind of name it is, and not whose; and those before them."""
KEPT_ANYWHERE = frozenset(b"* www _dns-sd _grpc _http _https _tcp _tls _udp".split())


def is_kept(label: bytes) -> bool:
    """Return whether a label may be one that stays where it is."""
    return label in KEPT_LABELS or label in KEPT_ANYWHERE


def is_general(labels: list[bytes], at: int) -> bool:
    """Return whether a label, with all behind it, is one that many names end in."""
    label = labels[at].lower()
    is_country = len(label) == 2 and label.isalpha() and at > 0 and not any(labels[at + 1 :])
    return is_country or label in KEPT_LABELS or not label
