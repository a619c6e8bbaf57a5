#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/text.h"

namespace tanist::config {

/// Splits `host:port` at the last colon. With a colon left in the host part it is a list of IPv6 addresses:
/// brackets are removed. Without a port `default_port` is taken; nullopt means that the port is mandatory. A
/// port is 1–65535.
std::expected<HostPort, std::string> split_host_port(std::string_view text, std::optional<int> default_port);

/// Where a URL `scheme://[user[:password]@]host[:port]` leads.
struct Url {
  std::string scheme;
  HostPort address;
  std::string username;
  Secret password;
};
std::expected<Url, std::string> parse_url(std::string_view text, int default_port);

/// `~` and `~/…` by HOME, or by the user database when it is unset.
std::string expand_home(std::string_view path, const std::optional<std::string>& home);

std::string_view trim(std::string_view text);

}  // namespace tanist::config
