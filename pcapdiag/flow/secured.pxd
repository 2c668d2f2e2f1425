import cython

from pcapdiag.flow.records cimport HalfFlow, Lane
from pcapdiag.flow.slabs cimport HeadSlab, PieceSlab
from pcapdiag.model.numbers cimport big16, big32

cdef long long HEAD, LINK, CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA
cdef long long RETRY, RANDOM, CLEAR_ALERT, SHORT, FINISHED, LONG_FINISHED, PADDING, TICKET_MIN, TICKET_MAX, MAX_TICKETS
cdef long long _PIECE_CHUNK, _PIECE_HEADER, _TRANSCRIPT_BYTES


@cython.final
cdef class RecordWalk:
    cdef PieceSlab slab
    cdef Lane lane
    cdef long long chunk, at, left, frame, time, kind, length
    cdef long long changes, sealed, data, alerts, random, cut, broken
    @cython.locals(version=cython.longlong, rest=cython.longlong)
    cdef int next(self) except -1
    cdef int comes_after(self, long long time, long long frame) noexcept
    cdef int _byte(self) except -1
    @cython.locals(room=cython.longlong)
    cdef int _step(self, long long count) except -1
    @cython.locals(word=cython.longlong)
    cdef int _begin_piece(self) except -1
    cdef int _follow(self) except -1


@cython.locals(at=cython.longlong)
cpdef int begins_in_tls(HalfFlow r, HeadSlab heads) except -1
@cython.locals(asking=Lane, answering=Lane, walk=RecordWalk, told=RecordWalk, begun_time=cython.longlong, begun_frame=cython.longlong, asked_time=cython.longlong, asked_frame=cython.longlong, finished=cython.longlong)
cpdef int is_in_use(HalfFlow i, HalfFlow r, PieceSlab slab, int last) except -1
cdef int _is_whole(Lane lane, int to_the_end) except -1
cdef int _is_finished(long long length) noexcept
@cython.locals(answered=cython.longlong)
cdef int _answers(RecordWalk told, long long asked_time, long long asked_frame) except -1
@cython.locals(answered=cython.longlong, tickets=cython.longlong, ticket=cython.longlong, lone=cython.longlong)
cdef int _answers_hidden(RecordWalk told, long long begun_time, long long begun_frame, long long asked_time, long long asked_frame) except -1
