#pragma once

#include "config/settings.h"
#include "ha/ports.h"
#include "net/http.h"

namespace tanist::member {

/// The certificates that calls to other members use (config.md §12): theirs are checked only where this
/// member has a client certificate to lose. Reads files: not on an event loop.
std::expected<net::TlsContextPtr, std::string> load_peer_tls(const config::Ctl& ctl);

/// The other members' REST API over HTTP (ha.md §6.2.5).
class HttpPeers final : public ha::Peers {
 public:
  /// `scope`: of the cluster whose members are asked.
  HttpPeers(Executor executor, Clock& clock, std::string scope);
  /// Users and certificates from now on; `tls` as load_peer_tls gives it, nullptr where it failed: https
  /// calls will.
  void use(const config::Ctl& ctl, net::TlsContextPtr tls);

  Task<std::map<std::string, ha::PeerAnswer>> ask(std::map<std::string, std::string> api_urls,
                                                  Instant deadline) override;
  Task<std::map<std::string, ha::FailsafeReply>> ask_promises(std::map<std::string, std::string> api_urls,
                                                              ha::FailsafeQuestion question,
                                                              Instant deadline) override;
  Task<bool> answers_as(std::string name, std::string api_url, Instant deadline) override;

 private:
  Task<void> ask_one(std::string name, std::string api_url, Instant deadline, ha::PeerAnswer& answer);
  Task<void> ask_promise(std::string name, std::string api_url, std::string body, Instant deadline,
                         ha::FailsafeReply& reply);
  net::HttpRequest get(const std::string& target) const;

  Clock& clock_;
  const std::string scope_;
  net::HttpClient client_;
  config::BasicAuth authentication_;
};

/// ha::read_peer_answer of the body of an answer.
ha::PeerAnswer read_status_document(const std::string& body, const ha::PeerIdentity& wanted,
                                    Instant received = {});

}  // namespace tanist::member
