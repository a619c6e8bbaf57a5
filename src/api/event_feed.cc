#include "api/event_feed.h"

#include <utility>

#include "api/responses.h"
#include "async/wait.h"
#include "core/format.h"

namespace tanist::api {

namespace {

/// A client that lost its connection comes again that soon.
constexpr int kRetryMs = 1000;
constexpr const char* kKeepAlive = ": still here\n\n";

/// Of the start of this daemon: another run has another.
std::string run_name(const Clock& clock) {
  return fmt::format("{:x}", static_cast<std::uint64_t>(clock.wall_now().time_since_epoch().count()));
}

net::HttpResponse later(std::string why, const char* seconds) {
  auto out = text_body(503, std::move(why));
  out.headers.set("Retry-After", seconds);
  return out;
}

}  // namespace

/// What one listener hears.
class EventFeed::Body final : public net::HttpBody {
 public:
  Body(std::shared_ptr<EventFeed> feed, EventLog::Place place, std::string first)
      : feed_(std::move(feed)), place_(place), first_(std::move(first)), beats_(feed_->beats_) {
    ++feed_->listeners_;
    feed_->alone_.clear();
  }
  ~Body() override {
    if (--feed_->listeners_ == 0) feed_->alone_.set();
  }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  Task<std::string> next() override {
    if (!first_.empty()) co_return std::exchange(first_, std::string());
    for (;;) {
      auto text = feed_->log_.take(place_, feed_->limits_.piece_bytes);
      // What it has not heard is gone: with the last id it had, it will be told all when it comes again.
      if (!text) co_return std::string();
      const bool beat = std::exchange(beats_, feed_->beats_) != feed_->beats_;
      if (!text->empty()) co_return *std::move(text);
      if (feed_->closed_) co_return std::string();
      if (beat) co_return std::string(kKeepAlive);
      co_await feed_->woken_.wait();
    }
  }

 private:
  std::shared_ptr<EventFeed> feed_;
  EventLog::Place place_;
  std::string first_;
  std::uint64_t beats_;
};

EventFeed::EventFeed(Clock& clock, ha::SnapshotBoard& board, Limits limits)
    : clock_(clock), board_(board), limits_(limits), log_(run_name(clock), limits.log) {
  alone_.set();
}

std::string EventFeed::time_now() const {
  return iso8601(clock_.wall_now());
}

std::string EventFeed::whole(std::string_view why) const {
  Document data = picture_document(picture_);
  data.set("why", why);
  data.set("time", time_now());
  return log_.text("snapshot", data, log_.end());
}

/// Once for those who wait now; who does not looks before it waits.
void EventFeed::wake() {
  woken_.set();
  woken_.clear();
}

void EventFeed::look(const ha::SnapshotPtr& snapshot) {
  if (!snapshot || !snapshot->settings) return;
  Picture next = picture_of(*snapshot, clock_.now(), picture_);
  const auto events = seen_any_ ? changes(picture_, next) : std::vector<Change>();
  picture_ = std::move(next);
  seen_any_ = true;
  if (events.empty()) return;
  const std::string at = time_now();
  for (const auto& change : events) log_.append(change, at);
  wake();
}

Task<void> EventFeed::follow() {
  ha::SnapshotPtr seen = board_.get();
  look(seen);
  Instant next_beat = clock_.now() + limits_.beat;
  for (;;) {
    auto changed = co_await with_deadline(clock_, board_.changed(seen), next_beat);
    if (changed) {
      seen = *std::move(changed);
      look(seen);
    }
    if (clock_.now() < next_beat) continue;
    next_beat = clock_.now() + limits_.beat;
    ++beats_;
    wake();
  }
}

void EventFeed::close() {
  closed_ = true;
  wake();
}

net::HttpResponse EventFeed::open(const net::HttpRequest& request) {
  if (closed_) return text_body(503, "the daemon is about to end");
  // The board may have changed since the feed looked, and this thread has not come to it yet.
  look(board_.get());
  if (!seen_any_) return later("the daemon has nothing to tell yet", "1");
  if (listeners_ >= limits_.listeners)
    return later(fmt::format("{} listeners are connected, which is the limit", listeners_), "5");
  const std::string* id = request.headers.find("Last-Event-ID");
  const bool asked = id != nullptr && !id->empty();
  const auto known = asked ? log_.behind(*id) : std::nullopt;
  std::string first = fmt::format("retry: {}\n\n", kRetryMs);
  if (!known) first += whole(asked ? "unknown id" : "begin");
  net::HttpResponse out;
  out.headers.set("Content-Type", "text/event-stream");
  out.headers.set("Cache-Control", "no-store");
  // Proxies that gather answers would hold events back.
  out.headers.set("X-Accel-Buffering", "no");
  out.stream = std::make_shared<Body>(shared_from_this(), known.value_or(log_.end()), std::move(first));
  return out;
}

}  // namespace tanist::api
