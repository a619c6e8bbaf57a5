#pragma once

#include <memory>
#include <string>

#include "api/event_log.h"
#include "async/clock.h"
#include "async/event.h"
#include "async/task.h"
#include "ha/snapshot_board.h"
#include "net/http.h"

namespace tanist::api {

/// GET /events: what changes, to all who listen, on the api thread. A listener costs a place in the log that
/// all share: one that does not keep up is told nothing more, and may come again.
class EventFeed : public std::enable_shared_from_this<EventFeed> {
 public:
  struct Limits {
    EventLog::Limits log = {};
    std::size_t listeners = 256;
    /// Of one write.
    std::size_t piece_bytes = 32 * 1024;
    /// Between two signs of life to a listener that has nothing else to hear.
    Duration beat = std::chrono::seconds(15);
  };

  EventFeed(Clock& clock, ha::SnapshotBoard& board, Limits limits);

  /// Follows the board, until cancelled.
  Task<void> follow();
  /// Every listener's answer ends, and no other begins.
  void close();

  net::HttpResponse open(const net::HttpRequest& request);
  /// Returns when nobody listens.
  Task<void> alone() { return alone_.wait(); }

 private:
  class Body;

  void look(const ha::SnapshotPtr& snapshot);
  std::string time_now() const;
  /// For a listener that cannot be told what it missed.
  std::string whole(std::string_view why) const;
  void wake();

  Clock& clock_;
  ha::SnapshotBoard& board_;
  Limits limits_;
  EventLog log_;
  Picture picture_;
  bool seen_any_ = false;
  bool closed_ = false;
  std::size_t listeners_ = 0;
  /// Counts signs of life.
  std::uint64_t beats_ = 0;
  Event woken_;
  /// Set while nobody listens.
  Event alone_;
};

}  // namespace tanist::api
