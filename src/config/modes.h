#pragma once

#include "config/settings.h"

/// The modes of a dynamic configuration, read in one way by all who ask: whether a cluster is paused must not
/// depend on who looks.
namespace tanist::config {

struct Modes {
  bool pause = false;
  bool failsafe = false;
  bool standby_cluster = false;
  /// Off in a standby cluster, whatever is configured.
  Dynamic::SyncMode synchronous = Dynamic::SyncMode::off;
  bool synchronous_strict = false;
  bool operator==(const Modes&) const = default;
};

/// Any document, as stored: what is no mapping has no modes; a value that is neither yes nor no is a no.
Modes modes_of(const Document& dynamic);

}  // namespace tanist::config
