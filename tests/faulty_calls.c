/* Makes system calls fail or transfer fewer bytes, in compiled code too. test_file_faults.py preloads this library.
 *
 * FAULT_CALL is the name of the call. FAULT_ERRNO is the error of the call, or FAULT_SHORT the largest number of bytes
 * that it transfers. FAULT_TIMES is the number of calls that fail, after the first FAULT_AFTER calls. Only files whose
 * path contains FAULT_PATH are affected. The function fault_count returns how often such a call was made. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned char ours[65536]; /* by file descriptor: 1 if the file is affected */
static int times_done;
static struct { const char *call; int n; } counts[32];

static int is_ours(int fd) { return fd >= 0 && fd < 65536 && ours[fd]; }

static int is_affected(const char *path) {
    const char *part = getenv("FAULT_PATH");
    return part && path && strstr(path, part) != NULL;
}

int fault_count(const char *call) {
    for (int k = 0; k < 32 && counts[k].call; k++)
        if (strcmp(counts[k].call, call) == 0)
            return counts[k].n;
    return 0;
}

/* Return whether a call must fail, and set errno. */
static int fails(const char *call) {
    const char *name = getenv("FAULT_CALL"), *number = getenv("FAULT_ERRNO"), *times = getenv("FAULT_TIMES");
    const char *after = getenv("FAULT_AFTER");
    int k = 0;
    while (k < 31 && counts[k].call && strcmp(counts[k].call, call) != 0)
        k++;
    counts[k].call = call;
    counts[k].n++;
    if (after && counts[k].n <= atoi(after))
        return 0;
    if (!name || !number || strcmp(name, call) != 0)
        return 0;
    if (times && times_done >= atoi(times))
        return 0;
    times_done++;
    errno = atoi(number);
    return 1;
}

static size_t at_most(const char *call, size_t n) {
    const char *name = getenv("FAULT_CALL"), *most = getenv("FAULT_SHORT");
    return name && most && strcmp(name, call) == 0 && n > (size_t)atoi(most) ? (size_t)atoi(most) : n;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int opened(int fd, int affected) {
    if (fd >= 0 && fd < 65536)
        ours[fd] = affected;
    return fd;
}

#define OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                  \
        va_list rest;                                                             \
        mode_t mode;                                                              \
        va_start(rest, flags);                                                    \
        mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                        \
        va_end(rest);                                                             \
        if (is_affected(path) && fails(flags & O_CREAT ? "create" : "open"))         \
            return -1;                                                            \
        return opened(REAL(name)(path, flags, mode), is_affected(path));          \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                              \
    int name(int dir, const char *path, int flags, ...) {                         \
        int affected = is_affected(path) || is_ours(dir);                         \
        mode_t mode;                                                              \
        va_list rest;                                                             \
        va_start(rest, flags);                                                    \
        mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                        \
        va_end(rest);                                                             \
        if (affected && fails(flags & O_CREAT ? "create" : "open"))               \
            return -1;                                                            \
        return opened(REAL(name)(dir, path, flags, mode), affected);              \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t read(int fd, void *at, size_t n) {
    if (is_ours(fd) && fails("read"))
        return -1;
    return REAL(read)(fd, at, is_ours(fd) ? at_most("read", n) : n);
}

ssize_t readv(int fd, const struct iovec *parts, int n) {
    struct iovec first = parts[0];
    if (is_ours(fd) && fails("read"))
        return -1;
    if (is_ours(fd) && at_most("read", first.iov_len) < first.iov_len) {
        first.iov_len = at_most("read", first.iov_len);
        return REAL(readv)(fd, &first, 1);
    }
    return REAL(readv)(fd, parts, n);
}

ssize_t write(int fd, const void *at, size_t n) {
    if (is_ours(fd) && fails("write"))
        return -1;
    return REAL(write)(fd, at, is_ours(fd) ? at_most("write", n) : n);
}

#define PWRITE(name, offset_t)                                                    \
    ssize_t name(int fd, const void *at, size_t n, offset_t start) {              \
        if (is_ours(fd) && fails("write"))                                       \
            return -1;                                                            \
        return REAL(name)(fd, at, is_ours(fd) ? at_most("write", n) : n, start); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int close(int fd) {
    int mine = is_ours(fd), done;
    if (mine)
        ours[fd] = 0;
    done = REAL(close)(fd);
    return mine && fails("close") ? -1 : done;
}

int fstat(int fd, struct stat *status) { return is_ours(fd) && fails("fstat") ? -1 : REAL(fstat)(fd, status); }

int fstat64(int fd, struct stat64 *status) { return is_ours(fd) && fails("fstat") ? -1 : REAL(fstat64)(fd, status); }

int rename(const char *old, const char *new) {
    return is_affected(new) && fails("rename") ? -1 : REAL(rename)(old, new);
}

int renameat(int old_dir, const char *old, int new_dir, const char *new) {
    if ((is_affected(new) || is_ours(new_dir)) && fails("rename"))
        return -1;
    return REAL(renameat)(old_dir, old, new_dir, new);
}

int link(const char *old, const char *new) { return is_affected(new) && fails("link") ? -1 : REAL(link)(old, new); }

long syscall(long number, ...) {
    long a[6];
    va_list rest;
    int k;
    va_start(rest, number);
    for (k = 0; k < 6; k++)
        a[k] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_renameat2 && is_affected((const char *)a[3]) && fails("renameat2"))
        return -1;
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
