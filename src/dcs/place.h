#pragma once

#include <optional>
#include <string>

namespace tanist::dcs {

/// Which cluster of a store. With Citus a scope has a cluster for each group (dcs.md §1.6).
struct Place {
  std::string name_space;
  std::string scope;
  std::optional<int> group = {};

  /// `/<namespace>/<scope>`: what all groups have in common.
  std::string base_path() const;
  /// Below which the keys of this cluster are: base_path(), `/<group>` behind it where there is one.
  std::string path() const;
};

}  // namespace tanist::dcs
