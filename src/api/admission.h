#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/access.h"
#include "async/clock.h"
#include "async/event.h"
#include "async/task.h"
#include "dcs/model.h"
#include "net/resolver.h"

namespace tanist::api {

/// The allowlist with its names resolved, and the checks of every request that changes something. Lives on
/// the api thread. Names are looked up when the list is read and again each minute, off this thread; a name
/// without an address allows nobody, one that no longer resolves keeps the addresses it had.
class Admission {
 public:
  Admission(Executor executor, Clock& clock);

  /// New settings: in force at once, names as soon as they are resolved. Entries that cannot be used are
  /// logged.
  void use(const config::RestApi& rest);
  const config::RestApi& settings() const { return rest_; }

  /// Whose addresses may ask: those of the allowlist and, where the configuration says so, of the members.
  enum class From { list_and_members, list };

  /// What speaks against the request; nullopt: it may pass. `view` is for the members' addresses; may be
  /// nullptr.
  Task<std::optional<net::HttpResponse>> check(net::HttpRequest request, dcs::ClusterPtr view,
                                               From from = From::list_and_members);

  /// Looks names up, until cancelled.
  Task<void> resolve_forever();

 private:
  using Addresses = std::vector<boost::asio::ip::address>;
  struct Name {
    Addresses addresses;
    std::string failure;
  };

  Task<void> look_up(std::string name);
  Task<void> collect(std::string host, Addresses* into);
  Task<bool> allowed(std::string client_ip, bool members_too, dcs::ClusterPtr view);

  Clock& clock_;
  net::Resolver resolver_;
  config::RestApi rest_;
  std::vector<Network> networks_;
  std::map<std::string, Name> names_;
  Event changed_;
};

}  // namespace tanist::api
