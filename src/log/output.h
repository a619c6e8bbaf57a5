#pragma once

#include <cstddef>
#include <string>

#include "log/file.h"
#include "log/log.h"

namespace tanist::log {

/// Writes all of `text` to stderr, as far as it takes it.
void write_stderr(std::string_view text);

/// Where finished lines go: stderr, or a file with stderr behind it. While the file cannot be written (full
/// disk, missing directory), lines go to stderr with one complaint, and the file is tried again every few
/// seconds.
class Output {
 public:
  void use(const Options& options);
  void write(const Line& line);

 private:
  void complain(Level level, std::string message);

  Options options_;
  std::unique_ptr<RotatingFile> file_;
  Instant next_try_{};
  std::size_t diverted_ = 0;
  std::string rotation_complaint_;
};

}  // namespace tanist::log
