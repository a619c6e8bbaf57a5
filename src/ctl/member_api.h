#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/clock.h"
#include "async/task.h"
#include "config/settings.h"
#include "core/document.h"
#include "core/time.h"
#include "ctl/settings.h"
#include "net/http.h"

namespace tanist::ctl {

/// What most of what a member is asked takes at most.
constexpr Duration kCallPatience = std::chrono::seconds(10);

/// A request to a member.
struct MemberCall {
  std::string method = "GET";
  /// In the place of the path of the member's api_url; empty: that path.
  std::string endpoint;
  /// Sent as JSON.
  std::optional<Document> body = {};
  /// From the connection to the answer's end.
  Duration patience = kCallPatience;
  /// Without the user and the certificate of the configuration, as anybody may ask.
  bool anonymous = false;
};

/// There was no answer.
struct NoAnswer {
  std::string why;
  /// The request may have reached the member: what it asks for may happen all the same.
  bool sent = false;
};

/// A call, and when it was sent and answered by the clock of this host.
struct Exchange {
  std::expected<net::HttpResponse, NoAnswer> answer;
  WallTime sent;
  WallTime received;
};

/// Waits for members that tell of changes.
class Listening {
 public:
  virtual ~Listening() = default;
  /// From now on, one of these members of a cluster, the first that serves events.
  virtual void use(const std::string& cluster, std::vector<std::string> api_urls) = 0;
  /// True: something has changed; it may have done so since the last call.
  virtual bool wait_until(Instant until) = 0;
};

/// The REST API of members.
class MemberApi {
 public:
  virtual ~MemberApi() = default;
  /// nullptr: nobody can be listened to.
  virtual std::unique_ptr<Listening> listen() { return nullptr; }
  /// At the member that published `api_url`. Any status is an answer.
  virtual std::expected<net::HttpResponse, NoAnswer> ask(const std::string& api_url,
                                                         const MemberCall& call) = 0;
  /// The same of several at a time, which takes as long as the slowest of them; answers in their order.
  virtual std::vector<std::expected<net::HttpResponse, NoAnswer>> ask_each(
      const std::vector<std::string>& api_urls, const MemberCall& call);
  /// The same call so many times of each, one after the other over one connection: what their clocks say is
  /// told apart from what the way took by the fastest of them. No further after one that failed.
  virtual std::vector<std::vector<Exchange>> exchanges(const std::vector<std::string>& api_urls,
                                                       const MemberCall& call, int times);
};

/// With what members are asked.
struct MemberAccess {
  config::BasicAuth user;
  net::TlsContextPtr tls;
  /// Without a certificate of the client.
  net::TlsContextPtr anonymous_tls;

  net::HttpClientOptions client_options(bool anonymous = false) const;
  net::HttpRequest request(const MemberCall& call, const net::Url& url) const;
};

/// The users and certificates of the configuration (ctl.md §1.1). Throws Failure where they cannot be used.
MemberAccess member_access(const Settings& settings);

/// One call, on an event loop. Any status is an answer.
Task<std::expected<net::HttpResponse, NoAnswer>> ask_member(net::HttpClient* client, Clock* clock,
                                                            MemberAccess access, std::string api_url,
                                                            MemberCall call);

/// What MemberApi::listen gives.
std::unique_ptr<Listening> listen_over_http(MemberAccess access);

/// With member_access().
std::unique_ptr<MemberApi> open_member_api(const Settings& settings);

}  // namespace tanist::ctl
