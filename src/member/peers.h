#pragma once

#include "config/settings.h"
#include "ha/ports.h"
#include "net/http.h"

namespace tanist::member {

/// The other members' REST API over HTTP (ha.md §6.2.5).
class HttpPeers final : public ha::Peers {
 public:
  HttpPeers(Executor executor, Clock& clock);
  /// Credentials of `ctl.authentication`, else `restapi.authentication`.
  void set_credentials(std::string username, Secret password);

  Task<std::map<std::string, ha::PeerAnswer>> ask(std::map<std::string, std::string> api_urls,
                                                  Instant deadline) override;
  Task<bool> anybody_at(std::string api_url, Instant deadline) override;

 private:
  Task<void> ask_one(std::string name, std::string api_url, Instant deadline, ha::PeerAnswer& answer);
  net::HttpRequest get(const std::string& target) const;

  net::HttpClient client_;
  std::string username_;
  Secret password_;
};

/// What a status document tells the race; missing `xlog` and `wal` means not reachable.
ha::PeerAnswer read_status_document(const std::string& body);

}  // namespace tanist::member
