#include <algorithm>

#include "ha/engine/impl.h"
#include "ha/model/member_record.h"
#include "ha/operations/bootstrap_note.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// How each duty is carried out.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFenceBudget = 2s;
/// Writes of a leader or member that may fail without harm: tried again with the next cycle.
constexpr Duration kSideWriteBudget = 2s;
constexpr Duration kSlotsBudget = 10s;
/// Writing the file, reloading, and until the checkpointer has read it.
constexpr Duration kNamesBudget = 3s;
constexpr Duration kPrepareBudget = 1min;
constexpr Duration kLookForRelease = 20ms;

}  // namespace

/// One function a duty: a duty without one does not compile. False: it was not done.
struct Engine::Impl::Duties {
  Impl& e;
  const View& view;

  Task<bool> operator()(duty::Member) {
    if (!e.store_.ok()) co_return true;
    // As things are now, not as they were decided on.
    co_return co_await e.touch_member();
  }

  /// The next renewal carries it: act() hands it to the keeper.
  Task<bool> operator()(duty::Status) { co_return true; }

  Task<bool> operator()(duty::Initialize d) {
    auto writing = e.ports_.store.write(dcs::InitializeRecord{d.system_id}, d.condition, side_write());
    auto written = co_await std::move(writing);
    co_return written.done();
  }

  Task<bool> operator()(duty::Config d) {
    auto writing =
        e.ports_.store.write(dcs::ConfigRecord{e.settings_->dynamic.raw}, d.condition, side_write());
    auto written = co_await std::move(writing);
    co_return written.done();
  }

  /// Beside the cycle: what a promotion has to wait for is not this.
  Task<bool> operator()(duty::Failover d) {
    if (e.rewriting_failover_) co_return true;
    e.rewriting_failover_ = true;
    e.scope_.spawn("failover key", e.rewrite_failover(std::move(d)));
    co_return true;
  }

  Task<bool> operator()(duty::DeleteSync d) {
    auto deleting = e.ports_.store.delete_sync(dcs::IfVersion{d.version}, side_write());
    auto deleted = co_await std::move(deleting);
    co_return deleted.done();
  }

  Task<bool> operator()(duty::Sync d) {
    dcs::SyncRecord record{.leader = d.leader, .voters = d.voters, .quorum = d.quorum};
    auto writing = e.ports_.store.write(std::move(record), dcs::IfVersion{d.version}, side_write());
    auto written = co_await std::move(writing);
    const std::string& text = written.done() ? d.done_text : d.refused_text;
    if (written.done() || written.outcome == dcs::Outcome::refused) {
      if (!text.empty()) log::info("{}", text);
      e.store_.want_fresh();
    } else {
      log::warning("could not write the key sync: {}", written.detail);
    }
    e.memory_.synchronous.unsettled = written.outcome == dcs::Outcome::unknown;
    e.pace_.again = e.pace_.again || written.done();
    co_return written.done();
  }

  Task<bool> operator()(duty::StandbyNames d) {
    if (e.operations_.busy()) co_return false;
    auto set =
        co_await e.ports_.server.set_standby_names(std::move(d.text), e.words_.role, e.now() + kNamesBudget);
    if (!set) log::warning("{}", set.error().detail);
    e.pace_.again = e.pace_.again || set.has_value();
    co_return set.has_value();
  }

  Task<bool> operator()(duty::StandbySlots d) {
    if (e.operations_.busy()) co_return false;
    auto set =
        co_await e.ports_.server.set_standby_slots(std::move(d.text), e.words_.role, e.now() + kNamesBudget);
    if (!set) log::warning("{}", set.error().detail);
    co_return set.has_value();
  }

  Task<bool> operator()(duty::Failsafe d) {
    auto writing = e.ports_.store.write(dcs::FailsafeRecord{std::move(d.members)}, dcs::IfVersion{d.version},
                                        side_write());
    auto written = co_await std::move(writing);
    if (!written.done()) log::debug("could not write the key failsafe: {}", written.detail);
    // The list counts once it was read: should the store go away just now, it is to be known.
    if (written.done()) e.store_.want_fresh();
    e.pace_.again = e.pace_.again || written.done();
    co_return written.done();
  }

  Task<bool> operator()(duty::ForgetBootstrap) {
    // Beside the decision: a primary without the lease that it ends waits for no disk.
    e.scope_.spawn("note of the bootstrap",
                   forget_bootstrap(e.ports_, e.bootstrap_note_path(), e.settings_->postgresql.data_dir));
    co_return true;
  }

  Task<bool> operator()(duty::History d) {
    dcs::HistoryRecord record;
    if (d.timeline.value > 1) {
      record.lines = co_await e.ports_.server.history(d.timeline, e.settings_->name, e.now() + kDiskBudget);
      if (record.lines.empty()) co_return false;
      // Older lines keep the time and leader that were stored when they were new.
      for (auto& line : record.lines)
        for (const auto& known : view.cluster().history.lines)
          if (line.timestamp.empty() && known.parent == line.parent && known.switch_lsn == line.switch_lsn)
            line = known;
      const auto limit = static_cast<std::size_t>(std::max(0, e.settings_->dynamic.max_timelines_history));
      if (limit > 0 && record.lines.size() > limit)
        record.lines.erase(record.lines.begin(), record.lines.end() - static_cast<std::ptrdiff_t>(limit));
    }
    auto writing = e.ports_.store.write(std::move(record), dcs::Always{}, side_write());
    auto written = co_await std::move(writing);
    co_return written.done();
  }

  Task<bool> operator()(duty::Slots d) {
    if (e.slots_running_ || e.operations_.busy()) co_return true;
    e.slots_running_ = true;
    e.scope_.spawn("slots", e.sync_slots(std::move(d)));
    co_return true;
  }

  Task<bool> operator()(duty::ForceFeedback d) {
    e.ports_.server.force_feedback(d.on);
    e.settings_.write_again();
    co_return true;
  }

  Task<bool> operator()(duty::Fence d) {
    auto& fence = e.ports_.fence;
    if (!d.arm) {
      if (fence.holds()) {
        co_await fence.disarm("not a leader");
      }
      co_return true;
    }
    if (fence.armed()) co_return true;
    const bool armed = co_await fence.arm(e.now() + kFenceBudget);
    if (armed && e.keeper_.lease().until != Instant{})
      fence.prolong(e.keeper_.deadlines().kill_at, e.keeper_.lease().proven_at);
    co_return armed;
  }

  Task<bool> operator()(duty::Callback d) {
    e.fire_callback(d.action, d.role);
    co_return true;
  }

  Task<bool> operator()(duty::CheckpointAfterPromote) {
    e.memory_.promotion.checkpoint_running = true;
    e.scope_.spawn("checkpoint after promote", e.checkpoint_after_promote());
    co_return true;
  }

  Task<bool> operator()(duty::PrepareToLead) {
    e.scope_.spawn("checkpoint before promote", e.checkpoint_before_promote());
    co_return true;
  }

  Task<bool> operator()(duty::SetRole d) {
    e.set_role(d.role);
    co_return true;
  }

  Task<bool> operator()(duty::SetState d) {
    e.set_state(d.state);
    if (d.since) e.words_.state_since = *d.since;
    co_return true;
  }

  Task<bool> operator()(duty::LookForWal) {
    e.ports_.server.look_for_wal();
    co_return true;
  }

  Task<bool> operator()(duty::Answer d) {
    e.orders_.answer(d.id, std::move(d.answer));
    co_return true;
  }

  Task<bool> operator()(duty::Say d) {
    log::write(d.level, d.text);
    co_return true;
  }

 private:
  Instant side_write() const { return e.now() + kSideWriteBudget; }
};

Task<bool> Engine::Impl::do_duty(Duty duty, const View& view) {
  Duties each{*this, view};
  Task<bool> doing = std::visit(each, std::move(duty));
  co_return co_await std::move(doing);
}

Task<bool> Engine::Impl::touch_member() {
  auto record = member_record(make_view({}), *settings_.get(), words_.progress);
  auto touched = co_await ports_.store.touch_member(std::move(record), now() + kSideWriteBudget);
  if (!touched.done()) log::debug("could not write the member key: {}", touched.detail);
  co_return touched.done();
}

/// As the watch tells it; what it has not told yet, this member's view does.
bool Engine::Impl::is_voter() const {
  auto cluster = ports_.store.watched();
  if (!cluster) cluster = store_.cluster();
  return cluster && !cluster->unlocked() && cluster->sync.is_voter(settings_->name);
}

Task<void> Engine::Impl::leave_sync(Instant deadline) {
  if (!is_voter()) co_return;
  log::info("Waiting for primary to release us from synchronous standby");
  co_await touch_member();
  while (is_voter() && store_.ok() && now() < deadline) {
    co_await ports_.clock.sleep_for(kLookForRelease);
  }
}

Task<void> Engine::Impl::sync_slots(duty::Slots what) {
  co_await ports_.server.sync_slots(std::move(what.wanted), now() + kSlotsBudget);
  slots_running_ = false;
}

Task<void> Engine::Impl::rewrite_failover(duty::Failover what) {
  dcs::Record record = dcs::FailoverRecord{.leader = {}, .candidate = what.candidate, .scheduled_at = {}};
  auto writing =
      ports_.store.write(std::move(record), dcs::IfVersion{what.version}, now() + kSideWriteBudget);
  auto written = co_await std::move(writing);
  rewriting_failover_ = false;
  if (!written.done()) log::debug("could not rewrite the failover key: {}", written.detail);
  wake();
}

Task<void> Engine::Impl::checkpoint_before_promote() {
  auto done = co_await ports_.server.checkpoint(now() + kPrepareBudget);
  if (!done) log::debug("{}", done.error().detail);
}

Task<void> Engine::Impl::checkpoint_after_promote() {
  auto done = co_await ports_.server.checkpoint(now() + 24h);
  if (!done) log::warning("{}", done.error().detail);
  // The cycle may be between its look at the memory and its new one.
  beside_.checkpoint_ended = done.has_value();
  if (done) wake();
}

}  // namespace tanist::ha
