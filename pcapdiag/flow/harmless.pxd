import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow
from pcapdiag.flow.screen cimport completeness, holds_another, is_answer, is_request, is_unfinished
from pcapdiag.flow.slabs cimport HeadSlab
from pcapdiag.flow.turns cimport turn_length, turn_slot
from pcapdiag.model.numbers cimport distance

cdef long long ACK, HEAD, GOODBYE, _WAITED, _TURNS, _TRANSCRIPT, _COMPLETE, _UNTIL_CLOSE


@cython.locals(behind=cython.longlong)
cpdef int is_own_reset(Packet p, HalfFlow f) noexcept
cpdef int is_opened(Flow flow, HalfFlow i) noexcept
@cython.locals(f=HalfFlow, other=HalfFlow)
cpdef int is_harmless(Flow flow, HalfFlow i, HalfFlow r, HeadSlab heads) except -1
@cython.locals(left=cython.longlong)
cdef int _has_heard(Flow flow, HalfFlow f, HalfFlow other) noexcept
@cython.locals(endpoint=Endpoint)
cdef int _is_check(Flow flow, HalfFlow i, HalfFlow r) except -1
@cython.locals(told=cython.longlong, told_length=cython.longlong, asked=cython.longlong, asked_length=cython.longlong, left=cython.longlong, found=cython.longlong)
cdef int _is_done(Flow flow, HalfFlow i, HalfFlow r, HeadSlab heads) except -1
