#include "process/umask.h"

#include <sys/stat.h>

#include <optional>

namespace tanist::process {
namespace {

constexpr mode_t kOwnerOnly = 0077;

/// Set once, before there is a second thread.
std::optional<mode_t>& at_start() {
  static std::optional<mode_t> before;
  return before;
}

}  // namespace

void tighten_umask() {
  const mode_t before = ::umask(kOwnerOnly);
  if (!at_start()) at_start() = before;
}

unsigned start_umask() {
  if (at_start()) return *at_start();
  const mode_t current = ::umask(kOwnerOnly);
  ::umask(current);
  return current;
}

}  // namespace tanist::process
