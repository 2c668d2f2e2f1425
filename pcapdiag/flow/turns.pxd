import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.callers cimport Callers
from pcapdiag.flow.lanes cimport Lanes
from pcapdiag.flow.legs cimport Moments
from pcapdiag.flow.midway cimport is_midway
from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow
from pcapdiag.flow.screen cimport is_alarming, is_answer, is_interim, is_request, request_length, status
from pcapdiag.flow.slabs cimport HeadSlab
from pcapdiag.flow.spans cimport note_served
from pcapdiag.model.numbers cimport big16, big32, big64, copy, distance

cdef long long ANSWERED, SYN, MASK32, HEAD, MAX_FIRST_BYTES, FIRST_BYTES_OF, INTERIM
cdef long long _IDLE, _MAX_NOTED, _TURNS
cdef unsigned long long MASK


@cython.final
cdef class Turns:
    cdef public HeadSlab heads
    cdef public Lanes lanes
    cdef public Moments moments
    cdef public Callers callers
    cdef public long long left_out, note_all

    @cython.locals(position=cython.longlong, seq=cython.longlong)
    cdef int take(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long opened, long long fresh, long long known, long long frame, long long time) except -1
    @cython.locals(i=HalfFlow, r=HalfFlow, asked=cython.longlong, asked_length=cython.longlong, told=cython.longlong, told_length=cython.longlong, look=cython.longlong)
    cdef void close(self, Flow flow, long long keep)
    cdef void release(self, Flow flow) noexcept
    cdef void _release_heads(self, HalfFlow f) noexcept
    @cython.locals(slot=cython.longlong)
    cdef int _is_interim(self, Flow flow, HalfFlow r) except -1
    @cython.locals(length=cython.longlong)
    cdef int _goes_on(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long seq, long long time) except -1
    cdef int _new_turn(self, Packet p, Flow flow, long long frame, long long time) except -1
    @cython.locals(f=HalfFlow, o=cython.longlong, first=cython.longlong)
    cdef void _note_accepted(self, Packet p, Flow flow, Endpoint endpoint)
    @cython.locals(endpoint=Endpoint, i=HalfFlow, first=cython.bint, took=cython.longlong, limit=cython.longlong, bucket=cython.longlong)
    cdef void _answered(self, Packet p, Flow flow, long long frame, long long time)
    @cython.locals(hello=cython.bint, length=cython.longlong, slot=cython.longlong, source=cython.longlong, stop=cython.longlong, target=cython.longlong, count=cython.longlong)
    cdef inline int _head(self, Packet p, HalfFlow f, long long position) except -1
    @cython.locals(end=cython.longlong)
    cdef void _keep_ahead(self, Packet p, HalfFlow f, long long slot, long long position) noexcept


cpdef void note_request_acked(Packet p, Flow flow, HalfFlow r, long long time) noexcept
cpdef long long turn_slot(HalfFlow f) noexcept
cpdef long long turn_length(HalfFlow f) noexcept
cdef bint _is_alert(Packet p) noexcept
cdef void _begin_head(HalfFlow f) noexcept
cdef long long _opener_by_content(Packet p, Flow flow, long long opened) except -1
@cython.locals(start=cython.longlong)
cdef long long _start_of_turn(Packet p, long long seq, long long known, long long acked) noexcept
cdef bytes _tail_bytes(HalfFlow f)
@cython.locals(seen=dict, first=cython.longlong)
cdef void _note_first_bytes(Packet p, Flow flow)
@cython.locals(count=cython.longlong, end=cython.longlong, start=cython.longlong)
cdef void _tail(Packet p, HalfFlow f, long long seq) noexcept
