#include <utility>
#include <vector>

#include "async/wait.h"
#include "ha/engine/impl.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// How each intent is carried out: mostly by an operation that begins.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReloadBudget = 10s;

std::string clone_name(const intent::Clone& clone) {
  if (clone.order) return "reinitialize";
  if (!clone.why_removal_allowed.empty()) return "reinitializing due to diverged timelines";
  if (!clone.source) return "bootstrap (without leader)";
  return fmt::format("bootstrap from {} '{}'", clone.from_leader ? "leader" : "replica", clone.source_name);
}

/// What begins nothing; all else waits for the operation that runs. A decision that knew of none meets one
/// only by a fault of its own.
template <class I>
constexpr bool kBesideOperation = std::is_same_v<I, intent::None> || std::is_same_v<I, intent::PreEmpt> ||
                                  std::is_same_v<I, intent::Advance> || std::is_same_v<I, intent::Exit> ||
                                  std::is_same_v<I, intent::Shutdown>;

}  // namespace

/// One function an intent: an intent without one does not compile.
struct Engine::Impl::Intents {
  Impl& e;

  Task<void> operator()(intent::None) { co_return; }

  Task<void> operator()(intent::PreEmpt i) {
    e.operations_.preempt(i.why);
    co_return;
  }

  Task<void> operator()(intent::Advance i) {
    e.operations_.advance(i);
    co_return;
  }

  Task<void> operator()(intent::Exit i) {
    if (i.code != 0) log::critical("{}", i.why);
    e.exit_code_ = i.code;
    co_return;
  }

  Task<void> operator()(intent::Shutdown i) {
    if (!e.operations_.busy()) {
      begin(OperationKind::shutdown, {}, operations::shutdown(e.operations_, i.hurry), DemoteMode::graceful);
    } else if (i.hurry) {
      e.ports_.server.signal_stop(postgres::StopMode::immediate);
    }
    co_return;
  }

  Task<void> operator()(intent::Acquire i) { return e.take_lock(std::move(i)); }

  Task<void> operator()(intent::Bootstrap i) { return e.begin_bootstrap(std::move(i)); }

  Task<void> operator()(intent::Release i) {
    e.pace_.again = true;
    // Between the decision and now a promotion by hand may have come.
    if (!e.keeper_.paused() && e.may_write()) co_return;
    co_await e.release_key(i.last_lsn);
  }

  Task<void> operator()(intent::Follow i) {
    if (i.restart) {
      begin(OperationKind::follow_restart, {}, operations::follow_restart(e.operations_, std::move(i)));
      co_return;
    }
    auto followed =
        co_await e.ports_.server.follow_by_reload(i.upstream, e.words_.role, e.now() + kReloadBudget);
    if (!followed) log::error("{}", followed.error().detail);
  }

  Task<void> operator()(intent::Promote) {
    begin(OperationKind::promote, {}, operations::promote(e.operations_));
    co_return;
  }

  Task<void> operator()(intent::Demote i) {
    const bool asks = i.mode == DemoteMode::graceful && !i.name.empty();
    begin(OperationKind::demote, i.name, operations::demote(e.operations_, i.mode, asks), i.mode);
    co_return;
  }

  Task<void> operator()(intent::StopImmediate) {
    return (*this)(intent::Demote{DemoteMode::immediate_nolock});
  }

  Task<void> operator()(intent::Start i) {
    const std::string name = i.name;
    begin(OperationKind::start, name, operations::start(e.operations_, std::move(i)));
    co_return;
  }

  Task<void> operator()(intent::CopySlots i) {
    const std::string leader = i.leader.member;
    begin(OperationKind::copy_slots, {}, operations::copy_slots(e.operations_, std::move(i)),
          DemoteMode::immediate, leader);
    co_return;
  }

  Task<void> operator()(intent::CrashRecover) {
    begin(OperationKind::crash_recovery, {}, operations::crash_recover(e.operations_));
    co_return;
  }

  Task<void> operator()(intent::Rewind i) {
    const std::string leader = i.leader;
    // What is no member of this cluster is watched by nobody.
    const std::string source = i.source.remote ? std::string() : leader;
    begin(OperationKind::rewind, leader, operations::rewind(e.operations_, std::move(i)),
          DemoteMode::immediate, source);
    co_return;
  }

  Task<void> operator()(intent::Clone i) {
    const std::string name = clone_name(i), source = i.source_name;
    const auto order = i.order;
    begin(OperationKind::clone, name, operations::clone(e.operations_, std::move(i)), DemoteMode::immediate,
          source, order);
    co_return;
  }

  Task<void> operator()(intent::FinishBootstrap i) {
    begin(OperationKind::finish_bootstrap, {}, operations::finish_bootstrap(e.operations_, i.standby_leader));
    co_return;
  }

  Task<void> operator()(intent::CancelBootstrap) {
    begin(OperationKind::cancel_bootstrap, {}, operations::cancel_bootstrap(e.operations_));
    co_return;
  }

  Task<void> operator()(intent::Restart i) {
    const auto order = i.order;
    begin(OperationKind::restart, {}, operations::restart(e.operations_, std::move(i)), DemoteMode::immediate,
          {}, order);
    co_return;
  }

 private:
  void begin(OperationKind kind, const std::string& detail, Task<operations::Outcome> body,
             DemoteMode mode = DemoteMode::immediate, const std::string& source = {},
             std::optional<OrderId> order = std::nullopt) {
    e.operations_.start(kind, operation_name(kind, detail), std::move(body), mode, source, order);
    if (order) e.orders_.begun(*order);
  }
};

Task<void> Engine::Impl::do_intent(Intent intent) {
  const bool waits =
      std::visit([](const auto& i) { return !kBesideOperation<std::decay_t<decltype(i)>>; }, intent);
  if (waits && operations_.busy()) co_return;
  Intents each{*this};
  Task<void> doing = std::visit(each, std::move(intent));
  co_await std::move(doing);
}

bool Engine::Impl::has_promised(const char* what) const {
  const auto promise = promises_.held();
  if (promise)
    log::info("{}: member '{}' was promised to lead on for {:.1f} s yet", what, promise->to.leader,
              seconds(promise->until - now()));
  return promise.has_value();
}

/// ha.md §12.3, engine.md §6; empty: nothing speaks against it.
std::string Engine::Impl::why_no_promise(const std::string& leader) const {
  if (leader == settings_->name) return "this member has the same name";
  if (may_write()) return "Running as a leader";
  if (taking_ || store_.view().lock_unknown) return "taking the leader key";
  if (keeper_.lease().until != Instant{} || store_.lock() == Lock::mine) return "holding the leader key";
  if (memory_.making.bootstrapping) return "founding the cluster";
  // As far as the store tells just now; who asks does so again.
  const auto watched = ports_.store.watched();
  if (watched && !watched->unlocked() && watched->leader_name() != leader)
    return fmt::format("member '{}' has the leader key", watched->leader_name());
  return {};
}

Task<void> Engine::Impl::take_lock(intent::Acquire what) {
  // It may have been given since the decision.
  if (has_promised("not taking the leader key")) co_return;
  // The incarnation was drawn, so this is no other's; and it costs no dice.
  what.from.next = fmt::format("{}-{}", incarnation_, ++asked_to_lead_);
  taking_ = true;
  ports_.fence.about_to_ask();
  auto acquired = co_await ports_.store.acquire(what.conditions, what.from, store_deadline());
  taking_ = false;
  store_.want_fresh();
  switch (acquired.outcome) {
    case dcs::Outcome::done:
      keeper_.won(acquired.proof);
      note_takeover();
      pace_.again = true;
      break;
    case dcs::Outcome::refused:
      log::info("Could not take out TTL lock");
      pace_.again = true;
      break;
    case dcs::Outcome::unknown:
      // No lease until a linearizable read has told whose the key is.
      log::warning("the outcome of taking the leader key is unknown: {}", acquired.detail);
      store_.lock_is_unknown();
      pace_.again = true;
      break;
    case dcs::Outcome::unavailable: log::warning("could not take the leader key: {}", acquired.detail); break;
  }
}

/// What the timeline that begins now is called stands in the leadership that this member holds, and nothing
/// is promoted by but that one.
Task<void> Engine::Impl::begin_promotion() {
  Timeline from;
  std::string next;
  const auto& probe = ports_.server.facts().probe;
  if (probe && probe->in_recovery && !ports_.server.facts().failing_since) from = probe->effective_timeline;
  const auto& cluster = store_.cluster();
  if (cluster && store_.lock() == Lock::mine && cluster->leadership_name == settings_->name &&
      cluster->led_from)
    next = cluster->led_from->next;
  std::vector<Task<void>> noting;
  noting.push_back(promotion_.begin());
  noting.push_back(branch_.promoting(from, std::move(next)));
  co_await all(std::move(noting));
}

void Engine::Impl::forget_promotion() {
  promotion_.forget();
  branch_.not_promoted();
}

/// The leader key was won: by a standby, which is to be promoted now.
void Engine::Impl::note_takeover() {
  const auto since = std::exchange(takeovers_.leaderless_since, std::nullopt);
  if (is_leaderlike(words_.role)) return;
  // Nobody becomes writable with it.
  if (settings_->dynamic.standby_cluster) return;
  const dcs::Failover wanted = store_.cluster() ? store_.cluster()->failover : dcs::Failover();
  const bool due = !wanted.scheduled_at || *wanted.scheduled_at <= ports_.clock.wall_now();
  takeovers_.kind = TakeoverKind::failover;
  if (wanted.present() && due)
    takeovers_.kind = wanted.leader.empty() ? TakeoverKind::manual_failover : TakeoverKind::switchover;
  takeovers_.won_at = now();
  if (since) takeovers_.done.at(static_cast<std::size_t>(takeovers_.kind)).election.add(now() - *since);
}

Task<void> Engine::Impl::begin_bootstrap(intent::Bootstrap what) {
  if (has_promised("not founding the cluster")) {
    memory_.making.bootstrapping = false;
    co_return;
  }
  taking_ = true;
  auto begun = co_await ports_.store.begin_bootstrap(what.take_over, store_deadline());
  taking_ = false;
  store_.want_fresh();
  if (!begun.done()) {
    memory_.making.bootstrapping = false;
    log::info("{}", code_text(Code::lost_initialize_race));
    if (!begun.detail.empty()) log::debug("{}", begun.detail);
    co_return;
  }
  memory_.making.bootstrapping = true;
  if (what.standby_leader) {
    operations_.start(OperationKind::bootstrap,
                      operation_name(OperationKind::bootstrap, "bootstrap_standby_leader"),
                      operations::bootstrap_standby_leader(operations_, std::move(what.source)));
    co_return;
  }
  operations_.start(OperationKind::bootstrap, operation_name(OperationKind::bootstrap, {}),
                    operations::bootstrap(operations_));
}

}  // namespace tanist::ha
