#include "member/data_directory_claim.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/format.h"
#include "log/log.h"

TANIST_LOGGER("patroni.__main__");

namespace tanist::member {

DataDirectoryClaim::~DataDirectoryClaim() {
  if (directory_ >= 0) ::close(directory_);
}

std::expected<void, std::string> DataDirectoryClaim::take(const std::string& state_dir) {
  // Missing parents are a matter of the start, which names what is wrong with them.
  (void)::mkdir(state_dir.c_str(), 0700);
  directory_ = ::open(state_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_ >= 0 && ::flock(directory_, LOCK_EX | LOCK_NB) == 0) return {};
  const int error = errno;
  if (directory_ >= 0 && error == EWOULDBLOCK)
    return std::unexpected(
        fmt::format("another Tanist daemon works on this data directory: it holds the lock on \"{}\"\n"
                    "HINT: stop that one first, or give this one a data directory of its own",
                    state_dir));
  log::warning("could not lock \"{}\", nothing keeps a second daemon from this data directory: {}", state_dir,
               std::strerror(error));
  return {};
}

}  // namespace tanist::member
