#include "ha/lease/keeper.h"

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kKillAgain = 50ms;
/// How often a server that was found is looked for once its time is over: what hung may come back.
constexpr Duration kFoundAgain = 200ms;
/// What a renewal may take while there is no lease to fit into.
constexpr Duration kProofBudget = 1s;
/// A vanished leader key that is free can be taken back within a few round trips. Whoever else takes it needs
/// longer than this to become writable: a fresh view, 100 ms for the answers of members whose session has
/// ended, a second view, the promotion.
constexpr Duration kTakeBack = 100ms;
/// What a question to all members may take (ha.md §12.2).
constexpr Duration kQuestionBudget = 2s;
/// From an immediate stop to the kill: what does not run ends by neither until it runs again, but what was
/// killed does nothing before that.
constexpr Duration kImmediateStop = 1s;

}  // namespace

LeaseKeeper::LeaseKeeper(Ports ports, TaskScope& scope, Hooks hooks)
    : ports_(ports), scope_(scope), hooks_(std::move(hooks)) {
  renewed_.set();
}

void LeaseKeeper::start(config::Timing timing) {
  timing_ = timing;
  scope_.spawn("lease renewal", renew_forever());
  scope_.spawn("lease deadlines", watch_deadlines());
  scope_.spawn("failsafe questions", ask_members_forever());
}

void LeaseKeeper::set_timing(config::Timing timing) {
  if (timing == timing_) return;
  timing_ = timing;
  due_.set();
  deadline_.set();
}

void LeaseKeeper::mandate(Mandate mandate, std::optional<dcs::Status> status) {
  // One that has run out, of a start that took long perhaps, is no mandate either.
  const bool had_one = mandate_.kind == Mandate::Kind::keep && ports_.clock.now() < mandate_.good_until;
  const bool begins = mandate.kind == Mandate::Kind::keep && !had_one;
  mandate_ = std::move(mandate);
  asking_.set();
  if (status && status != status_) {
    status_ = std::move(status);
    status_pending_ = true;
    if (!status_sent_) due_.set();
  }
  if (mandate_.kind != Mandate::Kind::keep) failing_since_.reset();
  if (begins) due_.set();
}

void LeaseKeeper::note_margin(Duration left) {
  left = std::max(left, Duration::zero());
  smallest_margin_ = smallest_margin_ ? std::min(*smallest_margin_, left) : left;
}

/// A store may hold leases longer than it is asked to (etcd: at least one and a half of its election
/// timeout).
void LeaseKeeper::note_longer_lease(Duration valid_for) {
  if (valid_for <= timing_.ttl + timing_.ttl / 10 || valid_for == longer_told_) return;
  longer_told_ = valid_for;
  log::warning(
      "the store holds the lease for {:.0f} s although {:.0f} s were asked for: a lost host is replaced no "
      "sooner",
      seconds(valid_for), seconds(timing_.ttl));
}

void LeaseKeeper::accept(const dcs::Proof& proof) {
  note_longer_lease(proof.valid_for);
  if (lease_.until != Instant{}) note_margin(lease_.until - ports_.clock.now());
  lease_ = lease_from(proof.sent_at, proof.valid_for);
  failing_since_.reset();
  failing_why_.clear();
  take_back_until_.reset();
  found_.reset();
  ports_.fence.prolong(deadlines().kill_at, lease_.proven_at);
  deadline_.set();
  if (hooks_.proven) hooks_.proven();
}

void LeaseKeeper::won(const dcs::Proof& proof) {
  last_sent_ = proof.sent_at;
  accept(proof);
  // The winner decides within this cycle; until then the lease is kept as if that decision had said so.
  mandate_ = {.kind = Mandate::Kind::keep, .good_until = ports_.clock.now() + lease_.length()};
  due_.set();
}

void LeaseKeeper::guard_found(LeaseDeadlines at) {
  if (lease_.until != Instant{}) return;
  found_ = at;
  deadline_.set();
}

void LeaseKeeper::hurry_found(LeaseDeadlines at) {
  if (found_) {
    at.stop_at = std::min(at.stop_at, found_->stop_at);
    at.kill_at = std::min(at.kill_at, found_->kill_at);
    at.until = std::min(at.until, found_->until);
  }
  guard_found(at);
}

void LeaseKeeper::found_settled() {
  found_.reset();
}

std::optional<LeaseDeadlines> LeaseKeeper::guarded() const {
  if (lease_.until != Instant{}) return deadlines();
  return found_;
}

std::optional<Instant> LeaseKeeper::kill_at() const {
  const auto at = guarded();
  return at ? std::optional(at->kill_at) : std::nullopt;
}

void LeaseKeeper::lost(const std::string& why, bool key_absent) {
  if (key_absent && lease_.promised && lease_.held(ports_.clock.now())) {
    // Nobody takes it before that is over; the next decision takes it back.
    if (std::exchange(failing_since_, std::nullopt)) hooks_.changed();
    return;
  }
  const auto at = guarded();
  ++epoch_;
  lease_ = {};
  mandate_ = {};
  failing_since_.reset();
  forget_status();
  due_.set();
  deadline_.set();
  if (!at) return;
  log::warning("the leader key is not mine any more: {}", why);
  const Instant now = ports_.clock.now();
  if (!paused_ && hooks_.may_write()) {
    if (now >= at->kill_at) {
      // This daemon did not run when the time came, and hears of the end of its key before it looks at the
      // clock.
      found_ = {.stop_at = now, .kill_at = now, .until = now};
    } else if (key_absent && !(hooks_.promoting && hooks_.promoting())) {
      take_back_until_ = now + kTakeBack;
    } else {
      stop_at_once();
    }
  }
  hooks_.changed();
}

void LeaseKeeper::stop_at_once() {
  ports_.server.signal_stop(postgres::StopMode::immediate);
  const Instant end = ports_.clock.now() + kImmediateStop;
  found_ = {.stop_at = end, .kill_at = end, .until = end};
  deadline_.set();
}

void LeaseKeeper::seen_lost(const std::string& why, bool key_absent) {
  if (lease_.until == Instant{}) return;
  lost(why, key_absent);
}

Task<void> LeaseKeeper::give_up() {
  mandate_ = {};
  ++epoch_;
  due_.set();
  co_await no_request();
  lease_ = {};
  failing_since_.reset();
  take_back_until_.reset();
  forget_status();
  deadline_.set();
}

/// The next leadership begins with a status of its own: the store may have lost the old one.
void LeaseKeeper::forget_status() {
  status_.reset();
  status_pending_ = status_sent_ = false;
}

/// Of the lease that is held, or of the one that the store would give.
RenewalRhythm LeaseKeeper::rhythm() const {
  const Duration length = lease_.until != Instant{} ? lease_.length() : ports_.store.lease_length();
  return renewal_rhythm(length, timing_.loop_wait, timing_.retry_timeout);
}

Instant LeaseKeeper::next_renewal() const {
  // The first position of a leadership does not wait for the rhythm: until it is stored nobody knows how far
  // behind he is.
  if (failing_since_ || (status_pending_ && !status_sent_)) return last_sent_ + rhythm().after_failure;
  return last_sent_ + rhythm().every;
}

Task<void> LeaseKeeper::renew_forever() {
  while (true) {
    due_.clear();
    const Instant now = ports_.clock.now();
    const bool allowed = mandate_.kind == Mandate::Kind::keep && now < mandate_.good_until;
    if (!allowed) {
      co_await due_.wait();
    } else if (now < next_renewal()) {
      co_await wait_until(ports_.clock, due_, std::min(next_renewal(), mandate_.good_until));
    } else {
      co_await no_request();
      co_await renew_once(false);
    }
  }
}

/// Waits until no renewal is under way.
Task<void> LeaseKeeper::no_request() {
  while (renewing_) {
    renewed_.clear();
    co_await renewed_.wait();
  }
}

Task<bool> LeaseKeeper::prove() {
  const auto before = lease_.proven_at;
  co_await no_request();
  co_await renew_once(true);
  co_return lease_.until != Instant{} && lease_.proven_at > before;
}

Task<void> LeaseKeeper::renew_once(bool asked) {
  renewing_ = true;
  const std::uint64_t epoch = epoch_;
  ports_.fence.about_to_ask();
  last_sent_ = ports_.clock.now();
  std::optional<dcs::Status> status;
  if (status_pending_) status = status_;
  status_sent_ = status_sent_ || status_pending_;
  // Without a lease there is nothing that a slow answer could make too late.
  const bool held = lease_.until != Instant{};
  const Instant deadline =
      last_sent_ + (held ? rhythm().budget : std::max<Duration>(timing_.retry_timeout / 2, kProofBudget));
  dcs::Renewal renewal;
  std::exception_ptr failure;
  try {
    renewal = co_await ports_.store.renew(status, deadline);
  } catch (...) {
    failure = std::current_exception();
  }
  renewing_ = false;
  renewed_.set();
  if (failure) std::rethrow_exception(failure);
  if (renewal.status_written && status == status_) status_pending_ = false;
  // What was given up while the request was under way stays given up: nobody counts on this lease any more.
  const bool wanted = epoch == epoch_ && (asked || mandate_.kind == Mandate::Kind::keep);
  switch (renewal.outcome) {
    case dcs::RenewOutcome::proven:
      if (wanted) accept(renewal.proof);
      break;
    case dcs::RenewOutcome::lost:
      if (wanted) lost(renewal.detail, renewal.key_absent);
      break;
    case dcs::RenewOutcome::unproven:
      if (!failing_since_) {
        failing_since_ = last_sent_;
        next_question_ = {};
        asking_.set();
        log::warning("could not prove the lease: {}", renewal.detail);
        hooks_.changed();
      }
      failing_why_ = renewal.detail;
      break;
  }
}

/// While nothing else proves the lease: at once, and then as often as it would be renewed.
bool LeaseKeeper::failsafe_wanted() const {
  const Instant now = ports_.clock.now();
  return mandate_.failsafe && now < mandate_.good_until && lease_.held(now) &&
         (failing_since_ || lease_.promised);
}

Task<void> LeaseKeeper::ask_members_forever() {
  while (true) {
    asking_.clear();
    if (!failsafe_wanted()) {
      co_await asking_.wait();
    } else if (ports_.clock.now() < next_question_) {
      co_await wait_until(ports_.clock, asking_, next_question_);
    } else {
      co_await ask_members(*mandate_.failsafe);
    }
  }
}

/// ha.md §12.2. What they promise counts from before the first of them was asked; one that does not agree is
/// asked again until the lease is over.
Task<void> LeaseKeeper::ask_members(FailsafeTerms terms) {
  ports_.fence.about_to_ask();
  const Instant sent_at = ports_.clock.now();
  const std::uint64_t epoch = epoch_;
  const Duration valid_for = terms.question.valid_for;
  next_question_ = sent_at + rhythm().after_failure;
  auto asking =
      ports_.peers.ask_promises(std::move(terms.members), std::move(terms.question),
                                std::min(sent_at + std::min(kQuestionBudget, timing_.ttl / 4), lease_.until));
  const auto replies = co_await std::move(asking);
  // The store has spoken meanwhile, or it is over.
  if (epoch != epoch_ || !failsafe_wanted()) co_return;
  std::string against;
  for (const auto& [name, reply] : replies)
    if (!reply.accepted) against += fmt::format("{}{}: {}", against.empty() ? "" : "; ", name, reply.why);
  if (!against.empty()) {
    if (against != disagreed_) log::warning("not all members let this one lead on: {}", against);
    disagreed_ = std::move(against);
    co_return;
  }
  disagreed_.clear();
  Lease promised = lease_from(sent_at, valid_for);
  promised.promised = true;
  next_question_ =
      sent_at + renewal_rhythm(promised.length(), timing_.loop_wait, timing_.retry_timeout).every;
  if (promised.until <= lease_.until) co_return;
  const bool first = !lease_.promised;
  note_margin(lease_.until - ports_.clock.now());
  lease_ = promised;
  ports_.fence.prolong(deadlines().kill_at, lease_.proven_at);
  deadline_.set();
  if (hooks_.proven) hooks_.proven();
  if (first) hooks_.changed();
}

/// The key vanished: what may write gets a moment in which the key may be taken back.
Task<void> LeaseKeeper::await_take_back() {
  auto wait = deadline_.wait();
  if (!take_back_until_) {
    co_await std::move(wait);
    co_return;
  }
  co_await run_until(ports_.clock, std::move(wait), *take_back_until_);
  if (!take_back_until_ || ports_.clock.now() < *take_back_until_) co_return;
  take_back_until_.reset();
  if (!paused_ && hooks_.may_write()) stop_at_once();
}

/// The lease, or the time of a server that was found, is over: what may write must be gone, and is killed
/// until it is, or until the key was won again.
Task<void> LeaseKeeper::end_lease() {
  if (lease_.until != Instant{}) {
    note_margin(Duration::zero());
    lease_ = {};
    forget_status();
    failing_since_.reset();
    hooks_.changed();
  }
  while (lease_.until == Instant{} && !paused_ && hooks_.may_write()) {
    ports_.server.kill_now();
    co_await ports_.clock.sleep_for(kKillAgain);
  }
  if (lease_.until != Instant{} || !found_) co_return;
  co_await wait_until(ports_.clock, deadline_, ports_.clock.now() + kFoundAgain);
}

Task<void> LeaseKeeper::watch_deadlines() {
  bool stopping = false;
  while (true) {
    deadline_.clear();
    const auto at = guarded();
    const Instant now = ports_.clock.now();
    if (!at || now < at->stop_at) {
      stopping = false;
      if (!at || take_back_until_) {
        co_await await_take_back();
        continue;
      }
      co_await wait_until(ports_.clock, deadline_, at->stop_at);
      continue;
    }
    const bool writable = !paused_ && hooks_.may_write();
    if (now >= at->kill_at && writable) {
      if (lease_.until != Instant{}) {
        log::error("the lease ends in {:.1f} s without a new proof: killing PostgreSQL",
                   seconds(at->until - now));
      } else {
        log::error("PostgreSQL may still write and nothing proves its lease: killing it");
      }
      ports_.server.kill_now();
    } else if (!stopping && writable) {
      if (lease_.proven_at != Instant{}) {
        log::error("no proof of the lease for {:.1f} s: stopping PostgreSQL before the lease ends",
                   seconds(now - lease_.proven_at));
      } else {
        log::error("PostgreSQL was found running and nothing proves its lease: stopping it before that ends");
      }
      ports_.server.signal_stop(postgres::StopMode::fast);
    }
    // What hung when a server was looked for may turn out to run only now: it is stopped then.
    const bool concerned = writable || lease_.until != Instant{};
    if (!stopping && concerned) hooks_.changed();
    stopping = concerned;
    if (now >= at->until) {
      co_await end_lease();
      continue;
    }
    Instant next = std::min(at->until, now + kKillAgain);
    if (now < at->kill_at) next = stopping ? at->kill_at : std::min(at->kill_at, now + kFoundAgain);
    co_await wait_until(ports_.clock, deadline_, next);
  }
}

}  // namespace tanist::ha
