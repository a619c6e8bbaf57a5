#include "api/control_link.h"

#include <boost/asio/post.hpp>

#include "api/server.h"
#include "async/event.h"
#include "async/wait.h"

namespace tanist::api {

namespace asio = boost::asio;

namespace {

using namespace std::chrono_literals;

/// Control answers by its deadline; this much later nobody waits any more.
constexpr Duration kAnswerMargin = 500ms;

/// What control answered, once it has; lives on the api thread.
template <class T>
struct Answer {
  Event arrived;
  T value;
};

/// Takes control's answer over to the api thread.
template <class T>
std::function<void(T)> into(Executor io, std::shared_ptr<Answer<T>> answer) {
  return [io = std::move(io), answer = std::move(answer)](T result) {
    asio::post(io, [answer, result = std::move(result)]() mutable {
      answer->value = std::move(result);
      answer->arrived.set();
    });
  };
}

template <class T>
Task<void> arrival(std::shared_ptr<Answer<T>> answer) {
  co_await answer->arrived.wait();
}

}  // namespace

struct ControlLink::Refreshing {
  Event arrived;

  static Task<void> arrival(std::shared_ptr<Refreshing> self) { co_await self->arrived.wait(); }
};

ControlLink::ControlLink(Executor io, Clock& clock, ControlPort port)
    : io_(std::move(io)), clock_(clock), port_(std::move(port)) {}

Task<void> ControlLink::refresh(Duration max_age, Instant deadline) {
  if (!refreshing_) {
    auto begun = std::make_shared<Refreshing>();
    refreshing_ = begun;
    port_.refresh(max_age, deadline,
                  [io = io_, begun] { asio::post(io, [begun] { begun->arrived.set(); }); });
  }
  auto mine = refreshing_;
  co_await run_until(clock_, Refreshing::arrival(mine), deadline);
  if (refreshing_ == mine) refreshing_.reset();
}

Task<ControlLink::ReadResult> ControlLink::load(Asker asker, Instant deadline) {
  if (!port_.load) co_return std::unexpected(std::string("the daemon has not started yet"));
  std::size_t& loading = loading_.at(static_cast<std::size_t>(asker));
  if (loading >= kMaxConcurrentLoads) co_return std::unexpected(std::string("too many requests at once"));
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(c) { ++count; }
    ~Counted() { --count; }
  } counted(loading);
  auto answer = std::make_shared<Answer<ReadResult>>();
  answer->value = std::unexpected(std::string("no answer in time"));
  port_.load(deadline, into(io_, answer));
  co_await run_until(clock_, arrival(answer), deadline);
  co_return answer->value;
}

Task<dcs::WriteResult> ControlLink::write(dcs::Record record, dcs::Condition condition, Instant deadline) {
  auto answer = std::make_shared<Answer<dcs::WriteResult>>();
  if (!port_.write) {
    answer->value.detail = "the daemon has not started yet";
    co_return answer->value;
  }
  answer->value.outcome = dcs::Outcome::unknown;
  answer->value.detail = "no answer in time";
  port_.write(std::move(record), condition, deadline, into(io_, answer));
  co_await run_until(clock_, arrival(answer), deadline + kAnswerMargin);
  co_return answer->value;
}

Task<ha::RestartAnswer> ControlLink::restart(ha::RestartOrder order, Instant deadline) {
  auto answer = std::make_shared<Answer<ha::RestartAnswer>>();
  if (!port_.restart) co_return ha::RestartAnswer{.why = "the daemon has not started yet"};
  answer->value.kind = ha::RestartAnswer::Kind::still_starting;
  port_.restart(std::move(order), into(io_, answer));
  co_await run_until(clock_, arrival(answer), deadline);
  co_return answer->value;
}

bool ControlLink::reload() {
  if (!port_.reload) return false;
  port_.reload();
  return true;
}

}  // namespace tanist::api
