#pragma once

#include <expected>
#include <optional>
#include <string>

#include "config/environment.h"
#include "config/load.h"
#include "config/settings.h"
#include "ha/ports.h"

namespace tanist::member {

/// The local configuration of this daemon: read at the start and again at each reload.
class SettingsSource {
 public:
  SettingsSource(std::string path, config::Environment environment);

  /// Reads files: not on the control thread, except before it runs.
  std::expected<config::LocalConfig, config::Problems> read() const;
  /// From now on builder() builds on this.
  void use(config::LocalConfig local);
  const config::LocalConfig& local() const { return *local_; }
  /// Settings over the current local configuration; warnings are logged.
  ha::SettingsBuilder builder() const;

 private:
  std::string path_;
  config::Environment environment_;
  std::shared_ptr<const config::LocalConfig> local_;
};

/// Warnings and errors as log lines.
void tell(const config::Problems& problems);

}  // namespace tanist::member
