#include "api/preferred_clients.h"

#include <boost/asio/ip/address.hpp>

#include "net/http.h"

namespace tanist::api {

namespace ip = boost::asio::ip;

bool PreferredClients::operator()(const std::string& address) {
  boost::system::error_code ec;
  if (ip::make_address(address, ec).is_loopback() && !ec) return true;
  const auto snapshot = board_.get();
  // The last view there was: members are heard above all while the store is away.
  if (snapshot && snapshot->cluster && snapshot->cluster != seen_) {
    seen_ = snapshot->cluster;
    members_.clear();
    for (const auto& [name, member] : seen_->members) {
      const auto url = net::parse_url(member.api_url);
      if (!url) continue;
      const auto published = ip::make_address(url->endpoint.host, ec);
      if (!ec) members_.insert(published.to_string());
    }
  }
  return members_.contains(address);
}

}  // namespace tanist::api
