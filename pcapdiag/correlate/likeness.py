"""Whether the prints of two points can be of one connection, and what speaks for it.

What a device on the path changes decides what may be compared. A NAT changes addresses and ports,
and nothing else. A firewall that renumbers (facts: Cisco ASA) changes sequence numbers by a
constant, and passes timestamps (RFC 7323) and IP IDs on. A proxy ends the connection and opens
another: its numbers, timestamps and IP IDs are its own, and only the payload is the same. So equal
payload alone never makes one connection of two.
"""

from __future__ import annotations

from pcapdiag.model.packet import MASK32
from pcapdiag.model.points import Print

HALF = 0x80000000


def same_ends(a: Print, b: Print) -> bool:
    """Return whether addresses and ports are the same at both points."""
    return a.initiator == b.initiator and a.responder == b.responder


def same_syn(a: Print, b: Print) -> bool | None:
    """Return whether the first SYNs seen are one packet by IP ID and timestamp; None: not to tell.

    A SYN that was sent again has another IP ID and a later timestamp, so different ones prove
    nothing where one point may have missed the first.
    """
    told = _equal_or_unknown(a.syn_tsval, b.syn_tsval)
    if told is False:
        return False
    if a.syn_ip_id and b.syn_ip_id:
        return a.syn_ip_id == b.syn_ip_id
    return told


def other_syn(a: Print, b: Print) -> bool:
    """Return whether each point saw one SYN, and they are surely two packets."""
    return a.syn_count == 1 and b.syn_count == 1 and same_syn(a, b) is False


def same_timestamps(a: Print, b: Print) -> bool:
    """Return whether the SYNs bear one timestamp value, and the SYN-ACKs not different ones."""
    if a.syn_tsval is None or a.syn_tsval != b.syn_tsval:
        return False
    return _equal_or_unknown(a.syn_ack_tsval, b.syn_ack_tsval) is not False


def same_payload(a: Print, b: Print) -> bool:
    """Return whether the first bytes of an end are the same, and those of no end different."""
    told = [
        ours == theirs
        for ours, theirs in (
            (a.digest_initiator, b.digest_initiator),
            (a.digest_responder, b.digest_responder),
        )
        if ours and theirs
    ]
    return bool(told) and all(told)


def is_shifted(a: Print, b: Print) -> bool:
    """Return whether both ends sent as many bytes at both points, as far as their ends were seen.

    That is: a number that was shifted was shifted by as much at the end as at the beginning.
    """
    return _same_length(
        a.isn_initiator, a.next_seq_initiator, b.isn_initiator, b.next_seq_initiator,
        a.has_end_initiator and b.has_end_initiator,
    ) and _same_length(
        a.isn_responder, a.next_seq_responder, b.isn_responder, b.next_seq_responder,
        a.has_end_responder and b.has_end_responder,
    )  # fmt: skip


def fits_one_number(a: Print, b: Print) -> bool:
    """Return whether two prints with one equal initial sequence number are one connection's.

    Of half a million connections at each point, dozens share a 32-bit number by chance; something
    else has to agree.
    """
    ours, theirs = a.isn_responder, b.isn_responder
    if a.isn_initiator != b.isn_initiator:
        ours, theirs = a.isn_initiator, b.isn_initiator
    if other_syn(a, b) and not (same_ends(a, b) and same_payload(a, b)):
        # A SYN proxy makes a SYN of its own, with the initiator's number.
        return False
    if ours is not None and theirs is not None and ours != theirs:
        # Both were seen and differ: something on the path answered, or renumbers one way.
        return (same_ends(a, b) or same_timestamps(a, b)) and is_shifted(a, b)
    if a.initiator == b.initiator or a.responder == b.responder:
        return True
    return bool(same_syn(a, b)) or same_timestamps(a, b) or same_payload(a, b)


def fits_timestamps(a: Print, b: Print) -> bool:
    """Return whether two prints with one timestamp value of the SYN are one connection's."""
    if other_syn(a, b) or not same_timestamps(a, b) or not is_shifted(a, b):
        return False
    if a.initiator[1] == b.initiator[1]:
        return True
    if a.syn_ack_tsval is not None and a.syn_ack_tsval == b.syn_ack_tsval:
        return True
    return a.syn_ip_id == b.syn_ip_id > 0 or same_payload(a, b)


def fits_addresses(a: Print, b: Print) -> bool:
    """Return whether prints with the same ends, but other numbers, are one connection's.

    A device that renumbers and takes the timestamps out leaves the SYN's IP ID, or the payload.
    """
    if not (a.syn_count and b.syn_count) or not is_shifted(a, b):
        return False
    told = same_syn(a, b)
    if told is None:
        return same_payload(a, b) and _both_ended(a) and _both_ended(b)
    return told


def overlaps(a: Print, b: Print, *, swapped: bool) -> bool:
    """Return whether the sequence numbers seen of an end meet, and those of no end are apart."""
    theirs = (
        (_first(b.isn_initiator, b.first_seq_initiator), b.next_seq_initiator),
        (_first(b.isn_responder, b.first_seq_responder), b.next_seq_responder),
    )
    if swapped:
        theirs = theirs[1], theirs[0]
    ours = (
        (_first(a.isn_initiator, a.first_seq_initiator), a.next_seq_initiator),
        (_first(a.isn_responder, a.first_seq_responder), a.next_seq_responder),
    )
    told = [_meet(*one, *other) for one, other in zip(ours, theirs, strict=True)]
    return True in told and False not in told


def _first(isn: int | None, first: int | None) -> int | None:
    return first if isn is None else isn


def _meet(
    low: int | None, high: int | None, other_low: int | None, other_high: int | None
) -> bool | None:
    if low is None or high is None or other_low is None or other_high is None:
        return None
    behind = (other_low - low) & MASK32
    before = (low - other_low) & MASK32
    return behind <= (high - low) & MASK32 or before <= (other_high - other_low) & MASK32


def _same_length(
    isn: int | None, end: int | None, other_isn: int | None, other_end: int | None, ended: bool
) -> bool:  # fmt: skip
    if isn is None or end is None or other_isn is None or other_end is None or not ended:
        return True
    return (end - isn) & MASK32 == (other_end - other_isn) & MASK32


def _both_ended(a: Print) -> bool:
    return a.has_end_initiator and a.has_end_responder


def _equal_or_unknown(ours: int | None, theirs: int | None) -> bool | None:
    return None if ours is None or theirs is None else ours == theirs
