import cython


@cython.final
cdef class FactSlab:
    cdef public long long size, limit, unused, free, in_use
    cdef public object words
    cdef long long[::1] view
    @cython.locals(slot=cython.longlong)
    cdef long long take(self)
    @cython.locals(slot=cython.longlong, following=cython.longlong)
    cpdef void give_chain(self, long long first)
    cpdef long long word(self, long long slot, long long index)
    cdef void _grow(self)


@cython.final
cdef class HeadSlab:
    cdef public long long size, limit, unused
    cdef public object bytes
    cdef unsigned char[::1] view
    cdef public list free
    cpdef long long take(self)
    cpdef void give(self, long long slot)
    cpdef object read(self, long long slot, long long length)
    @cython.locals(size=cython.longlong)
    cdef void _grow(self)
