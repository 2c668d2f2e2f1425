import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.copies cimport Copies
from pcapdiag.flow.endings cimport Endings
from pcapdiag.flow.records cimport Flow, HalfFlow, Tombstone
from pcapdiag.flow.redirects cimport Redirects
from pcapdiag.flow.table cimport Table

cdef long long ACK, RST, SYN, MASK32


@cython.final
cdef class Openings:
    cdef public Table table
    cdef public Endings endings
    cdef public Copies copies
    cdef public Redirects redirects
    cdef public Bins activity

    @cython.locals(base=cython.longlong)
    cdef long long is_another(self, Packet p, Flow flow) noexcept
    @cython.locals(f=HalfFlow)
    cdef Flow assign(self, Packet p, unsigned long long h, Flow flow, long long frame, long long time, long long interface)
    @cython.locals(table=Table, stream=cython.longlong, base=cython.longlong, grave=Tombstone, is_syn=cython.bint, refuses=cython.bint, late=cython.bint, flow=Flow, called=Flow)
    cdef Flow opened(self, Packet p, unsigned long long h, long long frame, long long time, long long interface)
    cdef void _count_late(self, Packet p, long long time) noexcept
    @cython.locals(f=HalfFlow, r=HalfFlow)
    cdef void _note_base(self, Packet p, Flow flow) noexcept
