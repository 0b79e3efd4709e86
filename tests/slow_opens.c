/* Makes opening a file slow, in compiled code too, and counts the files that are being opened at the same time.
 * test_io_depth.py preloads this library.
 *
 * Only files whose path contains `slow_path` are affected. The first opens take 50 ms. Those after them wait until
 * `slow_need` threads are opening files, or for a minute; from then on, opening takes `slow_us` microseconds. If
 * `slow_spin_us` is set, each open works for so long instead of waiting. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 64, FIRST_US = 50000, STEP_US = 1000, MINUTE_US = 60000000 };

char slow_path[4096];
int slow_need, slow_us, slow_spin_us, slow_now, slow_most, slow_count, slow_met;

static void pause_us(long us) {
    struct timespec time = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&time, 0);
}

/* Return the time that this thread has spent on a CPU. */
static long cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void wait_for_others(const char *path) {
    int now, number;
    long waited = 0;
    if (!slow_path[0] || !path || !strstr(path, slow_path))
        return;
    now = __atomic_add_fetch(&slow_now, 1, __ATOMIC_SEQ_CST);
    number = __atomic_add_fetch(&slow_count, 1, __ATOMIC_SEQ_CST);
    if (now > slow_most)
        slow_most = now;
    if (now >= slow_need)
        slow_met = 1;
    if (slow_spin_us)
        for (long end = cpu_us() + slow_spin_us; cpu_us() < end;)
            ;
    else if (number <= FIRST)
        pause_us(FIRST_US);
    else if (slow_met)
        pause_us(slow_us);
    else
        while (!slow_met && waited < MINUTE_US) {
            pause_us(STEP_US);
            waited += STEP_US;
        }
    __atomic_sub_fetch(&slow_now, 1, __ATOMIC_SEQ_CST);
}

#define OPEN(name)                                                                \
    int name(const char *path, int flags, ...) {                                  \
        va_list rest;                                                             \
        mode_t mode;                                                              \
        va_start(rest, flags);                                                    \
        mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                        \
        va_end(rest);                                                             \
        wait_for_others(path);                                                    \
        return ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(path, flags, mode);   \
    }

OPEN(open)
OPEN(open64)

/* A path relative to an open directory: the path of the directory is looked up. */
static void wait_below(int dir, const char *path) {
    char link[64], full[8192];
    ssize_t length;
    if (!slow_path[0] || !path || path[0] == '/' || dir == AT_FDCWD) {
        wait_for_others(path);
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    length = readlink(link, full, 4000);
    if (length < 0)
        return;
    snprintf(full + length, sizeof full - (size_t)length, "/%s", path);
    wait_for_others(full);
}

#define OPEN_AT(name)                                                             \
    int name(int dir, const char *path, int flags, ...) {                         \
        va_list rest;                                                             \
        mode_t mode;                                                              \
        va_start(rest, flags);                                                    \
        mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;                        \
        va_end(rest);                                                             \
        wait_below(dir, path);                                                    \
        return ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(dir, path, flags, mode); \
    }

OPEN_AT(openat)
OPEN_AT(openat64)
