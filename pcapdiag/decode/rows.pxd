import cython

from pcapdiag.capture.ahead cimport Preparation
from pcapdiag.capture.window cimport Columns
from pcapdiag.decode.headers cimport Packet

cdef long long _WORDS, _TCP, FINGERPRINT
cdef unsigned long long _HAS_SACK, _IS_IPV6, IS_LONG, MASK32, MASK48, MASK, MIX_A, MIX_B


cdef class Rows(Preparation):
    cdef Packet _packet
    cdef unsigned long long[::1] _rows
    cdef long long _link_type
    cdef unsigned long long _seed

    @cython.locals(i=cython.longlong, kind=cython.longlong, offset=cython.longlong)
    cdef void prepare(self, Columns into, long long first, long long last) noexcept nogil

@cython.locals(traits=cython.ulonglong, key=cython.ulonglong, word=cython.ulonglong)
cpdef void seal(Packet p) noexcept nogil
@cython.locals(rare=cython.longlong, link=cython.ulonglong)
cpdef void pack(Packet p, unsigned long long[::1] rows, long long at, long long offset, unsigned long long seed) noexcept nogil
cdef void _pack_rare(Packet p, unsigned long long[::1] rows, long long at) noexcept nogil
@cython.locals(link=cython.ulonglong, word=cython.ulonglong, sizes=cython.ulonglong)
cpdef int unpack(Packet p, const unsigned long long[::1] rows, long long at, long long offset) noexcept nogil
@cython.locals(word=cython.ulonglong)
cdef void _unpack_rare(Packet p, const unsigned long long[::1] rows, long long at) noexcept nogil
cdef inline void _clear_rare(Packet p) noexcept nogil
