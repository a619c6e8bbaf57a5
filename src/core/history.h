#pragma once

#include <string>

#include "core/lsn.h"

namespace tanist {

/// One switch of timelines: a line of a `.history` file, and an element of the store's /history.
struct HistoryLine {
  Timeline parent;
  Lsn switch_lsn;
  std::string reason;
  /// ISO 8601 and the new leader's name; empty where only the first three items are known.
  std::string timestamp;
  std::string new_leader;
  bool operator==(const HistoryLine&) const = default;
};

}  // namespace tanist
