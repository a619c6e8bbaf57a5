#pragma once

#include <string>

#include "core/fields.h"
#include "core/lsn.h"

/// Which of all timelines of its number one is (docs/safety.md). Empty names: it is not known.
namespace tanist::ha {

/// Of a timeline that the own WAL is on, or was on: which of all of that number it is.
struct BranchKnown {
  Timeline timeline;
  std::string name;

  TANIST_FIELDS(timeline, name);
};

/// What a member knows of its own, and keeps on disk.
struct BranchNoted {
  /// Whose it is: the system identifier, and the files themselves. Of others it says nothing.
  std::string system;
  std::string place;
  /// The timeline that is known, and which of that number it is.
  Timeline timeline;
  std::string branch;
  /// The server was told to promote itself from this timeline: the one that it begins then is `next`. It
  /// stays on it where that fails, and what is known of it counts as before.
  Timeline from;
  std::string next;
  /// That promotion is over, although nobody has seen yet which timeline it began.
  bool promoted = false;
  bool operator==(const BranchNoted&) const = default;

  TANIST_FIELDS(system, place, timeline, branch, from, next, promoted);
};

}  // namespace tanist::ha
