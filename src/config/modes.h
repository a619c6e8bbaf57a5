#pragma once

#include <string>
#include <string_view>
#include <vector>

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

/// Modes in force that this version does not serve, by the key that sets them.
std::vector<std::string> modes_not_served(const Dynamic& dynamic);
/// What comes of such a mode, to follow its name: `is not served by this version yet: …`.
std::string_view comes_of_mode_not_served(std::string_view mode);

}  // namespace tanist::config
