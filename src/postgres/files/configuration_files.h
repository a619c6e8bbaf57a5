#pragma once

#include <expected>
#include <string>
#include <vector>

/// Writing the files of a configuration, as they must be. Everything here blocks: for the disk thread only.
namespace tanist::postgres {

/// One file as it must be.
struct ConfigurationFile {
  std::string path;
  std::string content;
  unsigned mode = 0600;
};
/// True: it was different.
std::expected<bool, std::string> write_if_different(const ConfigurationFile& file);

/// All files of one server.
struct ConfigurationFiles {
  /// The file that came with initdb is kept under this name, beside the first of `files`, which includes it.
  /// Empty: custom_conf is included.
  std::string base_file;
  std::vector<ConfigurationFile> files;
  /// postgresql.auto.conf, which recovery parameters are taken out of. Empty: left alone.
  std::string auto_conf;
  unsigned auto_conf_mode = 0600;
};
/// True: something was different.
std::expected<bool, std::string> write_configuration(const ConfigurationFiles& job);

/// An empty file that is there after a crash, too.
std::expected<void, std::string> touch(const std::string& path, unsigned mode);

}  // namespace tanist::postgres
