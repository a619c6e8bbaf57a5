#include "postgres/files/configuration_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "async/disk_thread.h"
#include "core/format.h"
#include "postgres/parameters/config_files.h"

namespace tanist::postgres {
namespace {

/// The file that came with initdb is kept beside ours and included by it.
std::expected<void, std::string> keep_base_file(const std::string& main, const std::string& base) {
  if (::access(base.c_str(), F_OK) == 0) return {};
  const auto content = blocking::read_file(main);
  if (!content) return std::unexpected(content.error());
  // A file of ours (its base was not copied) would include itself.
  if (!*content || is_generated(**content)) return blocking::write_file(base, "", 0600);
  if (::rename(main.c_str(), base.c_str()) != 0) {
    return std::unexpected(
        fmt::format("could not rename \"{}\" to \"{}\": {}", main, base, std::strerror(errno)));
  }
  return {};
}

}  // namespace

std::expected<bool, std::string> write_if_different(const ConfigurationFile& file) {
  const auto before = blocking::read_file(file.path);
  if (before && *before && **before == file.content) {
    // libpq ignores a password file that others may read.
    struct stat seen{};
    const bool secret =
        file.mode == 0600 && ::stat(file.path.c_str(), &seen) == 0 && (seen.st_mode & 077) != 0;
    if (secret) ::chmod(file.path.c_str(), file.mode);
    return false;
  }
  if (auto written = blocking::write_file(file.path, file.content, file.mode); !written) {
    return std::unexpected(written.error());
  }
  return true;
}

std::expected<void, std::string> touch(const std::string& path, unsigned mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, mode);
  if (fd < 0) return std::unexpected(fmt::format("could not create \"{}\": {}", path, std::strerror(errno)));
  ::fsync(fd);
  ::close(fd);
  return blocking::sync_directory(path.substr(0, path.rfind('/')));
}

std::expected<bool, std::string> write_configuration(const ConfigurationFiles& job) {
  bool changed = false;
  if (!job.base_file.empty()) {
    if (auto kept = keep_base_file(job.files.front().path, job.base_file); !kept)
      return std::unexpected(kept.error());
  }
  for (const auto& file : job.files) {
    auto written = write_if_different(file);
    if (!written) return written;
    changed = changed || *written;
  }
  if (!job.auto_conf.empty()) {
    const auto content = blocking::read_file(job.auto_conf);
    if (!content) return std::unexpected(content.error());
    const auto kept = *content ? without_recovery_parameters(**content) : std::nullopt;
    if (kept) {
      if (auto written = blocking::write_file(job.auto_conf, *kept, job.auto_conf_mode); !written) {
        return std::unexpected(written.error());
      }
      changed = true;
    }
  }
  return changed;
}

}  // namespace tanist::postgres
