import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow, Host
from pcapdiag.flow.table cimport Table
from pcapdiag.model.numbers cimport distance

cdef long long ACK, MAX_SEARCHES, MAX_LEAKS, NEAR, SAME_PACKET


@cython.final
cdef class Leaks:
    cdef public long long searches, count
    cdef public list found

    @cython.locals(r=HalfFlow, other=Flow, port=cython.longlong, queue=cython.longlong)
    cdef object note(self, Packet p, Table table, Flow flow, HalfFlow f, long long frame, long long time)
    @cython.locals(peer=HalfFlow, known=Host)
    cdef object _keep(self, Flow flow, Flow other, HalfFlow f, HalfFlow r, long long port, long long frame, long long time)
    @cython.locals(me=HalfFlow, peer=HalfFlow, behind=cython.longlong, ahead=cython.longlong)
    cdef long long _continues(self, Packet p, HalfFlow f, HalfFlow r, long long port, Flow other, long long time) noexcept
