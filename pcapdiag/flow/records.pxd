import cython

cdef class Endpoint
cdef class Flow
cdef class Tombstone


@cython.final
cdef class Host:
    cdef public unsigned long long high, low
    cdef public long long version, packets, ids_zero, min_rtt, sent, received, bad_checksums
    cdef public long long super_segments, opened, answered, translated, duplicates
    cdef public dict ttls
    cdef public dict reset_ttls
    cdef public dict macs
    cdef public set peers
    cdef public Host last_peer
    cdef public Endpoint last_endpoint

@cython.final
cdef class Endpoint:
    cdef public unsigned long long high, low
    cdef public long long version, port, connections, established, refused, unanswered, turns
    cdef public long long unanswered_turns, resets, first_established, last_established, first_refused
    cdef public long long last_refused, longest_answer, speaks_first
    cdef public long long idle_turns, longest_idle
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
    cdef public long long origin, port, ip_id, tsval
    cdef public Host opener
    cdef public Host answerer

@cython.final
@cython.no_gc
cdef class Tombstone:
    cdef public unsigned long long hash, high_a, low_a, high_b, low_b
    cdef public long long port_a, port_b, stream, base_a, base_b, end, evicted
    cdef public str state
    cdef public Tombstone next
    cdef void identify(self, Flow flow) noexcept

@cython.final
@cython.no_gc
cdef class Lane:
    cdef public long long next_seq, position, length, hole, first, last, at
    cdef public list waiting

@cython.final
@cython.no_gc
cdef class HalfFlow:
    # First what every segment touches: the fewer cache lines, the faster.
    cdef public Host host
    cdef public long long packets, payload_bytes, next_seq, next_seq_time, last_ack, ack_time
    cdef public long long highest_ack, window, window_scale, window_bytes, min_window, to_be_acked
    cdef public long long duplicate_run, last_marks, sack_left, sack_right, sack_blocks, mss
    cdef public long long timestamps, max_segment, base_seq, isn, last_frame, last_time, fin_seq
    cdef public long long sample_seq, sample_time, min_rtt, ttl0, ttl0_count, mac0, mac0_count
    cdef public long long ids_zero, data_segments, last_data_frame, last_data_time, last_data_seq
    cdef public long long last_data_length, turn_seq, hello_seq, hello_slot, hello_length, head_slot
    cdef public long long head_length, tail_length, tail_end
    cdef public unsigned long long tail_high, tail_low
    cdef public Lane lane
    cdef public long long sack_permitted, retransmissions, fast_retransmissions
    cdef public long long spurious_retransmissions, out_of_order, duplicate_acks, zero_windows
    cdef public long long window_probes, keep_alives, keep_alive_acks, acked_unseen, gaps
    cdef public long long super_segments, bad_checksums, duplicates, truncated, first_frame
    cdef public long long copy_seq, copy_length, copy_marks, resent_seq
    cdef public long long first_time, first_data_frame, first_data_time, fin_frame, fin_time
    cdef public long long fin_ack, rst_count, ttl1, ttl2, ttl3, ttl1_count, ttl2_count, ttl3_count
    cdef public long long mac1, mac1_count, sent, received

@cython.final
cdef class Flow:
    # First what every segment touches: the fewer cache lines, the faster.
    cdef public unsigned long long hash, low_a, low_b, high_a, high_b
    cdef public Flow next
    cdef public HalfFlow a
    cdef public HalfFlow b
    cdef public Flow older
    cdef public Flow newer
    cdef public Endpoint endpoint
    cdef public long long port_a, port_b, file, a_opened, inferred, closing, queued, end
    cdef public long long active_time, packets, interface0, vlan0, vni0, handshake_done, midstream
    cdef public long long turn_index, response_bytes, request_acked_time, greeting_bytes, fact_last
    cdef public long long lanes, fact_fill, fact_chunks, fact_pivot, fact_first, first_rtt
    cdef public long long response_last_frame, response_last_time, request_bytes, request_last_frame
    cdef public long long request_last_time
    cdef public long long stream, version, first_frame, start, last_was_reset, syn_count, syn_time
    cdef public long long syn_ack_count, syn_ack_time, established_time, established_frame
    cdef public long long early_resets, lost_to, spare_to, same_as, answers_stream
    cdef public long long rtt_to_responder, rtt_to_initiator, rst_time, turn_gap, request_frame
    cdef public long long request_time, response_frame, response_time, interface1, interface2
    cdef public long long interface3, vlan1, vni1, evicted, open_at_end, syn_tsval, syn_ip_id
    cdef public long long rst_chunk, rst_kept, largest_answer, alarming, ask_kind
    cdef public list noted
    cdef public object reading
    cdef public list icmp
    cdef public bytes reset_payload
    cdef public tuple arp_frames
    cdef public Tombstone previous
