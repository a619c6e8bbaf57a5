#include "ctl/timing.h"

#include <algorithm>
#include <optional>

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

std::optional<std::chrono::seconds> whole_seconds(const Document& config, const char* key) {
  const Document* value = config.find(key);
  const auto number = value != nullptr ? parse_int(*value) : std::nullopt;
  return number ? std::optional(std::chrono::seconds(*number)) : std::nullopt;
}

}  // namespace

std::chrono::seconds loop_wait(const dcs::Cluster& cluster, const Document& local) {
  constexpr auto kDefault = 10s;
  if (const auto shared = whole_seconds(cluster.config.data, "loop_wait")) return *shared;
  return whole_seconds(local, "loop_wait").value_or(kDefault);
}

std::chrono::seconds start_timeout(const dcs::Cluster& cluster) {
  constexpr auto kDefault = 300s;
  for (const char* key : {"primary_start_timeout", "master_start_timeout"})
    if (const auto set = whole_seconds(cluster.config.data, key)) return *set;
  return kDefault;
}

Duration switchover_patience(const dcs::Cluster& cluster, const Document& local) {
  constexpr auto kLeast = 10s;
  constexpr auto kMargin = 15s;
  return 2 * std::max<std::chrono::seconds>(kLeast, loop_wait(cluster, local)) + kMargin;
}

}  // namespace tanist::ctl
