#pragma once

#include <atomic>
#include <cstdint>

namespace tanist::postgres {

/// Queries of this process that were given up, as no answer came in time, and their connections with them.
/// Any thread.
inline std::atomic<std::uint64_t> queries_dropped = 0;

}  // namespace tanist::postgres
