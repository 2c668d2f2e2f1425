import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.endings cimport Endings
from pcapdiag.flow.harmless cimport is_own_reset
from pcapdiag.flow.leaks cimport Leaks
from pcapdiag.flow.legs cimport Moments
from pcapdiag.flow.records cimport Flow, HalfFlow, Host
from pcapdiag.flow.spans cimport note_outcome
from pcapdiag.flow.table cimport Table
from pcapdiag.model.numbers cimport distance

cdef long long ACK, FIN, RST, SYN, CLOSED, LEFT, REFUSED, MASK32, MAX_RESET_PAYLOAD


@cython.final
cdef class Closing:
    cdef public Table table
    cdef public Endings endings
    cdef public Moments moments
    cdef public object neighbours
    cdef public Bins activity
    cdef public Leaks leaks

    @cython.locals(opener=HalfFlow)
    cdef int note(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long fresh, long long frame, long long time) except -1
    @cython.locals(host=Host, size=cython.longlong)
    cdef int _note_reset(self, Packet p, Flow flow, HalfFlow f, long long time) except -1
