#pragma once

#include <cstddef>

#include "api/journal_page.h"
#include "async/disk_thread.h"
#include "async/task.h"
#include "ha/model/snapshot.h"
#include "net/http.h"

namespace tanist::api {

/// GET /journal: the last decision with all that it was made on, and a page of those before. The files are
/// read by a thread of this endpoint's own, so that it answers also while the control thread hangs; lives on
/// the api thread.
class JournalEndpoint {
 public:
  explicit JournalEndpoint(Clock& clock) : clock_(clock), disk_(clock) {}

  Task<net::HttpResponse> get(net::HttpRequest request, ha::SnapshotPtr snapshot);

 private:
  Clock& clock_;
  DiskThread disk_;
  /// Requests for which files are read: each of them takes memory.
  std::size_t reading_ = 0;
};

}  // namespace tanist::api
