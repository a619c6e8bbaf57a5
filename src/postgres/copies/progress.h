#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/settings.h"
#include "postgres/server.h"

namespace tanist::postgres {

/// ` 23158/131072 kB (17%), 0/1 tablespace` of pg_basebackup, ` 123/456 kB (27%) copied` of pg_rewind;
/// without rate.
std::optional<Progress> parse_progress(std::string_view line);

/// Turns positions into a rate and a time left.
class ProgressMeter {
 public:
  Progress note(Instant now, Progress seen);

 private:
  /// Bytes done at instants of the last seconds, oldest first.
  std::deque<std::pair<Instant, std::int64_t>> window_;
};

/// `43% (120 MB of 280 MB), 56 MB/s, 3 s left`; what is not known is left out.
std::string describe(const Progress& progress);

/// `120 MB`, `1.3 GB`; units of 1024.
std::string describe_bytes(std::int64_t bytes);

/// `--name` or `--name=value`.
std::string render_option(const config::ToolOption& option);

}  // namespace tanist::postgres
