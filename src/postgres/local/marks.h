#pragma once

#include <string>

#include "config/settings.h"

/// Files in the state directory that say, also to a later daemon, what is wrong with the data directory.
namespace tanist::postgres {

/// There while a clone is made in the data directory, or what one left is still there.
inline std::string clone_mark(const config::Settings& settings) {
  return settings.state_dir + "/clone";
}
/// There while a whole data directory is removed.
inline std::string removal_mark(const config::Settings& settings) {
  return settings.state_dir + "/removal";
}
/// There while pg_rewind works on the data directory, and after it failed.
inline std::string rewind_mark(const config::Settings& settings) {
  return settings.state_dir + "/rewinding";
}
/// Names what a bootstrap of this daemon left aside: it may give way to a later one.
inline std::string failed_mark(const config::Settings& settings) {
  return settings.state_dir + "/failed";
}
/// There while a new cluster is made.
inline std::string bootstrap_mark(const config::Settings& settings) {
  return settings.state_dir + "/bootstrap.json";
}

}  // namespace tanist::postgres
