#include "ha/engine/small_file.h"

#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {

Task<std::string> read_small(Ports ports, std::string path) {
  auto content = co_await ports.disk.read(path, ports.clock.now() + kDiskBudget);
  if (!content) {
    log::warning("{}", content.error());
    co_return std::string();
  }
  co_return content->value_or("");
}

}  // namespace tanist::ha
