import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow, Lane
from pcapdiag.flow.slabs cimport PieceSlab
from pcapdiag.model.numbers cimport distance

cdef long long _UNDECIDED, _TURNS, _TRANSCRIPT, _STREAMED, _TRANSCRIPT_BYTES, _CHUNK_BYTES
cdef long long _GREETING_BYTES, _IN_USE, _MAX_STREAMED, _MAX_WAITING, _MAX_HELD, MAX_UNDECIDED, MASK32


@cython.final
cdef class Lanes:
    cdef public PieceSlab slab
    cdef public long long left_out, streamed, has_secrets, held
    cdef public object hand_on
    @cython.locals(lane=Lane, size=cython.longlong, data=bytes, kept=cython.longlong)
    cdef int take(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long seq, long long opened, long long frame, long long time) except -1
    @cython.locals(chosen=cython.longlong)
    cdef int begin_turn(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long seq) except -1
    @cython.locals(o=cython.longlong, first=cython.longlong)
    cdef int _choose(self, Packet p, Flow flow) except -1
    cdef int _stream(self, Flow flow) except -1
    @cython.locals(start=bytes)
    cdef long long _decide_late(self, Flow flow, Lane lane, long long opened)
    cdef int _hand_on(self, Flow flow) except -1
    cpdef int release(self, Flow flow) except -1
    @cython.locals(data=bytes)
    cdef object _drop(self, Lane lane)
    cdef int finish(self, Flow flow) except -1
    @cython.locals(ahead=cython.longlong, known=cython.longlong, kept=cython.longlong)
    cpdef int add_segment(self, Lane lane, long long seq, long long length, bytes data, long long frame, long long time, long long acked) except -1
    cpdef int end_waiting(self, Lane lane) except -1
    @cython.locals(taken=cython.longlong, kept=cython.longlong, position=cython.longlong, length=cython.longlong, frame=cython.longlong, time=cython.longlong, data=bytes)
    cdef int _take_waiting(self, Lane lane, long long known) except -1
    @cython.locals(ahead=cython.longlong, fresh=cython.longlong)
    cdef int _append(self, Lane lane, long long position, long long length, const unsigned char[::1] source, long long start, long long size, long long frame, long long time) except -1


@cython.locals(o=cython.longlong, end=cython.longlong, frames=cython.longlong, length=cython.longlong, kind=cython.longlong, stream=cython.longlong)
cpdef long long is_http2(Packet p)
