#pragma once

#include <expected>
#include <memory>
#include <string>

#include "ctl/settings.h"
#include "net/http.h"

namespace tanist::ctl {

/// The REST API of members.
class MemberApi {
 public:
  virtual ~MemberApi() = default;
  /// `method /<endpoint>` at the member that published `api_url`. Any status is an answer; the error says why
  /// there is none.
  virtual std::expected<net::HttpResponse, std::string> ask(const std::string& method,
                                                            const std::string& api_url,
                                                            const std::string& endpoint) = 0;
};

/// With the users and certificates of the configuration (ctl.md §1.1). Throws Failure where they cannot be
/// used.
std::unique_ptr<MemberApi> open_member_api(const Settings& settings);

}  // namespace tanist::ctl
