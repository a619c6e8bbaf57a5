#pragma once

#include <expected>
#include <string>

namespace tanist::member {

/// One daemon a data directory: a lock on its state directory, held for the life of the process. What runs on
/// the data directory is this daemon's to stop, and nobody else's.
class DataDirectoryClaim {
 public:
  DataDirectoryClaim() = default;
  ~DataDirectoryClaim();
  DataDirectoryClaim(const DataDirectoryClaim&) = delete;
  DataDirectoryClaim& operator=(const DataDirectoryClaim&) = delete;

  /// Before anything runs; creates the directory where it is missing. The error: another daemon has it. A
  /// directory that cannot be locked (a file system without locks, a full disk) is warned of and used.
  std::expected<void, std::string> take(const std::string& state_dir);

 private:
  int directory_ = -1;
};

}  // namespace tanist::member
