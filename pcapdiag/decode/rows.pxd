import cython

from pcapdiag.capture.ahead cimport Preparation
from pcapdiag.capture.window cimport Columns
from pcapdiag.decode.headers cimport Packet

cdef long long _WORDS, _HASH, _IS_LONG, _TCP
cdef unsigned long long MASK32


cdef class Rows(Preparation):
    cdef Packet _packet
    cdef unsigned int[::1] _rows
    cdef long long _link_type
    cdef unsigned long long _seed

    @cython.locals(i=cython.longlong, kind=cython.longlong)
    cdef void prepare(self, Columns into, long long first, long long last) noexcept nogil

@cython.locals(rare=cython.longlong, bits=cython.longlong)
cpdef void pack(Packet p, unsigned int[::1] rows, long long at, unsigned long long seed) noexcept nogil
cdef void _pack_rare(Packet p, unsigned int[::1] rows, long long at) noexcept nogil
@cython.locals(bits=cython.longlong, word=cython.longlong, high=cython.ulonglong)
cpdef int unpack(Packet p, const unsigned int[::1] rows, long long at) noexcept nogil
@cython.locals(word=cython.longlong, high=cython.ulonglong)
cdef void _unpack_rare(Packet p, const unsigned int[::1] rows, long long at) noexcept nogil
cdef inline void _clear_rare(Packet p) noexcept nogil
