#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "log/log.h"

namespace tanist::log {

/// Keeps a healthy member to one line a cycle (config.md §10.4): "Lock owner: …" is held back until it is
/// known whether "no action. …" follows in the same thread. Works only while the root level is exactly INFO.
class HeartbeatFilter {
 public:
  /// Appends to `out` what is to be written now that `line` has come.
  void pass(Line line, const Options& options, std::vector<Line>& out);
  /// Appends what is held back: nothing will follow.
  void release(std::vector<Line>& out);

 private:
  /// By thread.
  std::map<std::int64_t, Line> held_;
  std::map<std::int64_t, std::string> last_heartbeat_;
};

}  // namespace tanist::log
