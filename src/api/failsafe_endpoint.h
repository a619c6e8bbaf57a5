#pragma once

#include <expected>
#include <string>

#include "async/clock.h"
#include "async/task.h"
#include "core/document.h"
#include "ha/mailbox.h"
#include "ha/model/failsafe.h"
#include "ha/model/snapshot.h"
#include "net/http.h"

namespace tanist::api {

/// POST /failsafe (rest-api.md §8.4): a primary that has lost the store asks to be let lead on. Lives on the
/// api thread.
class FailsafeEndpoint {
 public:
  FailsafeEndpoint(ha::Mailbox& mailbox, Clock& clock) : mailbox_(mailbox), clock_(clock) {}

  Task<net::HttpResponse> post(net::HttpRequest request, ha::SnapshotPtr snapshot);

 private:
  ha::Mailbox& mailbox_;
  Clock& clock_;
};

/// The error names the key and what it may be.
std::expected<ha::FailsafeQuestion, std::string> parse_failsafe(const Document& body);

}  // namespace tanist::api
