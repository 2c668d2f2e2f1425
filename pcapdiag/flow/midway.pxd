import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.model.numbers cimport distance

cdef long long _OPTIONS, _FIRST_OF_TLS, _RESTED, _TURNS


@cython.locals(full=cython.longlong, unacked=cython.longlong)
cpdef long long is_midway(Packet p, Flow flow, HalfFlow f, HalfFlow r, long long length, long long seq, long long time) noexcept
