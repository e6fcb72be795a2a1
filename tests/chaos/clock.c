/* A wall clock that can be set for some processes only: the offset lies in a shared file, so that it
 * jumps while they run. Made by tests/chaos/clock.py, loaded by LD_PRELOAD. Monotonic clocks, and
 * what the kernel stamps on files, stay as they are. /proc/stat is answered as the kernel would
 * after such a jump: its btime moves with the clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ns;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CHAOS_CLOCK");
  int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at != MAP_FAILED) offset_ns = at;
}

int clock_gettime(clockid_t id, struct timespec *ts) {
  int rc = (int)syscall(SYS_clock_gettime, id, ts);
  if (rc == 0 && offset_ns && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    int64_t ns = ts->tv_sec * 1000000000LL + ts->tv_nsec + *offset_ns;
    ts->tv_sec = ns / 1000000000LL;
    ts->tv_nsec = ns % 1000000000LL;
  }
  return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
  struct timespec ts;
  (void)zone;
  int rc = clock_gettime(CLOCK_REALTIME, &ts);
  if (rc == 0 && tv) {
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
  }
  return rc;
}

time_t time(time_t *out) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  if (out) *out = ts.tv_sec;
  return ts.tv_sec;
}

static int shifted_stat(void) {
  static const char key[] = "\nbtime ";
  char *text = malloc(1 << 20);
  int from = (int)syscall(SYS_openat, AT_FDCWD, "/proc/stat", O_RDONLY | O_CLOEXEC, 0);
  int to = memfd_create("stat", MFD_CLOEXEC);
  size_t size = 0;
  ssize_t got;
  if (!text || from < 0 || to < 0) return -1;
  while (size < (1 << 20) - 1 && (got = read(from, text + size, (1 << 20) - 1 - size)) > 0) size += got;
  text[size] = 0;
  close(from);
  char *at = strstr(text, key);
  if (at) {
    char *end;
    long long born = strtoll(at + sizeof(key) - 1, &end, 10);
    dprintf(to, "%.*s%s%lld%s", (int)(at - text), text, key, born + (long long)(*offset_ns / 1000000000LL), end);
  } else if (write(to, text, size) < 0) {
    return -1;
  }
  free(text);
  lseek(to, 0, SEEK_SET);
  return to;
}

static int opened(const char *path, int flags, mode_t mode) {
  if (offset_ns && *offset_ns && strcmp(path, "/proc/stat") == 0) {
    int fd = shifted_stat();
    if (fd >= 0) return fd;
  }
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define MODE(flags, mode)                       \
  mode_t mode = 0;                              \
  if (flags & (O_CREAT | O_TMPFILE)) {          \
    va_list rest;                               \
    va_start(rest, flags);                      \
    mode = va_arg(rest, mode_t);                \
    va_end(rest);                               \
  }

int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  return opened(path, flags, mode);
}
