import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport HalfFlow
from pcapdiag.model.numbers cimport distance

cdef long long ACK, ACKED_UNSEEN, ANY_RETRANSMISSION, BAD_CHECKSUM, DSACK, DUPLICATE_ACK, FAST_RETRANSMISSION, GAP_BEFORE, KEEP_ALIVE, KEEP_ALIVE_ACK, OUT_OF_ORDER, RST, SPURIOUS_RETRANSMISSION, SUPER_SEGMENT, SYN, TRUNCATED, WINDOW_PROBE, ZERO_WINDOW


@cython.locals(more=cython.longlong, shift=cython.longlong)
cpdef long long count_segment(Packet p, HalfFlow f, HalfFlow r, long long marks, long long frame, long long time) noexcept
cpdef void count_marks(HalfFlow f, long long marks) noexcept
@cython.locals(rtt=cython.longlong)
cdef inline void _note_ack(Packet p, HalfFlow f, HalfFlow r, long long time) noexcept
cdef inline void _note_origin(Packet p, HalfFlow f) noexcept
