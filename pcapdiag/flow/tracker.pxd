import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.decode.rows cimport seal, unpack
from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.callers cimport Callers
from pcapdiag.flow.closing cimport Closing
from pcapdiag.flow.copies cimport Copies
from pcapdiag.flow.counters cimport count_segment
from pcapdiag.flow.endings cimport Endings
from pcapdiag.flow.handshake cimport note_last_step, note_overtaken, note_syn
from pcapdiag.flow.icmp_errors cimport IcmpErrors
from pcapdiag.flow.kept cimport KeptPackets
from pcapdiag.flow.lanes cimport Lanes
from pcapdiag.flow.legs cimport Moments
from pcapdiag.flow.losses cimport Losses
from pcapdiag.flow.openings cimport Openings
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.flow.redirects cimport Redirects
from pcapdiag.flow.sequence cimport analyze
from pcapdiag.flow.silence cimport denies
from pcapdiag.flow.table cimport Table
from pcapdiag.flow.turns cimport Turns, note_request_acked
from pcapdiag.model.numbers cimport distance, prefetch, prefetch_item, prefetch_object, prefetch_word

cdef long long ACK, ACKED_UNSEEN, ANY_RETRANSMISSION, BAD_CHECKSUM, DSACK, FIN, GAP_BEFORE, KEEP_ALIVE, KEEP_ALIVE_ACK, OUT_OF_ORDER, RST, SUPER_SEGMENT, SYN
cdef long long _SOON, _EARLY, _NEARER, _CACHE_LINE, _HASH, _TCP, _ICMP_ERROR, _DNS, _DNS_ERROR, _ARP, _FRAGMENT, _UNDECODED, _UNKNOWN_LINK, _NOT_NEXT, _COUNTED
cdef long long IDLE, SWEEP, MASK32


@cython.final
cdef class Tracker:
    cdef public Packet packet
    cdef public Table table
    cdef public Bins activity
    cdef public Losses losses
    cdef public Moments moments
    cdef public Lanes lanes
    cdef public Callers callers
    cdef public KeptPackets kept
    cdef public Copies copies
    cdef public Redirects redirects
    cdef public Turns turns
    cdef public Endings endings
    cdef public Openings openings
    cdef public Closing closing
    cdef public IcmpErrors icmp_errors
    cdef public object neighbours, on_dns, on_dns_error, reassemble, buffer
    cdef const long long[::1] offsets, times, captured, lengths, interfaces, frames
    cdef const unsigned long long[::1] words
    cdef long long width
    cdef const long long[::1] link_types
    cdef public long long now, next_sweep, watching
    cdef public long long packets, first_time, last_time, undecoded
    cdef public long long other_protocols, fragments
    cdef public long long acked_unseen, super_segments, bad_checksums

    cpdef int watch(self, set streams, on_packet) except -1
    cpdef int process(self, batch, link_types, files) except -1
    @cython.locals(p=Packet, i=cython.longlong, soon=cython.longlong, row=cython.longlong, flow=Flow, buckets=list, frame=cython.longlong, time=cython.longlong, interface=cython.longlong)
    cdef int _process_ordered(self, long long count) except -1
    @cython.locals(p=Packet, i=cython.longlong, assigned=list, waiting=list, flow=Flow)
    cdef int _process_disordered(self, long long count) except -1
    @cython.locals(p=Packet, flow=Flow)
    cdef int _replaces(self) except -1
    @cython.locals(p=Packet, i=cython.longlong, flow=Flow)
    cdef int _track_assigned(self, list waiting, list assigned) except -1
    cpdef long long _frame_at(self, long long i)
    cdef long long _is_from_a(self, Packet p, Flow flow) noexcept
    @cython.locals(time=cython.longlong, kind=cython.longlong)
    cdef inline int _decode(self, Packet p, long long i) except -1
    @cython.locals(link_type=cython.longlong, kind=cython.longlong)
    cdef inline int _decode_at(self, Packet p, long long i) except -1
    cdef int _other(self, Packet p, long long kind, long long frame, long long time, long long interface) except -1
    @cython.locals(flow=Flow, kind=cython.longlong)
    cdef int _reassembled(self, Packet p, object whole, long long frame, long long time, long long interface) except -1
    @cython.locals(h=cython.ulonglong, flow=Flow)
    cdef inline Flow _assign(self, Packet p, long long frame, long long time, long long interface)
    @cython.locals(f=HalfFlow, r=HalfFlow, from_a=cython.longlong, opened=cython.longlong, known=cython.longlong, until=cython.longlong, fresh=cython.longlong, ahead=cython.longlong, marks=cython.longlong)
    cdef int _track(self, Packet p, Flow flow, long long frame, long long time, long long interface) except -1
    cdef void _count(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long marks) noexcept
    cdef int _sweep(self, long long now) except -1
    cpdef int tick(self, long long now) except -1
    cpdef long long lost_by_capture(self) noexcept
    cpdef int close(self) except -1


cdef long long _data_until(HalfFlow f, long long known) noexcept
