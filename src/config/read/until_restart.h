#pragma once

#include <string>
#include <vector>

#include "config/read/load.h"
#include "config/settings.h"

/// Keys that a change of takes effect only with the next start of the daemon: until then what it was started
/// with stays in force, for everything that is derived from them too.
namespace tanist::config {

/// Gives `next` the values that `running` has for such keys. The paths that `next` had another value for.
std::vector<std::string> keep_until_restart(const LocalConfig& running, LocalConfig& next);

/// Such values that the dynamic configuration may give too, as they were at the start.
struct StartValues {
  std::string config_base_name;
  std::string bin_dir;
  std::string database;
};
StartValues start_values(const Settings& settings);
/// Puts them into settings that were built later. The paths that had another value.
std::vector<std::string> keep_until_restart(const StartValues& running, Settings& next);

}  // namespace tanist::config
