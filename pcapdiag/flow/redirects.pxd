import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.legs cimport Moments, is_loopback
from pcapdiag.flow.records cimport Flow, Host, Moment
from pcapdiag.flow.table cimport Table
from pcapdiag.model.numbers cimport distance

cdef long long FIN, SYN, MASK32, MAX_REDIRECTS, AT_ONCE


@cython.final
cdef class Redirects:
    cdef public Table table
    cdef public Moments moments
    cdef public dict places, calls, answers
    cdef public long long count

    cdef int follow(self, Packet p) except -1
    @cython.locals(moment=Moment, host=Host, flow=Flow)
    cdef Flow note(self, Packet p, long long time)
    @cython.locals(end=cython.longlong)
    cdef Flow note_late(self, Packet p, long long stream)
    @cython.locals(end=cython.longlong)
    cdef void note_answers(self, Packet p, Flow flow)
    @cython.locals(flow=Flow)
    cdef Flow _joined(self, Packet p, tuple here, tuple call)


@cython.locals(sent=cython.longlong, acked=cython.longlong, one=cython.longlong, two=cython.longlong)
cdef int _fits(long long end, long long ack, tuple other) except -1
