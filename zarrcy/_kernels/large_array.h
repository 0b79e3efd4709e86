/* An allocator of NumPy for large arrays: their memory is fresh, and begins at a page. */
#ifndef ZARRCY_LARGE_ARRAY_H
#define ZARRCY_LARGE_ARRAY_H

#ifdef __linux__
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>

/* The page before the array holds the length of all pages. */
enum { ZARRCY_PAGE = 4096 };

static void* zarrcy_map_array(void* context, size_t nbytes) {
    size_t total = nbytes + ZARRCY_PAGE;
    char* pages;
    (void)context;
    if (total < nbytes) {
        return NULL;
    }
    pages = (char*)mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == (char*)MAP_FAILED) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    /* an advice; the array works without it */
    (void)madvise(pages, total, MADV_HUGEPAGE);
#endif
    *(size_t*)pages = total;
    return pages + ZARRCY_PAGE;
}

static void* zarrcy_map_zeros(void* context, size_t n, size_t nbytes) {
    if (nbytes != 0 && n > (size_t)-1 / nbytes) {
        return NULL;
    }
    /* the memory consists of zeros */
    return zarrcy_map_array(context, n * nbytes);
}

static void* zarrcy_remap_array(void* context, void* array, size_t nbytes) {
    char* pages = (char*)array - ZARRCY_PAGE;
    size_t total = nbytes + ZARRCY_PAGE;
    if (array == NULL) {
        return zarrcy_map_array(context, nbytes);
    }
    if (total < nbytes) {
        return NULL;
    }
    pages = (char*)mremap(pages, *(size_t*)pages, total, MREMAP_MAYMOVE);
    if (pages == (char*)MAP_FAILED) {
        return NULL;
    }
    *(size_t*)pages = total;
    return pages + ZARRCY_PAGE;
}

static void zarrcy_unmap_array(void* context, void* array, size_t nbytes) {
    (void)context;
    (void)nbytes;
    if (array != NULL) {
        char* pages = (char*)array - ZARRCY_PAGE;
        munmap(pages, *(size_t*)pages);
    }
}

static PyDataMem_Handler zarrcy_large_arrays = {
    "zarrcy_large_array", 1, {NULL, zarrcy_map_array, zarrcy_map_zeros, zarrcy_remap_array, zarrcy_unmap_array},
};

/* Return the handler as a capsule; None on systems without it. */
static PyObject* zarrcy_handler(void) {
    return PyCapsule_New(&zarrcy_large_arrays, "mem_handler", NULL);
}
#else
static PyObject* zarrcy_handler(void) {
    Py_RETURN_NONE;
}
#endif
#endif
