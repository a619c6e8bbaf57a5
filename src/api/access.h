#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "net/http.h"

/// Who may use the methods that change something (rest-api.md §2). Pure.
namespace tanist::api {

/// An IPv4 or IPv6 network; a single address is one of full length.
class Network {
 public:
  /// `10.1.2.3`, `10.1.2.3/16` (bits below the length do not count) and the same for IPv6.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const boost::asio::ip::address& address) const;

 private:
  boost::asio::ip::address base_;
  unsigned length_ = 0;
};

/// An allowlist as it is written.
struct Allowlist {
  std::vector<Network> networks;
  /// To be resolved.
  std::vector<std::string> names;
  /// A line for the log about each entry that is skipped.
  std::vector<std::string> problems;
};
Allowlist read_allowlist(const std::vector<std::string>& entries);

/// `config` of `//config/x?y=z`: what a target is about, and what is asked of who calls it.
std::string_view first_segment(std::string_view target);

/// Why this request is not served, the checks in their order: address, client certificate, password; nullopt:
/// it may pass. `address_allowed` is what the allowlist and the members' addresses say.
std::optional<net::HttpResponse> refusal_of(const config::RestApi& rest, const net::HttpRequest& request,
                                            bool address_allowed);

}  // namespace tanist::api
