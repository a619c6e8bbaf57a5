#pragma once

#include <expected>
#include <variant>

#include "api/control_reads.h"
#include "core/document.h"
#include "ha/mailbox.h"
#include "ha/model/orders.h"
#include "ha/model/snapshot.h"
#include "net/http.h"

namespace tanist::api {

/// POST and DELETE /restart (rest-api.md §8.3, §8.5). Lives on the api thread.
class RestartEndpoint {
 public:
  RestartEndpoint(ha::Mailbox& mailbox, ControlReads& reads, Clock& clock)
      : mailbox_(mailbox), reads_(reads), clock_(clock) {}

  /// Answers a restart when it is done, a schedule at once. `patience` bounds the read of the store and what
  /// is answered at once.
  Task<net::HttpResponse> post(net::HttpRequest request, ha::SnapshotPtr snapshot, Duration patience);
  Task<net::HttpResponse> drop(Duration patience);

 private:
  Task<net::HttpResponse> restart(ha::order::Restart order, Duration limit);
  Task<net::HttpResponse> schedule(ha::order::ScheduleRestart order, Duration patience);

  ha::Mailbox& mailbox_;
  ControlReads& reads_;
  Clock& clock_;
};

/// What POST /restart may ask for.
using RestartOrder = std::variant<ha::order::Restart, ha::order::ScheduleRestart>;

/// The body of POST /restart, its keys looked at in their order; else the answer that says what is wrong with
/// the first one that is. `now` is compared with a schedule.
std::expected<RestartOrder, net::HttpResponse> parse_restart(const Document& body, WallTime now);

}  // namespace tanist::api
