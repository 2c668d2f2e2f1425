import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.copies cimport Copies
from pcapdiag.flow.endings cimport Endings
from pcapdiag.flow.records cimport Flow
from pcapdiag.flow.table cimport Table

cdef long long SYN, MAX_ICMP


@cython.final
cdef class IcmpErrors:
    cdef public Table table
    cdef public Endings endings
    cdef public Copies copies

    @cython.locals(table=Table, h=cython.ulonglong, flow=Flow)
    cdef object note(self, Packet p, long long frame, long long time)
