#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// DNS SRV records.
namespace tanist::net {

struct SrvTarget {
  std::string host;
  int port = 0;
  int priority = 0;
  int weight = 0;
  bool operator==(const SrvTarget&) const = default;
};

/// The records of `name`, best priority and greatest weight first; empty when there are none. The error says
/// what the resolver said. Blocks: Resolver asks on a helper thread.
std::expected<std::vector<SrvTarget>, std::string> look_up_srv(const std::string& name);

/// The SRV records of a DNS answer as it came; nullopt when it is damaged.
std::optional<std::vector<SrvTarget>> parse_srv_answer(std::string_view packet);

}  // namespace tanist::net
