#pragma once

#include "config/settings.h"
#include "config/validate.h"
#include "log/log.h"

namespace tanist::config {

/// The `log` section (config.md §10). What cannot be used was reported by validate() and log_complaints().
Log build_log(const Reader& local);

/// What is odd about the section: values that are left out, so that a default counts. Keys are relative to
/// `log`.
struct LogComplaint {
  std::string key;
  std::string text;
};
std::vector<LogComplaint> log_complaints(const Document& section);

/// The options of log/log.h that a `log` section means. `start_umask`: the one that the daemon was started
/// with, for the log file's mode.
log::Options log_options(const Log&, unsigned start_umask);

}  // namespace tanist::config
