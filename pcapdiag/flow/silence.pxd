import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.model.numbers cimport distance

cdef long long ACK, FIN, RST, SYN


@cython.locals(opener=HalfFlow, responder=HalfFlow)
cpdef long long is_silent(Flow flow)
@cython.locals(opener=HalfFlow, responder=HalfFlow)
cpdef long long answer_may_be_missing(Flow flow)
cpdef long long captured_late(Flow flow)
cpdef long long denies(Packet p, HalfFlow f, HalfFlow r) noexcept
@cython.locals(missing=cython.longlong)
cpdef long long late(HalfFlow f, HalfFlow r)
