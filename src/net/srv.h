#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/task.h"

/// DNS SRV records.
namespace tanist::net {

struct SrvTarget {
  std::string host;
  int port = 0;
  int priority = 0;
  int weight = 0;
  bool operator==(const SrvTarget&) const = default;
};

/// The records of `name`, best priority and greatest weight first; empty when there are none. Asked on a helper
/// thread; the wait may be given up at any time. The error says what the resolver said.
Task<std::expected<std::vector<SrvTarget>, std::string>> resolve_srv(std::string name);

/// The SRV records of a DNS answer as it came; nullopt when it is damaged.
std::optional<std::vector<SrvTarget>> parse_srv_answer(std::string_view packet);

}  // namespace tanist::net
