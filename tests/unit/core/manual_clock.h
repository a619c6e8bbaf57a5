#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "async/clock.h"

namespace tanist::test {

/// Time that stands still until a test moves it, and the loop that goes with it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(boost::asio::io_context& io) : io_(io) {}

  Instant now() const override { return now_; }
  WallTime wall_now() const override {
    return WallTime(std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()));
  }

  Task<void> sleep_until(Instant until) override {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                       void(boost::system::error_code)>(Initiation{this, until},
                                                                        boost::asio::use_awaitable);
  }

  /// Moves time forward, waking each sleeper at its own instant.
  void advance(Duration by) {
    settle();
    const Instant target = now_ + by;
    while (!sleepers_.empty() && sleepers_.begin()->first <= target) {
      auto node = sleepers_.extract(sleepers_.begin());
      now_ = std::max(now_, node.key());
      complete(std::move(node.mapped()), {});
      settle();
    }
    now_ = target;
    settle();
  }

  /// Time goes by and nothing runs: whoever sleeps wakes at the next settle() or advance(), late.
  void jump(Duration by) { now_ += by; }

  /// Runs what is ready.
  void settle() {
    io_.restart();
    io_.poll();
  }

 private:
  using Handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;

  struct Initiation {
    ManualClock* clock;
    Instant until;
    void operator()(Handler handler) const { clock->add(until, std::move(handler)); }
  };

  void add(Instant until, Handler handler) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    auto place = sleepers_.emplace(until, std::move(handler));
    if (slot.is_connected())
      slot.assign([this, place](boost::asio::cancellation_type) {
        Handler gone = std::move(place->second);
        sleepers_.erase(place);
        complete(std::move(gone), boost::asio::error::operation_aborted);
      });
  }

  void complete(Handler handler, boost::system::error_code ec) {
    boost::asio::get_associated_cancellation_slot(handler).clear();
    boost::asio::post(io_, boost::asio::append(std::move(handler), ec));
  }

  boost::asio::io_context& io_;
  Instant now_ = Instant(std::chrono::hours(1));
  std::multimap<Instant, Handler> sleepers_;
};

}  // namespace tanist::test
