import cython

cdef long long MAX_MACS

cdef class Endpoint
cdef class Flow
cdef class Tombstone


@cython.final
cdef class Place:
    cdef public long long key, connections, packets, first, last

@cython.final
cdef class Host:
    cdef public unsigned long long high, low
    cdef public long long version, packets, ids_zero, min_rtt, sent, received, bad_checksums
    cdef public long long sent_to, received_for
    cdef public long long super_segments, opened, answered, translated, duplicates
    cdef public dict ttls
    cdef public dict reset_ttls
    cdef public dict macs
    cdef public long long usual_ttl, usual_mac, usual_ttl_packets, usual_mac_packets
    cdef public long long sent_segments, sent_lost, sent_lossy
    cdef public long long taken_segments, taken_lost, taken_lossy
    cdef public dict loss_seconds
    cdef public list lossy_streams, places
    cdef public Place place
    cdef public set peers
    cdef public Host last_peer
    cdef public Endpoint last_endpoint
    cdef int count_ttl(self, long long ttl, long long packets) except -1
    cdef int count_mac(self, long long mac, long long packets) except -1
    cpdef int settle(self) except -1

@cython.final
cdef class Endpoint:
    cdef public unsigned long long high, low
    cdef public long long version, port, inside, connections, established, refused, unanswered
    cdef public long long turns
    cdef public long long unanswered_turns, resets, first_established, last_established, first_refused
    cdef public long long last_refused, longest_answer, speaks_first
    cdef public long long idle_turns, longest_idle, looks
    cdef public dict closed_idle
    cdef public dict closed_when
    cdef public list answers_within
    cdef public dict first_bytes
    cdef public dict first_accepted
    cdef public dict callers
    cdef public list spans
    cdef public object span
    cdef public long long spans_left_out

@cython.final
cdef class Moment:
    cdef public long long kind, stream, since, answered, time, local, isn
    cdef public long long origin, port, ip_id, tsval, turn
    cdef public Host opener
    cdef public Host answerer
    cdef public Flow flow

@cython.final
cdef class Tombstone:
    cdef public long long stream, base_a, base_b, end, evicted, refused, waits_until

@cython.final
cdef class Lane:
    cdef public long long next_seq, position, length, hole, first, last, at, chunks
    cdef public list waiting

@cython.final
@cython.no_gc
cdef class HalfFlow:
    # First what every segment touches, then what those with data do: the fewer cache lines, the
    # faster. Counters have 31 bits: a connection of 2 ** 31 packets is a capture of over 100 GB.
    cdef public long long next_seq, next_seq_time, last_ack, ack_time, highest_ack, to_be_acked
    cdef public int duplicate_run, last_marks, window, window_bytes, min_window, mss
    cdef public short window_scale, sack_blocks
    cdef public int duplicates
    cdef public long long fin_seq, sample_seq, sample_time, isn, base_seq
    cdef public long long packets, last_frame, last_time, max_segment, payload_bytes, mac0
    cdef public int mac0_count, ttl0_count, ids_zero, data_segments
    cdef public short ttl0, timestamps, hello_length, head_length, tail_length, ahead_start, ahead_end, sack_permitted
    cdef public int hello_slot, head_slot
    cdef public long long turn_seq, hello_seq, tail_end
    cdef public unsigned long long tail_high, tail_low
    cdef public long long last_data_frame, last_data_time, last_data_seq, last_data_length
    cdef public Lane lane
    cdef public Host host
    cdef public long long min_rtt, sack_left, sack_right, copy_seq, copy_length, resent_seq
    cdef public int copy_marks, retransmissions, fast_retransmissions, spurious_retransmissions
    cdef public int out_of_order, duplicate_acks, zero_windows, window_probes, keep_alives
    cdef public int keep_alive_acks, acked_unseen, gaps, super_segments, bad_checksums, truncated
    cdef public int rst_count, sent, received, ttl1_count, ttl2_count, ttl3_count, mac1_count
    cdef public short ttl1, ttl2, ttl3
    cdef public long long first_frame, first_time, first_data_frame, first_data_time, fin_frame
    cdef public long long fin_time, fin_ack, mac1
    cdef public int lost_before, lost_behind
    cdef public long long lost_seq, latest, rst_ack
    cdef public list holes, suspects

@cython.final
cdef class Flow:
    # As in HalfFlow.
    cdef public unsigned long long hash, low_a, low_b, high_a, high_b
    cdef public int port_a, port_b
    cdef public Flow next
    cdef public HalfFlow a
    cdef public HalfFlow b
    cdef public long long stream, end, active_time, packets
    cdef public int file, fact_last
    cdef public short a_opened, inferred, closing, handshake_done, midstream, lanes, interface0, vlan0
    cdef public int fact_fill, rst_kept
    cdef public long long turn_index, response_bytes, request_acked_time, greeting_bytes, rst_time
    cdef public long long first_rtt, syn_ack_count
    cdef public long long response_last_frame, response_last_time, largest_answer
    cdef public long long request_bytes, request_last_frame, request_last_time
    cdef public int fact_chunks, fact_pivot, fact_first, rst_chunk
    cdef public long long queued, vni0
    cdef public Flow older
    cdef public Flow newer
    cdef public Endpoint endpoint
    cdef public short version, evicted, open_at_end, alarming, ask_kind, look, odd_resets
    cdef public short interface1, interface2, interface3, vlan1
    cdef public long long first_frame, start, syn_count, syn_time
    cdef public long long syn_ack_time, established_time
    cdef public long long early_resets, lost_to, spare_to, same_as, answers_stream
    cdef public long long rtt_to_responder, rtt_to_initiator, turn_gap, request_frame
    cdef public long long request_time, response_frame, response_time
    cdef public long long vni1, syn_tsval, syn_ip_id
    cdef public long long waits_until, pause, pause_end
    cdef public int ups_before
    cdef public list noted
    cdef public object reading, caller
    cdef public list icmp
    cdef public bytes reset_payload
    cdef public tuple arp_frames
    cdef public Tombstone previous
    @cython.locals(responder=HalfFlow)
    cpdef long long is_refused(self) noexcept
