#pragma once

#include <expected>
#include <optional>
#include <string>

#include "config/read/environment.h"
#include "config/read/load.h"
#include "config/settings.h"
#include "ha/ports.h"

namespace tanist::member {

/// The local configuration of this daemon: read at the start and again at each reload. Lives on the control
/// thread, as its builders do.
class SettingsSource {
 public:
  SettingsSource(std::string path, config::Environment environment);

  /// Reads files: on a thread that may block, or before the control thread runs.
  std::expected<config::LocalConfig, config::Problems> read() const;
  /// From now on builder() builds on this.
  void use(config::LocalConfig local);
  const config::LocalConfig& local() const { return *local_; }
  /// Settings over the current local configuration; warnings are logged.
  ha::SettingsBuilder builder() const;
  /// From now on every builder, those that were made before too, gives what has to stay until the daemon is
  /// restarted as `settings` has it: the start is over, its dynamic configuration is known. The first call
  /// counts.
  void started_with(const config::Settings& settings);

 private:
  std::string path_;
  config::Environment environment_;
  std::shared_ptr<const config::LocalConfig> local_;
  struct Start;
  std::shared_ptr<Start> start_;
};

/// Warnings and errors as log lines.
void tell(const config::Problems& problems);
/// Warns that these have changed in vain so far.
void tell_of_restart(const std::vector<std::string>& paths);

}  // namespace tanist::member
