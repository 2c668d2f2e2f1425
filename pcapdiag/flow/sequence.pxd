import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.model.numbers cimport distance

cdef long long ACK, ACKED_UNSEEN, DUPLICATE_ACK, FAST_RETRANSMISSION, FIN, GAP_BEFORE, KEEP_ALIVE, KEEP_ALIVE_ACK, OUT_OF_ORDER, RETRANSMISSION, RST, SPURIOUS_RETRANSMISSION, SYN, WINDOW_PROBE, WINDOW_PROBE_ACK, WINDOW_UPDATE, ZERO_WINDOW
cdef long long MASK32, FAST_WINDOW, DEFAULT_DISORDER


cpdef long long analyze(Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time) noexcept
@cython.locals(length=cython.longlong, flags=cython.longlong, control=cython.longlong, marks=cython.longlong, known=cython.bint, same_place=cython.bint)
cdef long long _analyze_other(Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time) noexcept
@cython.locals(length=cython.longlong)
cdef long long _is_plain(Packet p, HalfFlow f, HalfFlow r) noexcept
@cython.locals(marks=cython.longlong)
cdef long long _gaps_and_keep_alives(Packet p, HalfFlow f, bint known, long long control) noexcept
cdef long long _pure_acks(Packet p, HalfFlow f, HalfFlow r, bint same_place, long long control) noexcept
@cython.locals(probed=cython.bint)
cdef long long _beyond(Packet p, HalfFlow f, HalfFlow r, bint same_place) noexcept
@cython.locals(length=cython.longlong, behind=cython.bint, end=cython.longlong, since_ack=cython.longlong, sacked=cython.bint, late=cython.longlong)
cpdef long long repeats(Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time) noexcept
@cython.locals(next_seq=cython.longlong)
cdef long long _advance(Packet p, HalfFlow f, long long marks, long long time) noexcept
