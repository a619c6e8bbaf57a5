#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace tanist::test {

/// For the child of a death test ("threadsafe"): from here on no thread can be made, as in a full cgroup.
inline void use_up_threads() {
  constexpr unsigned kNobody = 65534;
  // The limit is not for root.
  if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) std::abort();
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_cur = 0;
  if (::setrlimit(RLIMIT_NPROC, &limit) != 0) std::abort();
}
inline void give_threads_back() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NPROC, &limit);
}

/// Ends the child of a death test: well, or with what was not as expected.
[[noreturn]] inline void end_child(bool good, const char* what) {
  if (!good) std::fprintf(stderr, "not as expected: %s\n", what);
  std::_Exit(good ? 0 : 1);
}

}  // namespace tanist::test
