#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace tanist::config {

/// Bounds on time hold for optimised builds; instrumented ones are an order of magnitude slower.
#if defined(__OPTIMIZE__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && \
    !__has_feature(memory_sanitizer)
inline constexpr bool kTimed = true;
#else
inline constexpr bool kTimed = false;
#endif

/// Processor time of this thread: what other processes do does not count.
inline std::chrono::nanoseconds thread_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

/// Milliseconds of processor time that `work` takes, the median of `rounds`.
double median_ms(int rounds, const auto& work) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) {
    const auto before = thread_time();
    work();
    all.push_back(std::chrono::duration<double, std::milli>(thread_time() - before).count());
  }
  std::ranges::nth_element(all, all.begin() + rounds / 2);
  return all[static_cast<std::size_t>(rounds) / 2];
}

}  // namespace tanist::config
