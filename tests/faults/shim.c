/* Faults of a disk and of a clock, for one program: it is started with this library in LD_PRELOAD, and with a file in
 * GUILDHALL_TEST_FAULTS that says what happens. Tests change that file while the program runs. `tests/src/trouble.rs`
 * writes it; its layout is `struct faults`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct faults {
    int64_t clock_shift_s; /* is added to the time of day */
    int32_t error;         /* what a write answers; 0: it succeeds */
    int32_t hangs;         /* 1: a write waits until this is 0 */
    int32_t delay_ms;      /* how much longer a write takes */
    char part[64];         /* only files with this in their path are meant */
};

static volatile struct faults *faults;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("GUILDHALL_TEST_FAULTS");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *at = mmap(NULL, sizeof(struct faults), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (at != MAP_FAILED) faults = at;
}

static void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int is_meant(int file) {
    char link[64], path[4096], part[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    memcpy(part, (const char *)faults->part, sizeof part);
    part[sizeof part - 1] = 0;
    return part[0] && strstr(path, part) != NULL;
}

/* Returns what a write to a file answers instead of writing; 0: it writes. */
static int trouble(int file) {
    if (!faults || !(faults->error || faults->hangs || faults->delay_ms) || !is_meant(file)) return 0;
    if (faults->delay_ms) sleep_ms(faults->delay_ms);
    while (faults->hangs) sleep_ms(5);
    return faults->error;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAULTY(result, name, parameters, arguments)                                                                   \
    result name parameters {                                                                                          \
        static __typeof__(&name) real;                                                                                \
        if (!real) real = REAL(name);                                                                                 \
        int error = trouble(file);                                                                                    \
        if (!error) return real arguments;                                                                            \
        errno = error;                                                                                                \
        return -1;                                                                                                    \
    }

FAULTY(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
FAULTY(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t at), (file, bytes, count, at))
FAULTY(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
FAULTY(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count))
FAULTY(int, fsync, (int file), (file))
FAULTY(int, fdatasync, (int file), (file))

int clock_gettime(clockid_t clock, struct timespec *time) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int result = real(clock, time);
    if (!result && faults && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        time->tv_sec += faults->clock_shift_s;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static __typeof__(&gettimeofday) real;
    if (!real) real = REAL(gettimeofday);
    int result = real(now, zone);
    if (!result && faults) now->tv_sec += faults->clock_shift_s;
    return result;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
