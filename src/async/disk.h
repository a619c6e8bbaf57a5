#pragma once

#include <expected>
#include <optional>
#include <string>

#include "async/task.h"
#include "core/time.h"

namespace tanist {

/// Small files, off the control thread and with a deadline: a hung disk costs what was to be written, never
/// the lease. Errors name the operation, the path and errno's text.
class Disk {
 public:
  virtual ~Disk() = default;
  /// nullopt: there is no such file.
  virtual Task<std::expected<std::optional<std::string>, std::string>> read(std::string path,
                                                                            Instant deadline) = 0;
  /// Atomically replaces the file (temporary file, fsync, rename, fsync of the directory); creates missing
  /// directories of the path with mode 0700.
  virtual Task<std::expected<void, std::string>> write(std::string path, std::string content, unsigned mode,
                                                       Instant deadline) = 0;
  /// Adds to the end, without fsync.
  virtual Task<std::expected<void, std::string>> append(std::string path, std::string content, unsigned mode,
                                                        Instant deadline) = 0;
  /// Removes a file for good (fsync of the directory); one that is not there is fine.
  virtual Task<std::expected<void, std::string>> remove(std::string path, Instant deadline) = 0;
};

}  // namespace tanist
