# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Where every address answered from, connection by connection: source MAC and TTL, and when.

Only the responder of a connection counts, and only where all its packets came from one place.
"""

from __future__ import annotations

from pcapdiag.flow.records import Flow, HalfFlow, Place

MAX_PLACES = 8

# Twin in C of a constant that plain Python imports.
_MAX_PLACES = MAX_PLACES


def note_place(flow: Flow) -> None:
    """Note where the responder of a connection that ended answered from."""
    f: HalfFlow = flow.b if flow.a_opened else flow.a
    if flow.inferred or flow.handshake_done == 0 or f.mac1_count > 0 or f.ttl1_count > 0:
        return
    if f.ttl0 < 0:
        return
    key = (f.mac0 << 8) | f.ttl0
    host = f.host
    place: Place | None = host.place
    if place is None or place.key != key:
        if host.places is None:
            host.places = []
        place = None
        for known in host.places:
            if known.key == key:
                place = known
                break
        if place is None:
            if len(host.places) >= _MAX_PLACES:
                return
            place = Place(key)
            place.first = f.first_time
            host.places.append(place)
        host.place = place
    place.connections += 1
    place.packets += f.packets
    if f.first_time < place.first:
        place.first = f.first_time
    if f.last_time > place.last:
        place.last = f.last_time
