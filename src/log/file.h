#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "core/time.h"

namespace tanist::log {

/// A log file that is rotated by size: `path`, `path.1` (the last one), `path.2` … Calls block as the disk
/// does. A crash in the middle of a rotation loses no line: files are only renamed.
class RotatingFile {
 public:
  struct Settings {
    std::string path;
    unsigned mode = 0600;
    /// The file is rotated before it would reach this size; either 0: never.
    std::int64_t size_limit = 0;
    int old_files = 0;
    bool operator==(const Settings&) const = default;
  };

  explicit RotatingFile(Settings settings) : settings_(std::move(settings)) {}
  ~RotatingFile() { close(); }
  RotatingFile(const RotatingFile&) = delete;
  RotatingFile& operator=(const RotatingFile&) = delete;

  const Settings& settings() const { return settings_; }
  /// Takes effect with the next line.
  void use(Settings settings);

  /// Appends a whole line, newline included. An error says what could not be done and why; then nothing of
  /// the line is in the file. A file that was moved or removed meanwhile is created anew.
  std::expected<void, std::string> append(std::string_view line);
  /// Why the last due rotation did not take place; empty: it did. The line was written all the same.
  const std::string& rotation_problem() const { return rotation_problem_; }

 private:
  std::expected<void, std::string> open();
  bool still_there() const;
  void close();
  void rotate();

  Settings settings_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::int64_t size_ = 0;
  std::string rotation_problem_;
  /// After a failure; until then the file grows.
  Instant next_rotation_{};
};

}  // namespace tanist::log
