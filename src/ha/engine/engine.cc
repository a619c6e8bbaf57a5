#include "ha/engine/engine.h"
#include "ha/policy/decide.h"

#include <algorithm>

#include "async/wait.h"
#include "ha/engine/impl.h"
#include "ha/policy/questions.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// More than the monitor's second.
constexpr Duration kTick = 1500ms;
/// Rounds of needs in one cycle.
constexpr int kRounds = 3;

}  // namespace

Engine::Engine(Executor executor, Ports ports, config::SettingsPtr settings, SettingsBuilder builder,
               SnapshotBoard& board, EngineObserver observer)
    : impl_(std::make_unique<Impl>(std::move(executor), ports, std::move(settings), std::move(builder), board,
                                   std::move(observer))) {}
Engine::~Engine() = default;

Task<int> Engine::run() {
  return impl_->run();
}

void Engine::shutdown(bool hurry) {
  impl_->orders_.shut_down(hurry);
}

void Engine::reload(config::SettingsPtr settings, SettingsBuilder builder) {
  impl_->settings_.reload(std::move(settings), std::move(builder));
  impl_->wake();
}

Task<OrderAnswer> Engine::put_before_decisions(Order order) {
  return impl_->orders_.put(std::move(order));
}

Task<order::ScheduleRestart::Answer> Engine::obey(order::ScheduleRestart order) {
  return impl_->schedule_restart(std::move(order));
}

Task<order::DropScheduledRestart::Answer> Engine::obey(order::DropScheduledRestart) {
  return impl_->drop_scheduled_restart();
}

Task<order::Refresh::Answer> Engine::obey(order::Refresh order) {
  co_await impl_->ports_.server.refresh(order.max_age, order.deadline);
  impl_->publish();
  co_return order::Refresh::Answer();
}

Task<order::ReadCluster::Answer> Engine::obey(order::ReadCluster order) {
  auto read = co_await impl_->ports_.store.load(dcs::Read::linearizable, order.deadline);
  if (!read) co_return std::unexpected(std::move(read.error().detail));
  co_return *std::move(read);
}

Task<order::AskMembers::Answer> Engine::obey(order::AskMembers order) {
  return impl_->ports_.peers.ask(std::move(order.api_urls), order.deadline);
}

Task<order::Promise::Answer> Engine::obey(order::Promise order) {
  using Outcome = order::Promise::Answer::Outcome;
  Impl& e = *impl_;
  if (!e.settings_->dynamic.failsafe_mode) co_return order::Promise::Answer();
  const std::string why = e.why_no_promise(order.question.leader);
  if (!why.empty()) co_return order::Promise::Answer{.outcome = Outcome::refused, .why = why};
  const bool other = !e.promises_.held();
  auto given = co_await e.promises_.give(std::move(order.question));
  if (other) e.wake();
  e.publish();
  if (!given) co_return order::Promise::Answer{.outcome = Outcome::refused, .why = given.error()};
  const auto& facts = e.ports_.server.facts();
  const Lsn position = facts.probe && facts.probe->in_recovery ? facts.probe->position() : Lsn();
  co_return order::Promise::Answer{.outcome = Outcome::given, .why = {}, .position = position};
}

Task<order::WriteKey::Answer> Engine::obey(order::WriteKey order) {
  auto writing = impl_->ports_.store.write(std::move(order.record), order.condition, order.deadline);
  order::WriteKey::Answer written = co_await std::move(writing);
  // The copy has it: whoever asks after the answer sees what was written.
  impl_->publish();
  impl_->wake();
  co_return written;
}

Engine::Impl::Impl(Executor executor, Ports ports, config::SettingsPtr settings, SettingsBuilder builder,
                   SnapshotBoard& board, EngineObserver observer)
    : executor_(std::move(executor)),
      ports_(ports),
      board_(board),
      observer_(std::move(observer)),
      scope_(executor_),
      keeper_(ports_, scope_,
              LeaseKeeper::Hooks{[this] { return may_write(); },
                                 [this] {
                                   publish();
                                   wake();
                                 },
                                 [this] { notes_.lease_proven(); }, [this] { return promotion_.goes_on(); }}),
      settings_(ports_, keeper_, scope_, words_, std::move(settings), std::move(builder),
                [this] { publish(); }),
      store_(ports_, keeper_, settings_),
      notes_(ports_, keeper_, scope_, settings_),
      promises_(ports_, notes_, settings_),
      promotion_(ports_, scope_, settings_, notes_),
      branch_(ports_, scope_, settings_),
      schedule_note_(ports_, scope_, settings_),
      operations_(ports_, *this, scope_) {
  ports_.store.on_change([this](dcs::Store::Change change) { store_changed(change); });
  ports_.server.on_event([this](postgres::ServerEvent event) { server_event(event); });
  ports_.store.on_claim(
      [this](dcs::Claim claim) -> Task<void> { return notes_.record_claim(std::move(claim), incarnation_); });
}

bool Engine::Impl::may_write() const {
  const auto& facts = ports_.server.facts();
  if (facts.process == postgres::Process::none) return false;
  if (is_leaderlike(words_.role)) return true;
  if (promotion_.goes_on()) return true;
  if (facts.process == postgres::Process::orphans) return !facts.standby_signal;
  if (!facts.probe) return !facts.standby_signal;
  return !facts.probe->in_recovery;
}

void Engine::Impl::store_changed(dcs::Store::Change change) {
  if (change.leader_changed) {
    store_.want_fresh();
    const auto watched = ports_.store.watched();
    if (watched && !watched->unlocked()) takeovers_.leaderless_since.reset();
    if (watched && watched->unlocked() && !takeovers_.leaderless_since) takeovers_.leaderless_since = now();
    if (watched && store_.lock_of(*watched) != Lock::mine)
      keeper_.seen_lost(
          watched->unlocked() ? "the leader key was deleted" : "it names " + watched->leader_name(),
          watched->unlocked());
  }
  const bool commits_may_wait = voter_changed();
  if (commits_may_wait) pace_.look_closely = true;
  if (change.wakes || change.leader_changed || member_joined() || commits_may_wait) wake();
  // Whoever asks for the cluster is answered by the copy, which is ahead of the cycle. Not before there are
  // cycles: a snapshot without the time of the next looks like a member that hangs.
  if (pace_.next_run != Instant{}) publish();
}

/// A member that was not there needs its replication slot before its clone ends: the leader looks at once.
bool Engine::Impl::member_joined() const {
  if (keeper_.lease().until == Instant{} || !store_.cluster()) return false;
  const auto watched = ports_.store.watched();
  if (!watched) return false;
  for (const auto& [name, member] : watched->members)
    if (!store_.cluster()->members.contains(name)) return true;
  return false;
}

/// Of those whom commits wait for one has gone, or is about to.
bool Engine::Impl::voter_changed() const {
  if (keeper_.lease().until == Instant{} || !store_.cluster() || !store_.cluster()->sync.active())
    return false;
  const auto watched = ports_.store.watched();
  if (!watched) return false;
  return std::ranges::any_of(store_.cluster()->sync.voters, [&](const std::string& name) {
    const dcs::Member* was = store_.cluster()->member(name);
    const dcs::Member* is = watched->member(name);
    if (!was || !is) return was != is;
    return was->state != is->state || was->nosync() != is->nosync();
  });
}

void Engine::Impl::server_event(postgres::ServerEvent event) {
  publish();
  if (event == postgres::ServerEvent::walsender_ended) pace_.look_closely = true;
  if (event != postgres::ServerEvent::progress && event != postgres::ServerEvent::probed) wake();
}

void Engine::Impl::set_state(postgres::State state) {
  if (state == words_.state) return;
  words_.state = state;
  words_.state_since = now();
}

void Engine::Impl::fire_callback(const std::string& action, postgres::Role role) {
  beside_.callback_fired = true;
  // The view may be from before the lock was won.
  const bool leads = keeper_.lease().held(now());
  const auto& cluster = store_.cluster();
  ports_.server.note_leader(leads ? settings_->name : cluster ? cluster->leader_name() : std::string());
  ports_.server.run_callback(action, role);
}

/// A snapshot's age tells whether this thread lives. While PostgreSQL is asked every second, each answer
/// publishes one; this is for the rest of the time.
Task<void> Engine::Impl::tick() {
  while (true) {
    co_await ports_.clock.sleep_until(pace_.published_at + kTick);
    if (now() >= pace_.published_at + kTick) publish();
  }
}

Task<void> Engine::Impl::live() {
  bool started = false;
  co_await start_up_or_shutdown(started);
  if (!started) co_return;
  scope_.spawn("ticker", tick());
  pace_.next_run = now();
  while (!exit_code_) {
    co_await cycle();
    // From here on decisions see to what was found.
    if (!may_write()) keeper_.found_settled();
    if (exit_code_) break;
    co_await nap();
  }
}

/// However it ends, what may commit is stopped first.
Task<int> Engine::Impl::run() {
  std::exception_ptr failure;
  try {
    co_await live();
  } catch (...) {
    failure = std::current_exception();
  }
  orders_.close("the daemon is shutting down");
  if (operations_.busy()) {
    operations_.preempt("the daemon ends");
    co_await operations_.join();
  }
  co_await end_what_may_write();
  if (ports_.fence.holds() && ports_.server.facts().process == postgres::Process::none)
    co_await ports_.fence.disarm("PostgreSQL is down");
  co_await scope_.close();
  co_await ports_.server.close();
  co_await ports_.store.close();
  if (failure) std::rethrow_exception(failure);
  co_return exit_code_.value_or(1);
}

Task<void> Engine::Impl::cycle() {
  wake_.clear();
  const Instant begun = now();
  pace_.again = false;
  memory_.callback_fired = memory_.callback_fired || beside_.callback_fired;
  if (const auto done = std::exchange(beside_.checkpoint_ended, std::nullopt)) {
    memory_.promotion.checkpoint_running = false;
    memory_.promotion.checkpoint_done = *done;
  }
  settings_.take_reloaded();
  auto gathering = gather(store_.begin_cycle(), Answers{});
  View view = co_await std::move(gathering);
  Decision decision = decide(view);
  for (int round = 1; decision.needs.any() && round <= kRounds; ++round) {
    Answers answers = co_await answer(decision.needs, view.answers, view);
    view = co_await gather(decision.needs.linearizable_view, std::move(answers));
    decision = decide(view);
  }
  ports_.journal.record(view, decision);
  if (observer_.decided) observer_.decided(view, decision);
  const auto decided = std::make_shared<const Decided>(std::move(view), std::move(decision));
  last_.decided = decided;
  co_await act(decided->view, decided->decision);
  pace_.took.add(now() - begun);
  publish();
}

Task<void> Engine::Impl::nap() {
  const Instant at = now();
  if (pace_.again) {
    // Something was changed by this cycle: look at it at once. A pause of nothing keeps the loop fair.
    pace_.next_run = at;
    co_await ports_.clock.sleep_for(1ms);
    co_return;
  }
  pace_.next_run += timing().loop_wait;
  if (pace_.next_run <= at) {
    // ha.md §2
    log::warning("Loop time exceeded, rescheduling immediately.");
    pace_.next_run = at;
    co_await ports_.clock.sleep_for(1ms);
    co_return;
  }
  Instant until = pace_.next_run;
  if (pace_.wake_at && *pace_.wake_at < until) until = std::max(*pace_.wake_at, at + 1ms);
  const bool woken = co_await wait_until(ports_.clock, wake_, until);
  if (woken || until != pace_.next_run) pace_.next_run = now();
}

Snapshot Engine::Impl::describe() const {
  Snapshot s;
  s.published_at = now();
  s.settings = settings_.get();
  s.state = words_.state;
  s.role = words_.role;
  s.facts = ports_.server.facts();
  s.lease_until = keeper_.lease().until;
  const auto promise = promises_.held();
  s.failsafe_until = promise ? promise->until : keeper_.lease().promised ? keeper_.lease().until : Instant();
  s.paused = settings_->dynamic.pause;
  s.diverged = memory_.standings.diverged;
  if (const auto& probe = s.facts.probe)
    s.branch = branch_.of(probe->in_recovery ? probe->effective_timeline : probe->timeline);
  s.cluster = store_.cluster();
  s.delayed = policy::stays_behind(settings_->postgresql.replays_late, s.cluster.get(), settings_->name);
  s.store_ok = store_.ok();
  s.dcs_last_seen = store_.last_seen();
  if (s.cluster) s.cluster_read_at = s.cluster->read_at;
  if (s.store_ok) s.watched = ports_.store.watched();
  s.next_run = pace_.next_run;
  s.operation = operations_.view();
  s.progress = words_.progress;
  s.rejoin_error = memory_.rejoin.error;
  if (const auto& planned = orders_.commands().scheduled_restart) s.scheduled_restart = planned->wanted.shown;
  s.writes_ended = words_.writes_ended;
  s.writes_began = words_.writes_began;
  s.fence_usable = ports_.fence.usable();
  s.guardian = ports_.fence.state();
  s.watchdog = ports_.fence.watchdog();
  s.last_reason = last_.reason;
  s.last_decision_at = last_.at;
  s.decided = last_.decided;
  s.cycles = pace_.took;
  if (const dcs::StoreTimes* times = ports_.store.times()) s.tallies.store = *times;
  s.tallies.phases = operations_.phases();
  s.tallies.takeovers = takeovers_.done;
  s.tallies.smallest_lease_margin = keeper_.smallest_margin();
  return s;
}

void Engine::Impl::writes_began() {
  words_.writes_began = now();
  if (!takeovers_.won_at) return;
  takeovers_.done.at(static_cast<std::size_t>(takeovers_.kind)).promotion.add(now() - *takeovers_.won_at);
  takeovers_.won_at.reset();
}

void Engine::Impl::publish() {
  pace_.published_at = now();
  auto snapshot = std::make_shared<const Snapshot>(describe());
  board_.publish(snapshot);
  if (observer_.published) observer_.published(std::move(snapshot));
}

}  // namespace tanist::ha
