#include "api/access.h"

#include <algorithm>
#include <charconv>

#include "api/responses.h"
#include "core/format.h"

/// The rules of who may use what changes something: networks, certificates, passwords.
namespace tanist::api {

namespace ip = boost::asio::ip;

namespace {

template <class Bytes>
bool same_bits(const Bytes& a, const Bytes& b, unsigned length) {
  for (std::size_t i = 0; i < a.size() && length > 0; ++i) {
    const unsigned bits = std::min(length, 8u);
    const auto mask = static_cast<unsigned char>(0xff << (8 - bits));
    if ((a[i] & mask) != (b[i] & mask)) return false;
    length -= bits;
  }
  return true;
}

net::HttpResponse unauthorized(const char* why) {
  auto out = text_body(401, why);
  out.headers.set("WWW-Authenticate", "Basic realm=\"Patroni\"");
  return out;
}

/// The text after `Basic `; nullopt: another scheme.
std::optional<std::string_view> basic_credentials(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  if (header.size() < kScheme.size()) return std::nullopt;
  const bool basic = std::equal(kScheme.begin(), kScheme.end(), header.begin(), [](char expected, char c) {
    return expected == (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  });
  if (!basic) return std::nullopt;
  return header.substr(kScheme.size());
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code ec;
  Network out;
  out.base_ = ip::make_address(std::string(text.substr(0, slash)), ec);
  if (ec) return std::nullopt;
  const unsigned longest = out.base_.is_v4() ? 32 : 128;
  out.length_ = longest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), out.length_);
    if (bad != std::errc() || end != digits.data() + digits.size() || out.length_ > longest)
      return std::nullopt;
  }
  // Who comes by IPv4 has an IPv4 address here whatever the socket: such a network means the same clients.
  constexpr unsigned kMappedPrefix = 96;
  if (out.base_.is_v6() && out.base_.to_v6().is_v4_mapped() && out.length_ >= kMappedPrefix) {
    out.base_ = ip::make_address_v4(ip::v4_mapped, out.base_.to_v6());
    out.length_ -= kMappedPrefix;
  }
  return out;
}

bool Network::contains(const ip::address& address) const {
  if (address.is_v4() != base_.is_v4()) return false;
  return address.is_v4() ? same_bits(address.to_v4().to_bytes(), base_.to_v4().to_bytes(), length_)
                         : same_bits(address.to_v6().to_bytes(), base_.to_v6().to_bytes(), length_);
}

Allowlist read_allowlist(const std::vector<std::string>& entries) {
  Allowlist out;
  for (const auto& entry : entries) {
    if (auto network = Network::parse(entry)) {
      out.networks.push_back(*network);
    } else if (entry.find('/') != std::string::npos) {
      out.problems.push_back(fmt::format(
          "Invalid value \"{}\" in the allowlist: it is no network such as 10.1.0.0/16 or fd00:1::/64",
          entry));
    } else if (entry.empty()) {
      out.problems.emplace_back("Invalid value \"\" in the allowlist: it is empty");
    } else {
      out.names.push_back(entry);
    }
  }
  return out;
}

std::string_view first_segment(std::string_view target) {
  std::string_view path = target.substr(0, target.find('?'));
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.substr(0, path.find('/'));
}

std::optional<net::HttpResponse> refusal_of(const config::RestApi& rest, const net::HttpRequest& request,
                                            bool address_allowed) {
  if (!address_allowed) return text_body(403, "Access is denied");
  const bool certificate_needed =
      !rest.tls.cert_file.empty() && rest.verify_client != config::RestApi::VerifyClient::none;
  if (certificate_needed && !request.client_certificate) return text_body(403, "client certificate required");
  if (rest.authentication.username.empty()) return std::nullopt;
  const std::string* header = request.headers.find("Authorization");
  if (header == nullptr) return unauthorized("no auth header received");
  const auto& [user, password] = rest.authentication;
  const std::string expected = net::base64_encode(user + ":" + password.reveal());
  const auto given = basic_credentials(*header);
  if (!given || !net::equal_in_constant_time(*given, expected)) return unauthorized("not authenticated");
  return std::nullopt;
}

}  // namespace tanist::api
