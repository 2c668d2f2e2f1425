import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow, Lane
from pcapdiag.flow.sequence cimport distance

cdef long long _UNDECIDED, _TURNS, _TRANSCRIPT, _STREAMED, _TRANSCRIPT_BYTES, _CHUNK_BYTES
cdef long long _GREETING_BYTES, _IN_USE, _MAX_STREAMED, _MAX_WAITING, MASK32


@cython.final
cdef class Lanes:
    cdef public long long total, limit, left_out, streamed, has_secrets
    cdef public object hand_on
    @cython.locals(lane=Lane, start=cython.longlong, before=cython.longlong, data=bytes)
    cdef void take(self, Packet p, object buffer, Flow flow, HalfFlow f, HalfFlow r, long long seq, long long opened, long long frame, long long time)
    @cython.locals(chosen=cython.longlong)
    cdef void begin_turn(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long seq)
    @cython.locals(o=cython.longlong, first=cython.longlong)
    cdef long long _choose(self, Packet p, Flow flow)
    cdef long long _stream(self, Flow flow)
    @cython.locals(start=bytes)
    cdef void _decide_late(self, Flow flow, Lane lane, long long opened)
    @cython.locals(f=HalfFlow)
    cdef void _hand_on(self, Flow flow)
    @cython.locals(f=HalfFlow)
    cpdef void release(self, Flow flow)
    cdef void finish(self, Flow flow)


@cython.locals(ahead=cython.longlong, known=cython.longlong)
cpdef void add_segment(Lane lane, long long seq, long long length, bytes data, long long frame, long long time, long long acked)
cpdef void end_waiting(Lane lane)
@cython.locals(taken=cython.longlong, position=cython.longlong, length=cython.longlong, frame=cython.longlong, time=cython.longlong, data=bytes)
cdef void _take_waiting(Lane lane, long long known)
@cython.locals(ahead=cython.longlong, fresh=cython.longlong, size=cython.longlong)
cdef void _append(Lane lane, long long position, long long length, bytes data, long long frame, long long time)
@cython.locals(o=cython.longlong, end=cython.longlong, frames=cython.longlong, length=cython.longlong, kind=cython.longlong, stream=cython.longlong)
cpdef long long is_http2(Packet p)
