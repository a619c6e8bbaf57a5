#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

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
};

/// With the users and certificates of the configuration (ctl.md §1.1). Throws Failure where they cannot be
/// used.
std::unique_ptr<MemberApi> open_member_api(const Settings& settings);

}  // namespace tanist::ctl
