#pragma once

#include "async/clock.h"
#include "async/task.h"
#include "core/document.h"
#include "ha/mailbox.h"
#include "ha/model/orders.h"
#include "net/http.h"

namespace tanist::api {

/// POST /reinitialize (rest-api.md §8.6): answered when the data directory begins to go, or when it was found
/// that it has to stay; the copy takes its time after that. Lives on the api thread.
class ReinitializeEndpoint {
 public:
  ReinitializeEndpoint(ha::Mailbox& mailbox, Clock& clock) : mailbox_(mailbox), clock_(clock) {}

  Task<net::HttpResponse> post(net::HttpRequest request);

 private:
  ha::Mailbox& mailbox_;
  Clock& clock_;
};

/// What the body asks for, without a deadline; what is no truth value counts as false.
ha::order::Reinitialize parse_reinitialize(const Document& body);

}  // namespace tanist::api
