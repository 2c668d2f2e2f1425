import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.counters cimport count_marks
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.flow.sequence cimport repeats

cdef long long ANY_RETRANSMISSION, FIN, RST, SYN
cdef long long DUPLICATE_WINDOW, _SOFT_WINDOW, SAME_PATH_WINDOW, ONLY_TTL, RECENT, MAX_PATHS, MASK32
cdef long long TAG_BITS, TAG
cdef unsigned long long MASK, MIX_A, MIX_B


@cython.final
cdef class Copies:
    cdef public Bins activity
    cdef public long long count, mixed, mixed_frame, path
    cdef public dict path_ids
    cdef const long long[::1] files
    cdef unsigned long long[::1] _recent
    cdef unsigned short[::1] _tags
    cdef long long _interface, _ifindex

    @cython.locals(path=cython.longlong, sent=cython.ulonglong, known=cython.ulonglong, place=cython.longlong, slot=cython.longlong, tag=cython.longlong, where=cython.longlong, before=cython.longlong, apart=cython.longlong)
    cdef int is_copy(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long from_a, long long time, long long interface) except -1
    @cython.locals(same=cython.bint)
    cdef void compare_files(self, Packet p, Flow flow, long long file, long long frame, long long time) noexcept
    cdef void delivered_twice(self, Packet p, HalfFlow f) noexcept
    cdef int is_same_error(self, tuple known, tuple fact) except -1
    @cython.locals(number=cython.longlong)
    cdef int _choose_path(self, long long interface, long long ifindex) except -1
    cdef inline void _note_path(self, Packet p, Flow flow, long long path) noexcept
    cdef long long _same_packet(self, Packet p, HalfFlow f, HalfFlow r, long long apart, long long moved) noexcept
    cdef void _note_mixed(self, long long path, long long before, long long apart, long long interface)
    cdef void _note_copy(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time) noexcept
