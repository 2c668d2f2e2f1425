import cython

cdef long long LIMIT, DISORDER, SLIGHT


@cython.final
cdef class Columns:
    cdef public long long count
    cdef public unsigned char[::1] data
    cdef public long long[::1] offsets, times, captured, lengths, interfaces, frames


@cython.final
cdef class Pool:
    cdef public long long count, filled
    cdef public Columns columns
    cdef public object _batch

    @cython.locals(
        own=Columns, first="long long", size="long long", at="long long", n="long long",
        i="long long",
    )
    cpdef append_run(self, Columns source, long long start, long long stop)

    @cython.locals(room="long long", space="long long")
    cpdef _make_room(self, long long packets, long long size)


@cython.final
cdef class Window:
    cdef public long long disordered, clock_steps, slight_steps, late, shift, last, oldest, _given
    cdef public Pool _pool, _spare
    cdef public object _keys, _newest

    @cython.locals(times="long long[::1]", count="long long", time="long long", i="long long")
    cpdef bint follows(self, object batch)

    @cython.locals(
        keys="long long[::1]", newest="long long[::1]", shift="long long", last="long long",
        i="long long", key="long long", interface="long long", before="long long",
    )
    cpdef _judge(self, Columns columns, object into, object by_interface)

    @cython.locals(keys="long long[::1]", latest="long long", count="long long", i="long long")
    cpdef long long ripe(self, long long hold)

    @cython.locals(held=Pool)
    cpdef give(self, long long count)

    @cython.locals(kept="long long[::1]", count="long long", start="long long", end="long long")
    cpdef _keep(self, Pool held, object chosen)


@cython.locals(
    order="long long[::1]", disordered="bint", last="long long", i="long long", k="long long",
)
cpdef bint _pick(Columns source, object chosen, Columns target)
