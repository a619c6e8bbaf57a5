#pragma once

#include <expected>

#include "api/control_link.h"
#include "core/document.h"
#include "ha/model/requests.h"
#include "ha/model/snapshot.h"
#include "net/http.h"

namespace tanist::api {

/// POST and DELETE /restart (rest-api.md §8.3, §8.5). Lives on the api thread.
class RestartEndpoint {
 public:
  RestartEndpoint(ControlLink& control, Clock& clock) : control_(control), clock_(clock) {}

  /// Answers a restart when it is done, a schedule at once. `patience` bounds the read of the store.
  Task<net::HttpResponse> post(net::HttpRequest request, ha::SnapshotPtr snapshot, Duration patience);
  Task<net::HttpResponse> drop(Duration patience);

 private:
  ControlLink& control_;
  Clock& clock_;
};

/// The body of POST /restart, its keys looked at in their order; else the answer that says what is wrong with
/// the first one that is. `now` is compared with a schedule.
std::expected<ha::RestartOrder, net::HttpResponse> parse_restart(const Document& body, WallTime now);

}  // namespace tanist::api
