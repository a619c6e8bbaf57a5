#include "dcs/etcd3/lease.h"

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"

TANIST_LOGGER("patroni.dcs.etcd3");

namespace tanist::dcs::etcd3 {

namespace {
/// More own sessions than these are never alive at once.
constexpr std::size_t kOlderSessions = 16;

constexpr const char* kVoid = "etcd was restored meanwhile, and no lease of before counts";

std::int64_t whole_seconds(Duration ttl) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(ttl).count());
}
}  // namespace

Lease::Lease(Client& client, Clock& clock, Duration ttl) : client_(client), clock_(clock), ttl_(ttl) {}

void Lease::adopt(Claim previous) {
  if (!previous.empty()) older_.push_back(std::move(previous));
}

bool Lease::mine(const Claim& claim) const {
  return !claim.empty() && (claim == current_ || std::ranges::find(older_, claim) != older_.end());
}

void Lease::keep_as_older(Claim lease) {
  older_.push_back(std::move(lease));
  if (older_.size() > kOlderSessions) older_.erase(older_.begin());
}

void Lease::doubt(const Claim& lease) {
  if (lease.empty() || lease != current_) return;
  keep_as_older(std::exchange(current_, {}));
}

void Lease::void_all() {
  ++era_;
  current_.clear();
  older_.clear();
}

Task<std::expected<Lease::Grip, CallError>> Lease::take(Instant deadline) {
  if (!needed()) co_return Grip{current_, {}, {}};
  co_return co_await grant(deadline);
}

Task<std::expected<Lease::Grip, CallError>> Lease::prove(Instant deadline) {
  if (!needed()) {
    const Claim lease = current_;
    const std::uint64_t era = era_;
    auto asking = client_.call("/lease/keepalive", keepalive_body(lease), deadline, is_keepalive_of(lease),
                               Client::Way::hedged);
    auto answer = co_await std::move(asking);
    if (!answer && answer.error().fault != Fault::lease_not_found)
      co_return std::unexpected(std::move(answer.error()));
    if (era != era_) co_return std::unexpected(CallError{Fault::unavailable, kVoid, false});
    if (answer) {
      const auto kept = read_keepalive(answer->body);
      if (kept.ttl_seconds) {
        Grip out{lease, {}, answer->header};
        out.proof = {answer->sent_at, std::chrono::seconds(*kept.ttl_seconds)};
        co_return out;
      }
    }
    log::warning("etcd knows no lease {} any more, a new one is taken", lease);
    doubt(lease);
  }
  co_return co_await grant(deadline);
}

Task<std::expected<Lease::Grip, CallError>> Lease::grant(Instant deadline) {
  while (granting_ && clock_.now() < deadline) {
    co_await run_until(clock_, granted_.wait(), deadline);
  }
  if (granting_)
    co_return std::unexpected(CallError{Fault::unavailable, "no lease was granted in time", false});
  struct Turn {
    explicit Turn(Lease& lease) : lease(lease) {
      lease.granting_ = true;
      lease.granted_.clear();
    }
    ~Turn() {
      lease.granting_ = false;
      lease.granted_.set();
    }
    Lease& lease;
  } turn(*this);
  const Duration wanted = ttl_;
  const std::uint64_t era = era_;
  auto answer =
      co_await client_.call("/lease/grant", grant_body(whole_seconds(wanted)), deadline, is_grant());
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  const auto granted = read_grant(answer->body);
  if (recorder_) {
    co_await recorder_(granted.id);
  }
  if (era != era_) co_return std::unexpected(CallError{Fault::unavailable, kVoid, false});
  if (!current_.empty()) keep_as_older(current_);
  current_ = granted.id;
  granted_for_ = wanted;
  Grip out{current_, {}, answer->header};
  out.proof = {answer->sent_at, std::chrono::seconds(*granted.ttl_seconds)};
  co_return out;
}

}  // namespace tanist::dcs::etcd3
