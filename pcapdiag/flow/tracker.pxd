import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.decode.rows cimport unpack
from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.callers cimport Callers, note_outcome
from pcapdiag.flow.lanes cimport Lanes
from pcapdiag.flow.legs cimport Moments, note_race
from pcapdiag.flow.leaks cimport Leaks
from pcapdiag.flow.losses cimport Losses
from pcapdiag.flow.places cimport note_place
from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow, Host, Moment, Tombstone
from pcapdiag.flow.screen cimport completeness, is_alarming, is_answer, is_request, is_unfinished, status
from pcapdiag.flow.sequence cimport analyze, repeats
from pcapdiag.flow.silence cimport captured_late, is_silent
from pcapdiag.flow.slabs cimport FactSlab, HeadSlab
from pcapdiag.flow.table cimport Table
from pcapdiag.model.numbers cimport big16, big32, big64, copy, distance, prefetch, prefetch_object

cdef long long CHUNK_FACTS, CHUNK_WORDS, FACT_WORDS, FIRST_CHUNKS, LAST_CHUNKS, HAS_SACK, IS_IPV6, HEAD, CLOSE_NOTIFY, STALLED
cdef long long _SOON, _VERY_SOON, _HASH, _CACHE_LINE, _LINGER, _SYN_IDLE, _OPEN_IDLE, MAX_OPEN, MAX_EMBRYONIC, MAX_CLOSING, SWEEP, SECOND_CHANCES
cdef long long ANSWERED, CLOSED, LEFT, OPENED, CAME_UP, REFUSED, SILENT
cdef long long DUPLICATE_WINDOW, SOFT_WINDOW, SAME_PATH_WINDOW, RECENT

cdef long long _TURNS, _TRANSCRIPT, _STREAMED, _COMPLETE, _UNTIL_CLOSE, _UNKNOWN, ENCRYPTED_ANSWER, _MAX_NOTED, INTERIM, _IDLE, LOOKS, MAX_LOOKS, CLOSE_WITHIN, TENTH, MAX_QUIET_TIMES, _NOT_NEXT

cdef unsigned long long MASK, MIX_A, MIX_B, MIX_C

cdef long long ACK, ACKED_UNSEEN, ANY_RETRANSMISSION, BAD_CHECKSUM, DSACK, DUPLICATE_ACK, FAST_RETRANSMISSION, FIN, GAP_BEFORE, KEEP_ALIVE, KEEP_ALIVE_ACK, OUT_OF_ORDER, RST, SPURIOUS_RETRANSMISSION, SUPER_SEGMENT, SYN, TRUNCATED, WINDOW_PROBE, ZERO_WINDOW
cdef long long MASK32, MAX_ICMP, KEPT_ARP, MAX_CLAIMS, ARP_WINDOW, MAX_FIRST_BYTES, FIRST_BYTES_OF, MAX_RESET_PAYLOAD, MAX_INTERFACES, MAX_REDIRECTS


@cython.final
cdef class Tracker:
    cdef public object finished, on_dns, reassemble, buffer, keep_prints, on_packet
    cdef public Table table
    cdef public Packet packet
    cdef public FactSlab facts
    cdef public HeadSlab heads
    cdef public Lanes lanes
    cdef public Moments moments
    cdef public Callers callers
    cdef public Losses losses
    cdef public Leaks leaks
    cdef public Bins activity
    cdef long long[::1] recent
    cdef unsigned short[::1] tags
    cdef const long long[::1] offsets, times, captured, lengths, interfaces, frames
    cdef const unsigned int[::1] words
    cdef long long width
    cdef const long long[::1] link_types, files
    cdef public long long want_all, now, next_sweep, watching, scratch
    cdef public set watched, named
    cdef public long long packets, bytes, first_time, last_time, truncated, duplicates, undecoded
    cdef public long long other_protocols, fragments, unknown_link, mixed, mixed_frame, evicted
    cdef public long long note_all, facts_left_out, heads_left_out, unmatched_icmp, connections, healthy, midstream, looks
    cdef public long long one_direction, acked_unseen, super_segments, bad_checksums
    cdef public list arp
    cdef public dict path_ids, redirects, claims
    cdef public long long redirect_count
    cdef long long last_interface, last_ifindex, last_path_id

    cpdef int watch(self, set streams, on_packet) except -1
    cpdef int process(self, batch, link_types, files) except -1
    @cython.locals(p=Packet, i=cython.longlong, soon=cython.longlong, of_it=cython.longlong, flow=Flow, buckets=list, frame=cython.longlong, time=cython.longlong, interface=cython.longlong)
    cdef int _process_ordered(self, long long count) except -1
    @cython.locals(p=Packet, i=cython.longlong, assigned=list, waiting=list)
    cdef int _process_disordered(self, long long count) except -1
    @cython.locals(p=Packet, flow=Flow)
    cdef int _replaces(self) except -1
    @cython.locals(base=cython.longlong)
    cdef long long _is_another(self, Packet p, Flow flow) noexcept
    @cython.locals(p=Packet, i=cython.longlong, flow=Flow)
    cdef int _track_assigned(self, list waiting, list assigned) except -1
    cpdef long long _frame_at(self, long long i)
    cdef long long _is_from_a(self, Packet p, Flow flow) noexcept
    @cython.locals(time=cython.longlong, kind=cython.longlong)
    cdef inline int _decode(self, Packet p, long long i) except -1
    @cython.locals(link_type=cython.longlong, kind=cython.longlong)
    cdef inline int _decode_at(self, Packet p, long long i) except -1
    cdef int _follow_redirect(self, Packet p) except -1
    @cython.locals(moment=Moment, host=Host, flow=Flow)
    cdef Flow _note_redirect(self, Packet p, long long time)
    cdef int _other(self, Packet p, long long kind, long long frame, long long time, long long interface) except -1
    @cython.locals(flow=Flow, kind=cython.longlong)
    cdef int _reassembled(self, Packet p, object whole, long long frame, long long time, long long interface) except -1
    @cython.locals(h=cython.ulonglong, flow=Flow, f=HalfFlow, again=cython.bint)
    cdef inline Flow _assign(self, Packet p, long long frame, long long time, long long interface)
    @cython.locals(table=Table, stream=cython.longlong, base=cython.longlong, grave=Tombstone, is_syn=cython.bint, flow=Flow, called=Flow)
    cdef Flow _open(self, Packet p, unsigned long long h, long long frame, long long time, long long interface)
    @cython.locals(f=HalfFlow, r=HalfFlow)
    cdef void _count_late(self, Packet p, long long time) noexcept
    cdef void _note_base(self, Packet p, Flow flow) noexcept
    @cython.locals(same=cython.bint)
    cdef void _compare_files(self, Packet p, Flow flow, long long frame, long long time)
    cdef void _infer_opener(self, Packet p, Flow flow)
    @cython.locals(f=HalfFlow, r=HalfFlow, path=cython.longlong, from_a=cython.longlong, opened=cython.longlong, known=cython.longlong, until=cython.longlong, fresh=cython.longlong, ahead=cython.longlong, marks=cython.longlong)
    cdef int _track(self, Packet p, Flow flow, long long frame, long long time, long long interface) except -1
    @cython.locals(number=cython.longlong)
    cdef int _path_id(self, long long interface, long long ifindex) except -1
    cdef inline void _seen_on(self, Packet p, Flow flow, long long path) noexcept
    @cython.locals(key=cython.ulonglong, word=cython.ulonglong, known=cython.longlong, place=cython.longlong, slot=cython.longlong, tag=cython.longlong, where=cython.longlong, apart=cython.longlong)
    cdef inline int _is_duplicate(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time, long long path, long long interface) except -1
    cdef void _note_copy(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time) noexcept
    cdef void _delivered_twice(self, HalfFlow f) noexcept
    cdef long long _same_packet(self, Packet p, HalfFlow f, HalfFlow r, long long apart, long long same_path) noexcept
    cdef void _note_mixed(self, long long path, long long before, long long apart, long long interface)
    cdef inline void _baseline(self, Packet p, HalfFlow f) noexcept
    @cython.locals(more=cython.longlong, shift=cython.longlong)
    cdef inline long long _count(self, Packet p, HalfFlow f, HalfFlow r, long long marks) noexcept
    cdef void _count_marks(self, HalfFlow f, long long marks) noexcept
    cdef void _handshake_open(self, Packet p, Flow flow, HalfFlow f, long long opened, long long time)
    @cython.locals(rtt=cython.longlong)
    cdef inline void _acknowledge(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long opened, long long frame, long long time) noexcept
    @cython.locals(endpoint=Endpoint)
    cdef void _established(self, Flow flow, long long time) noexcept
    cdef long long _data_until(self, HalfFlow f, long long known) noexcept
    @cython.locals(position=cython.longlong, seq=cython.longlong)
    cdef inline int _payload(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long opened, long long fresh, long long known, long long frame, long long time) except -1
    @cython.locals(start=cython.longlong)
    cdef inline long long _start_of_turn(self, Packet p, long long seq, long long known, long long acked) noexcept
    cdef int _opener_by_content(self, Packet p, Flow flow, long long opened) except -1
    @cython.locals(slot=cython.longlong, length=cython.longlong, code=cython.longlong)
    cdef int _is_interim(self, Flow flow, HalfFlow r) except -1
    @cython.locals(first=cython.bint, slot=cython.longlong, length=cython.longlong)
    cdef int _goes_on(self, Flow flow, HalfFlow f) except -1
    @cython.locals(i=HalfFlow, r=HalfFlow, first=cython.bint, asked=cython.longlong, asked_length=cython.longlong, told=cython.longlong, told_length=cython.longlong, look=cython.longlong)
    cdef void _close_turn(self, Flow flow, long long keep)
    cdef bytes _tail_bytes(self, HalfFlow f)
    cdef int _new_turn(self, Packet p, Flow flow, long long frame, long long time) except -1
    @cython.locals(seen=dict, first=cython.longlong)
    cdef void _note_first_bytes(self, Packet p, Flow flow)
    @cython.locals(f=HalfFlow, o=cython.longlong, first=cython.longlong)
    cdef void _note_accepted(self, Packet p, Flow flow, Endpoint endpoint)
    @cython.locals(endpoint=Endpoint, took=cython.longlong, limit=cython.longlong, bucket=cython.longlong)
    cdef void _answered(self, Packet p, Flow flow, long long frame, long long time)
    @cython.locals(hello=cython.bint, length=cython.longlong, slot=cython.longlong, source=cython.longlong, stop=cython.longlong, target=cython.longlong, count=cython.longlong)
    cdef inline int _head(self, Packet p, HalfFlow f, long long position) except -1
    @cython.locals(count=cython.longlong, end=cython.longlong, start=cython.longlong)
    cdef inline void _tail(self, Packet p, HalfFlow f, long long seq) noexcept
    @cython.locals(opener=HalfFlow)
    cdef inline int _endings(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long fresh, long long frame, long long time) except -1
    @cython.locals(host=Host)
    cdef int _note_reset(self, Packet p, Flow flow, HalfFlow f, long long time) except -1
    @cython.locals(table=Table, h=cython.ulonglong, flow=Flow)
    cdef void _icmp(self, Packet p, long long frame, long long time)
    cdef inline int _keep(self, Packet p, Flow flow, long long from_a, long long marks, long long path, long long frame, long long time) except -1
    cdef int _show(self, Packet p, Flow flow, long long from_a, long long marks, long long path, long long frame, long long time) except -1
    @cython.locals(chunk=cython.longlong)
    cdef int _next_chunk(self, Flow flow) except -1
    @cython.locals(base=cython.longlong, bits=cython.longlong)
    cdef inline void _write(self, Packet p, long long chunk, long long fact, long long from_a, long long marks, long long path, long long frame, long long time) noexcept
    cdef int _sweep(self) except -1
    @cython.locals(flow=Flow)
    cdef int _expire(self, long long queue, long long idle) except -1
    cdef void _requeue(self, Flow flow) noexcept
    @cython.locals(flow=Flow, tries=cython.longlong)
    cdef void _evict(self, long long queue)
    cpdef int tick(self, long long now) except -1
    @cython.locals(flow=Flow, queue=cython.longlong)
    cpdef int close(self) except -1
    @cython.locals(told=cython.bint)
    cdef int _finish(self, Flow flow) except -1
    @cython.locals(i=HalfFlow, r=HalfFlow, apart=cython.longlong, quiet=cython.longlong, tenths=cython.longlong, endpoint=Endpoint, closed=dict)
    cdef object _note_closed_idle(self, Flow flow)
    @cython.locals(endpoint=Endpoint)
    cdef void _choose_look(self, Flow flow) noexcept
    cdef int _release(self, Flow flow) except -1
    cdef int _release_heads(self, HalfFlow f) except -1
    @cython.locals(f=HalfFlow)
    cdef void _one_sided(self, Flow flow) noexcept
    @cython.locals(host=Host)
    cdef int _fold(self, HalfFlow f) except -1
    @cython.locals(initiator=HalfFlow, responder=HalfFlow, host=Host, endpoint=Endpoint)
    cdef void _fold_endpoint(self, Flow flow) noexcept
    @cython.locals(i=HalfFlow, r=HalfFlow)
    cdef int _surely_healthy(self, Flow flow) except -1
    @cython.locals(first=cython.bint, slot=cython.longlong, length=cython.longlong, found=cython.longlong)
    cdef int _is_whole(self, HalfFlow i, HalfFlow r, long long total) except -1
    @cython.locals(start=cython.longlong, kind=cython.longlong, size=cython.longlong)
    cdef int _says_goodbye(self, Flow flow, HalfFlow i, HalfFlow r) except -1


cpdef unsigned long long end_key(unsigned long long low, unsigned long long port) noexcept
cpdef long long flow_isn(Flow flow)
