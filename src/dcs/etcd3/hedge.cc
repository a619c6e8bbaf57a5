#include <algorithm>

#include "async/wait.h"
#include "dcs/etcd3/client.h"

/// Asking a second node before the first one has failed: a node that hangs, or whose packets are dropped,
/// costs what a timeout costs, and a short lease has no time for that.
namespace tanist::dcs::etcd3 {
namespace {

constexpr Duration kSoonest = std::chrono::milliseconds(50);
/// One hiccup is no reason to move the watch elsewhere.
constexpr int kBeatenToSwitch = 2;

}  // namespace

Duration Client::hedge_after() const {
  auto took = took_;
  const std::size_t known = std::min(answered_, took.size());
  if (known == 0) return kSoonest;
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(known / 2);
  std::nth_element(took.begin(), middle, took.begin() + static_cast<std::ptrdiff_t>(known));
  return std::max(kSoonest, 3 * *middle);
}

Task<Client::Result> Client::call(std::string path, std::string body, Instant deadline, Check check,
                                  Way way) {
  if (way == Way::usual || endpoints_.size() < 2)
    co_return co_await call_in_turn(std::move(path), std::move(body), deadline, std::move(check));
  std::optional<Result> usual;
  std::optional<Result> other;
  auto asking = detail::keep_result(call_in_turn(path, body, deadline, check), usual);
  auto hedging = ask_another(std::move(path), std::move(body), deadline, std::move(check), other);
  co_await race(std::move(asking), std::move(hedging));
  if (usual) {
    beaten_ = 0;
    co_return std::move(*usual);
  }
  if (other) co_return std::move(*other);
  co_return std::unexpected(CallError{Fault::unknown, "no answer in time", true});
}

Task<void> Client::ask_another(std::string path, std::string body, Instant deadline, Check check,
                               std::optional<Result>& out) {
  co_await clock_.sleep_for(hedge_after());
  const std::vector<net::Endpoint> nodes = endpoints_;
  // The list of nodes may have been read anew meanwhile.
  if (nodes.size() < 2) {
    co_await clock_.sleep_until(deadline);
    co_return;
  }
  const std::size_t next = (current_ + 1) % nodes.size();
  Attempt result =
      co_await attempt(nodes[next], std::move(path), std::move(body), deadline, true, std::move(check));
  if (result.answer) {
    if (nodes == endpoints_ && ++beaten_ >= kBeatenToSwitch) {
      beaten_ = 0;
      make_current(next, "it answers sooner");
    }
    // What was asked of the first one may still have its effect.
    result.answer->ambiguous = true;
    out.emplace(std::move(*result.answer));
    co_return;
  }
  // The first one may still answer; what this one says instead is nothing to go by.
  co_await clock_.sleep_until(deadline);
}

}  // namespace tanist::dcs::etcd3
