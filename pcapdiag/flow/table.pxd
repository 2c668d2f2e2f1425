import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.graves cimport Graves
from pcapdiag.flow.records cimport Endpoint, Flow, Host, Tombstone

cdef long long ACK, RST, SYN, _ACTIVE, _EMBRYONIC, GONE, INSIDE, LAST_INSIDE, MAX_HOSTS, MAX_ENDPOINTS, MAX_PEERS, NOBODY


@cython.final
cdef class Table:
    cdef public unsigned long long seed
    cdef public list buckets
    cdef public Graves graves
    cdef public list oldest
    cdef public list newest
    cdef public long long size0, size1, size2
    cdef public long long next_stream, from_a, late_packets, hosts_left_out, endpoints_left_out
    cdef public dict hosts
    cdef public dict endpoints
    cdef public Host other_host
    cdef public list recent_hosts
    cdef public Endpoint other_endpoint

    cpdef unsigned long long hash(self, Packet p) noexcept
    @cython.locals(flow=Flow)
    cpdef Flow find(self, Packet p, unsigned long long h)
    @cython.locals(grave=Tombstone)
    cpdef Tombstone find_grave(self, Packet p, unsigned long long h)
    @cython.locals(flow=Flow)
    cpdef Flow add(self, Packet p, unsigned long long h, long long stream)
    @cython.locals(other=Flow, slot=cython.longlong)
    cpdef int remove(self, Flow flow) except -1
    @cython.locals(last=Flow)
    cpdef void append(self, Flow flow, long long queue) noexcept
    @cython.locals(queue=cython.longlong)
    cpdef void unlink(self, Flow flow) noexcept
    cpdef void touch(self, Flow flow, long long queue) noexcept
    @cython.locals(host=Host, place=cython.longlong)
    cpdef Host host(self, long long version, unsigned long long high, unsigned long long low)
    cdef void infer_opener(self, Packet p, Flow flow)
    @cython.locals(opener=Host)
    cpdef int begin(self, Flow flow, long long time) except -1
    @cython.locals(opener=Host, answerer=Host, endpoint=Endpoint, own_high=cython.ulonglong, own_low=cython.ulonglong, high=cython.ulonglong, low=cython.ulonglong, port=cython.longlong, inside=cython.longlong, known=cython.bint)
    cpdef int settle(self, Flow flow) except -1
    @cython.locals(endpoint=Endpoint)
    cdef Endpoint _endpoint(self, long long version, unsigned long long high, unsigned long long low, long long port, long long inside)

@cython.locals(called_here=cython.bint)
cpdef long long goes_inside(long long version, unsigned long long own_high, unsigned long long own_low, unsigned long long high, unsigned long long low) noexcept
