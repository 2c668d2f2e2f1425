import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.legs cimport Moments
from pcapdiag.flow.records cimport Flow, Host, Moment
from pcapdiag.flow.table cimport Table

cdef long long MASK32, MAX_REDIRECTS


@cython.final
cdef class Redirects:
    cdef public Table table
    cdef public Moments moments
    cdef public dict places
    cdef public long long count

    cdef int follow(self, Packet p) except -1
    @cython.locals(moment=Moment, host=Host, flow=Flow)
    cdef Flow note(self, Packet p, long long time)
