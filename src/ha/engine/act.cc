#include <algorithm>

#include "ha/engine/impl.h"
#include "ha/model/member_record.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

/// Acting on a decision: mandate, words, duties in their order, one intent.
namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFenceBudget = 2s;
/// Writes of a leader or member that may fail without harm: tried again with the next cycle.
constexpr Duration kSideWriteBudget = 2s;
constexpr Duration kSlotsBudget = 10s;

bool is_stop(const Intent& intent) {
  return std::holds_alternative<intent::Demote>(intent) ||
         std::holds_alternative<intent::StopImmediate>(intent) ||
         std::holds_alternative<intent::PreEmpt>(intent) || std::holds_alternative<intent::Shutdown>(intent);
}

}  // namespace

void Engine::Impl::say(const View& view, const Decision& decision) {
  const std::string text = decision.reason.text();
  const std::string owner = view.store.cluster ? view.store.cluster->leader_name() : std::string();
  const std::string heartbeat =
      fmt::format("Lock owner: {}; I am {}", owner.empty() ? "None" : owner, settings_->name);
  if (!text.empty() && (text != last_line_ || view.now - last_said_at_ >= timing().loop_wait - 100ms)) {
    // The log drops the owner's line before a "no action" line (config.md §10.4).
    if (view.store.ok) log::info("{}", heartbeat);
    log::info("{}", text);
    last_said_at_ = view.now;
  }
  last_line_ = text;
}

Task<void> Engine::Impl::act(const View& view, const Decision& decision) {
  memory_ = decision.memory;
  last_reason_ = decision.reason;
  last_decision_at_ = view.now;
  wake_at_ = decision.wake_at;
  say(view, decision);

  std::optional<dcs::Status> status;
  for (const auto& ordered : decision.duties)
    if (const auto* with = std::get_if<duty::Status>(&ordered.duty)) status = with->status;
  if (status) status_ = status;
  keeper_.mandate(decision.mandate, status);

  // What stops a server does not wait for the store, or for anything else that a duty waits for.
  const bool stops = is_stop(decision.intent);
  if (stops) {
    co_await do_intent(decision.intent, view);
  }
  bool intent_allowed = !stops;
  for (const auto& ordered : decision.duties) {
    const bool done = co_await do_duty(ordered.duty, view);
    if (!done && ordered.on_failure == OnFailure::postpone_intent) intent_allowed = false;
  }
  if (intent_allowed) {
    co_await do_intent(decision.intent, view);
  }

  const bool initialised = role_ != postgres::Role::uninitialized &&
                           ports_.server.facts().data_directory == postgres::DataDirectory::ok &&
                           !operations_.busy();
  const std::string dynamic = to_json(settings_->dynamic.raw);
  if (initialised && dynamic != dynamic_saved_ && settings_->dynamic.raw.size() > 0) {
    auto written = co_await ports_.disk.write(dynamic_cache_path(), dynamic, 0600, now() + kDiskBudget);
    if (written) {
      dynamic_saved_ = dynamic;
    } else {
      log::error("Exception when saving file: {}", written.error());
    }
  }
  // config.md §1.3, postgres.md §20: what runs has the settings of another role, or was found running.
  const auto& facts = ports_.server.facts();
  const bool stale = facts.settings_stale && !postgres::overlay_name(role_).empty();
  const bool of_another_role = facts.settings_role && !settings_->postgresql.role_overlays.empty() &&
                               postgres::overlay_name(*facts.settings_role) != postgres::overlay_name(role_);
  if (!applying_ && initialised && facts.accepts() && (stale || of_another_role)) apply_wanted_ = true;
  if (apply_wanted_ && !applying_ && !operations_.busy() && !exit_code_) {
    applying_ = true;
    scope_.spawn("apply configuration", apply_in_background());
  }
}

Task<bool> Engine::Impl::do_duty(const Duty& duty, const View& view) {
  if (std::holds_alternative<duty::Member>(duty)) {
    if (!store_ok_) co_return true;
    // As things are now, not as they were decided on.
    auto record = member_record(make_view({}), progress_);
    auto touched = co_await ports_.store.touch_member(std::move(record), now() + kSideWriteBudget);
    if (!touched.done()) log::debug("could not write the member key: {}", touched.detail);
    co_return touched.done();
  }
  if (const auto* d = std::get_if<duty::Initialize>(&duty)) {
    auto writing =
        ports_.store.write(dcs::InitializeRecord{d->system_id}, d->condition, now() + kSideWriteBudget);
    auto written = co_await std::move(writing);
    co_return written.done();
  }
  if (const auto* d = std::get_if<duty::Config>(&duty)) {
    auto writing =
        ports_.store.write(dcs::ConfigRecord{settings_->dynamic.raw}, d->condition, now() + kSideWriteBudget);
    auto written = co_await std::move(writing);
    co_return written.done();
  }
  if (const auto* d = std::get_if<duty::DeleteSync>(&duty)) {
    auto deleting = ports_.store.delete_sync(dcs::IfVersion{d->version}, now() + kSideWriteBudget);
    auto deleted = co_await std::move(deleting);
    co_return deleted.done();
  }
  if (const auto* d = std::get_if<duty::History>(&duty)) {
    dcs::HistoryRecord record;
    if (d->timeline.value > 1) {
      record.lines = co_await ports_.server.history(d->timeline, settings_->name, now() + kDiskBudget);
      if (record.lines.empty()) co_return false;
      // Older lines keep the time and leader that were stored when they were new.
      for (auto& line : record.lines)
        for (const auto& known : view.cluster().history.lines)
          if (line.timestamp.empty() && known.parent == line.parent && known.switch_lsn == line.switch_lsn)
            line = known;
      const auto limit = static_cast<std::size_t>(std::max(0, settings_->dynamic.max_timelines_history));
      if (limit > 0 && record.lines.size() > limit)
        record.lines.erase(record.lines.begin(), record.lines.end() - static_cast<std::ptrdiff_t>(limit));
    }
    auto writing = ports_.store.write(std::move(record), dcs::Always{}, now() + kSideWriteBudget);
    auto written = co_await std::move(writing);
    co_return written.done();
  }
  if (const auto* d = std::get_if<duty::Slots>(&duty)) {
    if (slots_running_ || operations_.busy()) co_return true;
    slots_running_ = true;
    scope_.spawn("slots", sync_slots(*d));
    co_return true;
  }
  if (const auto* d = std::get_if<duty::Fence>(&duty)) {
    if (d->arm == ports_.fence.armed()) co_return true;
    if (d->arm) {
      const bool armed = co_await ports_.fence.arm(now() + kFenceBudget);
      if (armed && keeper_.lease().until != Instant{}) ports_.fence.prolong(keeper_.deadlines().kill_at);
      co_return armed;
    }
    co_await ports_.fence.disarm("not a leader");
    co_return true;
  }
  if (const auto* d = std::get_if<duty::Callback>(&duty)) {
    fire_callback(d->action, d->role);
    co_return true;
  }
  if (std::holds_alternative<duty::CheckpointAfterPromote>(duty)) {
    memory_.checkpoint_after_promote_running = true;
    scope_.spawn("checkpoint after promote", checkpoint_after_promote());
    co_return true;
  }
  if (const auto* d = std::get_if<duty::SetRole>(&duty)) {
    set_role(d->role);
  } else if (const auto* d = std::get_if<duty::SetState>(&duty)) {
    set_state(d->state);
    if (d->since) state_since_ = *d->since;
  } else if (std::holds_alternative<duty::LookForWal>(duty)) {
    ports_.server.look_for_wal();
  } else if (const auto* d = std::get_if<duty::RefuseRestart>(&duty)) {
    refuse_restart(*d);
  } else if (std::holds_alternative<duty::DropScheduledRestart>(duty)) {
    commands_.scheduled_restart.reset();
  } else if (const auto* d = std::get_if<duty::Say>(&duty)) {
    log::write(static_cast<log::Level>(std::clamp(d->level, 0, 4)), d->text);
  }
  co_return true;
}

Task<void> Engine::Impl::do_intent(const Intent& intent, const View& view) {
  using Kind = OperationKind;
  const auto begin = [this](Kind kind, const std::string& detail, Task<operations::Outcome> body,
                            DemoteMode mode = DemoteMode::immediate, const std::string& source = {}) {
    operations_.start(kind, operation_name(kind, detail), std::move(body), mode, source);
  };
  if (std::holds_alternative<intent::None>(intent)) co_return;
  if (const auto* i = std::get_if<intent::PreEmpt>(&intent)) {
    operations_.preempt(i->why);
    co_return;
  }
  if (const auto* i = std::get_if<intent::Advance>(&intent)) {
    operations_.advance(i->release_now);
    co_return;
  }
  if (const auto* i = std::get_if<intent::Exit>(&intent)) {
    if (i->code != 0) log::critical("{}", i->why);
    exit_code_ = i->code;
    co_return;
  }
  if (const auto* i = std::get_if<intent::Shutdown>(&intent); i && i->hurry && operations_.busy()) {
    ports_.server.signal_stop(postgres::StopMode::immediate);
    co_return;
  }
  // Everything else starts something; a decision that knew of no operation may meet one only by a fault of
  // its own.
  if (operations_.busy()) co_return;
  if (const auto* i = std::get_if<intent::Acquire>(&intent)) {
    co_await take_lock(*i);
  } else if (const auto* i = std::get_if<intent::Bootstrap>(&intent)) {
    co_await this->begin_bootstrap(*i);
  } else if (const auto* i = std::get_if<intent::Release>(&intent)) {
    again_ = true;
    // Between the decision and now a promotion by hand may have come.
    if (!keeper_.paused() && may_write()) co_return;
    co_await release_key(i->last_lsn);
  } else if (const auto* i = std::get_if<intent::Follow>(&intent)) {
    if (i->restart) {
      begin(Kind::follow_restart, {}, operations::follow_restart(operations_, i->upstream));
    } else {
      auto followed = co_await ports_.server.follow_by_reload(i->upstream, role_, now() + kSlotsBudget);
      if (!followed) log::error("{}", followed.error().detail);
    }
  } else if (std::holds_alternative<intent::Promote>(intent)) {
    begin(Kind::promote, {}, operations::promote(operations_));
  } else if (const auto* i = std::get_if<intent::Demote>(&intent)) {
    begin(Kind::demote, {}, operations::demote(operations_, i->mode), i->mode);
  } else if (std::holds_alternative<intent::StopImmediate>(intent)) {
    begin(Kind::demote, {}, operations::demote(operations_, DemoteMode::immediate_nolock),
          DemoteMode::immediate_nolock);
  } else if (const auto* i = std::get_if<intent::Start>(&intent)) {
    begin(Kind::start, i->name, operations::start(operations_, *i));
  } else if (std::holds_alternative<intent::CrashRecover>(intent)) {
    begin(Kind::crash_recovery, {}, operations::crash_recover(operations_));
  } else if (const auto* i = std::get_if<intent::Rewind>(&intent)) {
    begin(Kind::rewind, i->leader, operations::rewind(operations_, *i), DemoteMode::immediate, i->leader);
  } else if (const auto* i = std::get_if<intent::Clone>(&intent)) {
    const std::string name =
        !i->why_removal_allowed.empty() ? "reinitializing due to diverged timelines"
        : !i->source
            ? "bootstrap (without leader)"
            : fmt::format("bootstrap from {} '{}'", i->from_leader ? "leader" : "replica", i->source_name);
    begin(Kind::clone, name, operations::clone(operations_, *i), DemoteMode::immediate, i->source_name);
  } else if (std::holds_alternative<intent::FinishBootstrap>(intent)) {
    begin(Kind::finish_bootstrap, {}, operations::finish_bootstrap(operations_));
  } else if (std::holds_alternative<intent::CancelBootstrap>(intent)) {
    begin(Kind::cancel_bootstrap, {}, operations::cancel_bootstrap(operations_));
  } else if (const auto* i = std::get_if<intent::Restart>(&intent)) {
    note_restart_begun(*i);
    begin(Kind::restart, {}, operations::restart(operations_, *i));
  } else if (const auto* i = std::get_if<intent::Shutdown>(&intent)) {
    begin(Kind::shutdown, {}, operations::shutdown(operations_, i->hurry), DemoteMode::graceful);
  }
  (void)view;
}

Task<void> Engine::Impl::take_lock(intent::Acquire what) {
  auto acquired = co_await ports_.store.acquire(what.conditions, store_deadline());
  fresh_read_wanted_ = true;
  switch (acquired.outcome) {
    case dcs::Outcome::done:
      keeper_.won(acquired.proof);
      again_ = true;
      break;
    case dcs::Outcome::refused:
      log::info("Could not take out TTL lock");
      again_ = true;
      break;
    case dcs::Outcome::unknown:
      // No lease until a linearizable read has told whose the key is.
      log::warning("the outcome of taking the leader key is unknown: {}", acquired.detail);
      lock_unknown_ = true;
      again_ = true;
      break;
    case dcs::Outcome::unavailable: log::warning("could not take the leader key: {}", acquired.detail); break;
  }
}

Task<void> Engine::Impl::begin_bootstrap(intent::Bootstrap what) {
  auto begun = co_await ports_.store.begin_bootstrap(what.take_over, store_deadline());
  fresh_read_wanted_ = true;
  if (!begun.done()) {
    memory_.bootstrapping = false;
    log::info("{}", code_text(Code::lost_initialize_race));
    if (!begun.detail.empty()) log::debug("{}", begun.detail);
    co_return;
  }
  memory_.bootstrapping = true;
  operations_.start(OperationKind::bootstrap, operation_name(OperationKind::bootstrap, {}),
                    operations::bootstrap(operations_));
}

Task<bool> Engine::Impl::release_key(std::optional<Lsn> last_lsn) {
  // Others act on the release; what they may ask must already tell the truth.
  if (role_ == postgres::Role::primary || role_ == postgres::Role::promoted)
    set_role(postgres::Role::demoted);
  co_await keeper_.give_up();
  publish();
  std::optional<dcs::Status> status;
  if (last_lsn && status_) {
    status = status_;
    status->optime = *last_lsn;
  } else if (last_lsn) {
    status = cluster_ ? cluster_->status : dcs::Status{};
    status->optime = *last_lsn;
  }
  auto released = co_await ports_.store.release(status, store_deadline());
  fresh_read_wanted_ = true;
  switch (released.outcome) {
    case dcs::Outcome::done: log::info("Leader key released"); co_return true;
    case dcs::Outcome::refused:
      log::info("the leader key was not mine any more: {}", released.detail);
      co_return true;
    default:
      lock_unknown_ = true;
      log::warning("could not release the leader key: {}", released.detail);
      co_return false;
  }
}

Task<void> Engine::Impl::sync_slots(duty::Slots what) {
  co_await ports_.server.sync_slots(std::move(what.wanted), what.drop_unknown, now() + kSlotsBudget);
  slots_running_ = false;
}

Task<void> Engine::Impl::checkpoint_after_promote() {
  auto done = co_await ports_.server.checkpoint(now() + 24h);
  if (!done) log::warning("{}", done.error().detail);
  // The cycle may be between its look at the memory and its new one.
  checkpoint_ended_ = done.has_value();
  if (done) wake();
}

}  // namespace tanist::ha
