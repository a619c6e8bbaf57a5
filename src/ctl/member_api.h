#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

/// The REST API of members.
class MemberApi {
 public:
  virtual ~MemberApi() = default;
  /// At the member that published `api_url`. Any status is an answer.
  virtual std::expected<net::HttpResponse, NoAnswer> ask(const std::string& api_url,
                                                         const MemberCall& call) = 0;
  /// The same of several at a time, which takes as long as the slowest of them; answers in their order.
  virtual std::vector<std::expected<net::HttpResponse, NoAnswer>> ask_each(
      const std::vector<std::string>& api_urls, const MemberCall& call);
};

/// With the users and certificates of the configuration (ctl.md §1.1). Throws Failure where they cannot be
/// used.
std::unique_ptr<MemberApi> open_member_api(const Settings& settings);

}  // namespace tanist::ctl
