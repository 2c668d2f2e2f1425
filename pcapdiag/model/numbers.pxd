# The C of numbers.py. Out of single bytes at one address compilers make one load; an index into a
# memoryview for each byte they leave as it is. A `cpdef` is what a module can also import.
cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static CYTHON_INLINE long long pcapdiag_big16(const unsigned char *p) {
        return (uint32_t)p[0] << 8 | p[1];
    }
    static CYTHON_INLINE long long pcapdiag_big32(const unsigned char *p) {
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    static CYTHON_INLINE unsigned long long pcapdiag_big64(const unsigned char *p) {
        return (uint64_t)pcapdiag_big32(p) << 32 | (uint64_t)pcapdiag_big32(p + 4);
    }
    static CYTHON_INLINE long long pcapdiag_little32(const unsigned char *p) {
        return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
    }
    static CYTHON_INLINE long long pcapdiag_distance(long long a, long long b) {
        return (int32_t)(uint32_t)(a - b);
    }
    static CYTHON_INLINE long long pcapdiag_index_of(
        const unsigned char *p, int byte, long long start, long long end
    ) {
        const unsigned char *found;
        if (end <= start) return -1;
        found = (const unsigned char *)memchr(p + start, byte, (size_t)(end - start));
        return found ? found - p : -1;
    }
    #define PCAPDIAG_AT(view, at) ((const unsigned char *)(view).data + (at))
    #define pcapdiag_big16_at(view, at) pcapdiag_big16(PCAPDIAG_AT(view, at))
    #define pcapdiag_big32_at(view, at) pcapdiag_big32(PCAPDIAG_AT(view, at))
    #define pcapdiag_big64_at(view, at) pcapdiag_big64(PCAPDIAG_AT(view, at))
    #define pcapdiag_little32_at(view, at) pcapdiag_little32(PCAPDIAG_AT(view, at))
    #define pcapdiag_index_of_at(view, byte, start, end) \\
        pcapdiag_index_of(PCAPDIAG_AT(view, 0), byte, start, end)
    #if defined(__GNUC__)
    #define pcapdiag_prefetch(view, at) __builtin_prefetch(PCAPDIAG_AT(view, at))
    #define pcapdiag_prefetch_word(view, at) \\
        __builtin_prefetch((const uint64_t *)(view).data + (at))
    #define pcapdiag_prefetch_item(list, at) \\
        __builtin_prefetch(((PyListObject *)(list))->ob_item + (at))
    #define pcapdiag_prefetch_object(list, at) do { \\
        const char *pcapdiag_start = (const char *)PyList_GET_ITEM(list, at); \\
        __builtin_prefetch(pcapdiag_start); \\
        __builtin_prefetch(pcapdiag_start + 64); \\
        __builtin_prefetch(pcapdiag_start + 128); } while (0)
    #else
    #define pcapdiag_prefetch(view, at) ((void)0)
    #define pcapdiag_prefetch_word(view, at) ((void)0)
    #define pcapdiag_prefetch_item(list, at) ((void)0)
    #define pcapdiag_prefetch_object(list, at) ((void)0)
    #endif
    #define pcapdiag_copy(target, at, source, start, count) \\
        memcpy((target).data + (at), (source).data + (start), (size_t)(count))
    """
    cpdef long long big16 "pcapdiag_big16_at" (const unsigned char[::1] data, long long at) noexcept nogil
    cpdef long long big32 "pcapdiag_big32_at" (const unsigned char[::1] data, long long at) noexcept nogil
    cpdef unsigned long long big64 "pcapdiag_big64_at" (const unsigned char[::1] data, long long at) noexcept nogil
    cpdef long long little32 "pcapdiag_little32_at" (const unsigned char[::1] data, long long at) noexcept nogil
    cpdef long long distance "pcapdiag_distance" (long long a, long long b) noexcept nogil
    cpdef long long index_of "pcapdiag_index_of_at" (const unsigned char[::1] data, long long byte, long long start, long long end) noexcept nogil
    cpdef void copy "pcapdiag_copy" (unsigned char[::1] target, long long at, const unsigned char[::1] source, long long start, long long count) noexcept nogil
    cpdef void prefetch_word "pcapdiag_prefetch_word" (const unsigned long long[::1] words, long long at) noexcept nogil
    cpdef void prefetch_item "pcapdiag_prefetch_item" (list objects, long long at) noexcept
    cpdef void prefetch_object "pcapdiag_prefetch_object" (list objects, long long at) noexcept
    cpdef void prefetch "pcapdiag_prefetch" (const unsigned char[::1] data, long long at) noexcept nogil
