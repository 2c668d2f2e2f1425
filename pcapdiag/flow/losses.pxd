import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow, Host
from pcapdiag.model.numbers cimport distance

cdef long long GAP_BEFORE, KEEP_ALIVE, SPURIOUS_RETRANSMISSION, SYN
cdef long long MASK32, MAX_HOLES, MIN_LATE, LATE, USUAL_SEGMENT, MAX_SECONDS, MAX_ALL_SECONDS, SECOND, STALL, _MAX_STREAMS


@cython.final
cdef class Losses:
    cdef public long long seconds, left_out

    @cython.locals(seq=cython.longlong, end=cython.longlong, late=cython.longlong, filled=cython.longlong)
    cdef object note(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long marks, long long known, long long time)
    cdef object _open_hole(self, HalfFlow f, long long left, long long right, long long time)
    @cython.locals(found=cython.longlong, left=list, hole=list, before=cython.bint, behind=cython.bint)
    cdef object _fill(self, HalfFlow f, long long seq, long long end, long long opened_by)
    @cython.locals(second=cython.longlong)
    cdef object _note_time(self, Host host, long long time)
    cdef object finished(self, Flow flow)
    @cython.locals(behind=cython.longlong, before=cython.longlong, segments=cython.longlong, usual=cython.longlong)
    cdef object _add(self, Flow flow, HalfFlow f, HalfFlow r)
    cdef object _note_stream(self, Host host, Flow flow)
