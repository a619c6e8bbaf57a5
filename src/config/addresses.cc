#include "config/addresses.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "core/format.h"
#include "core/text.h"

namespace tanist::config {
namespace {

std::expected<int, std::string> parse_port(std::string_view text) {
  int port = 0;
  const auto digits = trim(text);
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (ec != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65535)
    return std::unexpected(fmt::format("\"{}\" is no port from 1 to 65535", text));
  return port;
}

std::string without_brackets(std::string_view host) {
  host = trim(host);
  while (!host.empty() && (host.front() == '[' || host.front() == ']')) host.remove_prefix(1);
  while (!host.empty() && (host.back() == '[' || host.back() == ']')) host.remove_suffix(1);
  return std::string(host);
}

std::string without_brackets_in_list(std::string_view hosts) {
  std::string out;
  while (true) {
    const auto comma = hosts.find(',');
    out += without_brackets(hosts.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    out += ',';
    hosts.remove_prefix(comma + 1);
  }
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, value, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::expected<HostPort, std::string> split_host_port(std::string_view text, std::optional<int> default_port) {
  text = trim(text);
  const auto colon = text.rfind(':');
  const bool bare_ipv6 = !text.empty() && text.back() == ']';
  if (colon == std::string_view::npos || bare_ipv6) {
    if (!default_port) return std::unexpected(fmt::format("\"{}\" has no port", text));
    return HostPort{bare_ipv6 ? without_brackets_in_list(text) : std::string(text), *default_port};
  }
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return std::unexpected(port.error());
  const auto host = text.substr(0, colon);
  return HostPort{
      host.find(':') == std::string_view::npos ? std::string(host) : without_brackets_in_list(host), *port};
}

std::expected<Url, std::string> parse_url(std::string_view text, int default_port) {
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::unexpected("a URL begins with http:// or https://");
  Url out;
  out.scheme = lower(text.substr(0, scheme_end));
  if (out.scheme != "http" && out.scheme != "https")
    return std::unexpected("the scheme of the URL is not http or https");
  auto rest = text.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto user = rest.substr(0, at);
    const auto colon = user.find(':');
    out.username = percent_decoded(user.substr(0, colon));
    if (colon != std::string_view::npos) out.password = Secret(percent_decoded(user.substr(colon + 1)));
    rest.remove_prefix(at + 1);
  }
  auto address = split_host_port(rest, default_port);
  // What does not fit may be a part of the password.
  if (!address)
    return std::unexpected(
        "the URL has no host and port that can be read: / ? # and @ of a password are written %2F %3F %23 "
        "%40");
  if (address->host.empty()) return std::unexpected("the URL names no host");
  out.address = *std::move(address);
  return out;
}

std::string expand_home(std::string_view path, const std::optional<std::string>& home) {
  if (path != "~" && !path.starts_with("~/")) return std::string(path);
  std::string base = home.value_or("");
  if (base.empty()) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found) base = entry.pw_dir;
  }
  return base + std::string(path.substr(1));
}

}  // namespace tanist::config
