#include "ha/engine/engine.h"
#include "ha/policy/decide.h"

#include "async/wait.h"
#include "ha/engine/impl.h"
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
  impl_->commands_.hurry = impl_->commands_.hurry || (hurry && impl_->commands_.shutdown);
  impl_->commands_.shutdown = true;
  impl_->wake();
}

void Engine::reload(config::SettingsPtr settings, SettingsBuilder builder) {
  impl_->reloaded_ = std::move(settings);
  impl_->reloaded_builder_ = std::move(builder);
  impl_->apply_forced_ = true;
  impl_->wake();
}

Task<void> Engine::refresh(Duration max_age, Instant deadline) {
  co_await impl_->ports_.server.refresh(max_age, deadline);
  impl_->publish();
}

Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> Engine::load(Instant deadline) {
  return impl_->ports_.store.load(dcs::Read::linearizable, deadline);
}

Task<dcs::WriteResult> Engine::write(dcs::Record record, dcs::Condition condition, Instant deadline) {
  dcs::WriteResult written = co_await impl_->ports_.store.write(std::move(record), condition, deadline);
  impl_->wake();
  co_return written;
}

Engine::Impl::Impl(Executor executor, Ports ports, config::SettingsPtr settings, SettingsBuilder builder,
                   SnapshotBoard& board, EngineObserver observer)
    : executor_(std::move(executor)),
      ports_(ports),
      settings_(std::move(settings)),
      builder_(std::move(builder)),
      board_(board),
      observer_(std::move(observer)),
      scope_(executor_),
      keeper_(ports_, scope_,
              LeaseKeeper::Hooks{[this] { return may_write(); },
                                 [this] {
                                   publish();
                                   wake();
                                 },
                                 [this] { lease_proven(); }, [this] { return promoting(); }}),
      operations_(ports_, *this, scope_) {
  ports_.store.on_change([this](dcs::Store::Change change) { store_changed(change); });
  ports_.server.on_event([this](postgres::ServerEvent event) { server_event(event); });
  ports_.store.on_claim([this](dcs::Claim claim) -> Task<void> { return record_claim(std::move(claim)); });
}

bool Engine::Impl::may_write() const {
  const auto& facts = ports_.server.facts();
  if (facts.process == postgres::Process::none) return false;
  if (is_leaderlike(role_)) return true;
  if (promoting()) return true;
  if (facts.process == postgres::Process::orphans) return !facts.standby_signal;
  return facts.probe && !facts.probe->in_recovery;
}

void Engine::Impl::store_changed(dcs::Store::Change change) {
  if (change.leader_changed) {
    fresh_read_wanted_ = true;
    const auto watched = ports_.store.watched();
    if (watched && lock_of(*watched) != Lock::mine)
      keeper_.seen_lost(
          watched->unlocked() ? "the leader key was deleted" : "it names " + watched->leader_name(),
          watched->unlocked());
  }
  if (change.wakes || change.leader_changed || member_joined()) wake();
}

/// A member that was not there needs its replication slot before its clone ends: the leader looks at once.
bool Engine::Impl::member_joined() const {
  if (keeper_.lease().until == Instant{} || !cluster_) return false;
  const auto watched = ports_.store.watched();
  if (!watched) return false;
  for (const auto& [name, member] : watched->members)
    if (!cluster_->members.contains(name)) return true;
  return false;
}

void Engine::Impl::server_event(postgres::ServerEvent event) {
  publish();
  if (event != postgres::ServerEvent::progress && event != postgres::ServerEvent::probed) wake();
}

/// The dynamic configuration may be another one by now than `reloaded` was built over.
config::SettingsPtr Engine::Impl::over_current_dynamic(config::SettingsPtr reloaded) const {
  const Document& current = settings_->dynamic.raw;
  if (reloaded->dynamic.raw == current) return reloaded;
  auto built = builder_(current);
  if (built) return *built;
  log::error("Exception when setting dynamic_configuration: {}", built.error());
  return settings_;
}

void Engine::Impl::set_state(postgres::State state) {
  if (state == state_) return;
  state_ = state;
  state_since_ = now();
}

void Engine::Impl::fire_callback(const std::string& action, postgres::Role role) {
  callback_fired_ = true;
  // The view may be from before the lock was won.
  const bool leads = keeper_.lease().held(now());
  ports_.server.note_leader(leads ? settings_->name : cluster_ ? cluster_->leader_name() : std::string());
  ports_.server.run_callback(action, role);
}

/// A snapshot's age tells whether this thread lives. While PostgreSQL is asked every second, each answer
/// publishes one; this is for the rest of the time.
Task<void> Engine::Impl::tick() {
  while (true) {
    co_await ports_.clock.sleep_until(published_at_ + kTick);
    if (now() >= published_at_ + kTick) publish();
  }
}

Task<void> Engine::Impl::live() {
  bool started = false;
  co_await start_up_or_shutdown(started);
  if (!started) co_return;
  scope_.spawn("ticker", tick());
  next_run_ = now();
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
  if (operations_.busy()) {
    operations_.preempt("the daemon ends");
    co_await operations_.join();
  }
  co_await end_what_may_write();
  co_await scope_.close();
  co_await ports_.server.close();
  co_await ports_.store.close();
  if (failure) std::rethrow_exception(failure);
  co_return exit_code_.value_or(1);
}

Task<void> Engine::Impl::cycle() {
  wake_.clear();
  again_ = false;
  cycle_fresh_ = false;
  memory_.callback_fired = memory_.callback_fired || callback_fired_;
  if (const auto done = std::exchange(checkpoint_ended_, std::nullopt)) {
    memory_.promotion.checkpoint_running = false;
    memory_.promotion.checkpoint_done = *done;
  }
  settle_restart();
  if (reloaded_) {
    builder_ = std::move(reloaded_builder_);
    settings_ = over_current_dynamic(std::exchange(reloaded_, nullptr));
    co_await apply_settings(true);
  }
  auto gathering = gather(std::exchange(fresh_read_wanted_, false), Answers{});
  View view = co_await std::move(gathering);
  Decision decision = decide(view);
  for (int round = 1; decision.needs.any() && round <= kRounds; ++round) {
    Answers answers = co_await answer(decision.needs, view.answers, view);
    view = co_await gather(decision.needs.linearizable_view, std::move(answers));
    decision = decide(view);
  }
  ports_.journal.record(view, decision);
  if (observer_.decided) observer_.decided(view, decision);
  co_await act(view, decision);
  publish();
}

Task<void> Engine::Impl::nap() {
  const Instant at = now();
  if (again_) {
    // Something was changed by this cycle: look at it at once. A pause of nothing keeps the loop fair.
    next_run_ = at;
    co_await ports_.clock.sleep_for(1ms);
    co_return;
  }
  next_run_ += timing().loop_wait;
  if (next_run_ <= at) {
    // ha.md §2
    log::warning("Loop time exceeded, rescheduling immediately.");
    next_run_ = at;
    co_await ports_.clock.sleep_for(1ms);
    co_return;
  }
  Instant until = next_run_;
  if (wake_at_ && *wake_at_ < until) until = std::max(*wake_at_, at + 1ms);
  auto waiting = wake_.wait();
  const bool woken = co_await run_until(ports_.clock, std::move(waiting), until);
  if (woken || until != next_run_) next_run_ = now();
}

Snapshot Engine::Impl::describe() const {
  Snapshot s;
  s.published_at = now();
  s.settings = settings_;
  s.state = state_;
  s.role = role_;
  s.facts = ports_.server.facts();
  s.lease_until = keeper_.lease().until;
  s.paused = settings_->dynamic.pause;
  s.diverged = memory_.standings.diverged;
  s.cluster = cluster_;
  s.store_ok = store_ok_;
  s.dcs_last_seen = dcs_last_seen_;
  if (cluster_) s.cluster_read_at = cluster_->read_at;
  s.next_run = next_run_;
  s.operation = operations_.view();
  s.progress = progress_;
  s.rejoin_error = memory_.rejoin.error;
  if (commands_.scheduled_restart) s.scheduled_restart = commands_.scheduled_restart->shown;
  s.last_reason = last_reason_;
  s.last_decision_at = last_decision_at_;
  return s;
}

void Engine::Impl::publish() {
  published_at_ = now();
  auto snapshot = std::make_shared<const Snapshot>(describe());
  board_.publish(snapshot);
  if (observer_.published) observer_.published(std::move(snapshot));
}

}  // namespace tanist::ha
