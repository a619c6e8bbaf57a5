#include <sstream>

#include "async/wait.h"
#include "core/format.h"
#include "server.h"

/// What the daemon does to the PostgreSQL model.
namespace tanist::sim {

using namespace std::chrono_literals;

Postgres* SimServer::reachable(const postgres::Upstream& upstream) {
  Postgres* other = server_at(directory_, upstream.host);
  if (!other || other == &model_) return nullptr;
  auto& world = process_.world();
  if (!world.open(model_.host(), other->host()) || !world.open(other->host(), model_.host())) return nullptr;
  return other->answers() ? other : nullptr;
}

Task<SimServer::Result> SimServer::apply(config::SettingsPtr settings, postgres::Role, bool,
                                         Instant deadline) {
  settings_ = std::move(settings);
  co_await process_.sleep_until(std::min(deadline, process_.now() + 1ms));
  // Of a server that was found, too: in synchronous mode what it waits for stays, else it is as configured.
  adopt_standby_names();
  const std::string names = facts_.own_standby_names.value_or("");
  if (model_.process() == postgres::Process::running && model_.standby_names() != names)
    model_.set_standby_names(names);
  co_return Result{};
}

void SimServer::adopt_standby_names() {
  const bool synchronous = settings_->dynamic.synchronous_mode != config::Dynamic::SyncMode::off;
  if (synchronous && !facts_.own_standby_names && facts_.accepts())
    facts_.own_standby_names = model_.standby_names();
}

Task<std::expected<postgres::ClusterIdentity, postgres::Failure>> SimServer::identify(bool, Instant) {
  co_await process_.sleep_for(200us);
  postgres::ClusterIdentity found;
  // One directory, and in it what a bootstrap here made or what came from elsewhere.
  found.directory = "directory";
  if (model_.disk().data != Postgres::Data::empty || model_.disk().bootstrap_attempt)
    found.cluster = model_.disk().bootstrap_attempt ? "made here" : "copied";
  if (model_.process() == postgres::Process::running)
    found.postmaster = fmt::format("{}:{}", model_.postmaster_pid(), model_.generation());
  co_return found;
}

Task<SimServer::Result> SimServer::initdb(Instant deadline) {
  if (model_.disk().data != Postgres::Data::empty)
    co_return failure("initdb: the data directory is not empty");
  model_.begin_copy();
  model_.disk().bootstrap_attempt = true;
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(200ms, 2s)));
  if (dice_.chance(0.02)) co_return failure("initdb: exit code 1");
  model_.initdb();
  look();
  take_control();
  co_return Result{};
}

/// A script in the place of initdb makes no difference to what is decided.
Task<SimServer::Result> SimServer::custom_bootstrap(Instant deadline) {
  return initdb(deadline);
}

Task<std::expected<bool, postgres::Failure>> SimServer::end_custom_bootstrap(Instant) {
  co_await process_.sleep_for(dice_.between(1ms, 20ms));
  co_return dice_.chance(0.5);
}

Task<SimServer::Result> SimServer::post_bootstrap(Instant deadline) {
  const bool answered = co_await query(deadline);
  if (!answered) co_return failure("creating users: the server does not answer");
  co_await process_.sleep_for(dice_.between(5ms, 100ms));
  co_return Result{};
}

Task<SimServer::Result> SimServer::start(postgres::StartRequest request, Instant) {
  // Directories, files and the versions of programs come before the launch, now and then from a slow disk.
  auto pause = process_.sleep_for(dice_.chance(0.05) ? dice_.between(100ms, 8s) : dice_.between(1ms, 10ms));
  co_await std::move(pause);
  look();
  if (request.allowed && !request.allowed()) co_return failure("not starting as primary without the lease");
  if (facts_.process != postgres::Process::none)
    co_return failure("start: something of the server is still there");
  if (facts_.data_directory != postgres::DataDirectory::ok)
    co_return failure("start: there is no data directory");
  if (on_start) on_start(request);
  const bool synchronous = settings_->dynamic.synchronous_mode != config::Dynamic::SyncMode::off;
  // A daemon that has never asked it goes on with what its predecessor has written.
  if (synchronous && !request.as_standby && !facts_.own_standby_names)
    facts_.own_standby_names = model_.disk().standby_names;
  model_.disk().standby_names = facts_.own_standby_names.value_or("");
  model_.start(request.as_standby, request.upstream);
  look();
  co_return Result{};
}

Task<postgres::StartOutcome> SimServer::wait_started(Instant deadline) {
  const auto generation = model_.generation();
  auto over = [this, generation] {
    return model_.answers() || model_.process() != postgres::Process::running ||
           model_.generation() != generation;
  };
  const bool ended = co_await until(over, deadline);
  if (!ended) co_return postgres::StartOutcome::timed_out;
  if (model_.answers()) {
    take_probe();
    seen_recovery_ = model_.in_recovery();
    co_return postgres::StartOutcome::accepting;
  }
  co_return postgres::StartOutcome::died;
}

Task<SimServer::Result> SimServer::checkpoint(Instant deadline) {
  const auto generation = model_.generation();
  const bool answered = co_await query(std::min(deadline, process_.now() + 10s));
  if (!answered) co_return failure("CHECKPOINT: the server does not answer");
  co_await process_.sleep_for(dice_.between(5ms, 500ms));
  if (generation != model_.generation() || !model_.answers())
    co_return failure("CHECKPOINT: the connection was lost");
  model_.checkpoint_done();
  if (facts_.control) take_control();
  co_return Result{};
}

Task<void> SimServer::run_before_stop(Instant) {
  co_return;
}

void SimServer::signal_stop(postgres::StopMode mode) {
  if (on_stop) on_stop();
  model_.stop(mode == postgres::StopMode::immediate);
}

Task<bool> SimServer::wait_no_clients(Instant deadline) {
  return until([this] { return !model_.can_commit(); }, deadline);
}

Task<std::optional<postgres::ControlData>> SimServer::wait_shutdown_checkpoint(Instant deadline) {
  auto over = [this] {
    return model_.disk().control_state == "shut down" || model_.process() != postgres::Process::running;
  };
  const bool ended = co_await until(over, deadline);
  if (!ended || model_.disk().control_state != "shut down") co_return std::nullopt;
  take_control();
  co_return facts_.control;
}

Task<Lsn> SimServer::last_lsn(postgres::ControlData control, Instant) {
  co_await process_.sleep_for(dice_.between(1ms, 5ms));
  co_return control.latest_checkpoint;
}

Task<bool> SimServer::wait_down(Instant deadline) {
  return until([this] { return model_.process() == postgres::Process::none; }, deadline);
}

Task<bool> SimServer::kill_everything(Instant deadline) {
  co_await shield_from_cancellation();
  model_.kill_everything();
  const bool down = co_await wait_down(deadline);
  // Else nothing that follows in the same operation could be cancelled either.
  co_await accept_cancellation();
  co_return down;
}

void SimServer::kill_now() {
  if (on_stop) on_stop();
  model_.kill_everything();
}

Task<SimServer::Result> SimServer::run_pre_promote(Instant) {
  co_return Result{};
}

Task<SimServer::Result> SimServer::promote(Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 20ms)));
  if (!model_.promote()) co_return failure("pg_promote: the server is not in recovery or does not answer");
  co_return Result{};
}

Task<bool> SimServer::wait_promoted(Instant deadline) {
  auto over = [this] {
    return (model_.answers() && !model_.in_recovery()) || model_.process() != postgres::Process::running;
  };
  const bool ended = co_await until(over, deadline);
  if (!ended || model_.process() != postgres::Process::running) co_return false;
  take_probe();
  seen_recovery_ = false;
  co_return true;
}

Task<SimServer::Result> SimServer::set_standby_names(std::optional<std::string> names, postgres::Role,
                                                     Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 10ms)));
  const auto before = facts_.own_standby_names;
  const std::string wanted = names.value_or("");
  facts_.own_standby_names = std::move(names);
  model_.set_standby_names(wanted);
  const auto generation = model_.generation();
  auto over = [this, wanted, generation] {
    return model_.standby_names() == wanted || model_.generation() != generation || !model_.answers();
  };
  const bool ended = co_await until(over, deadline);
  if (model_.process() != postgres::Process::running) co_return Result{};
  // Now and then the checkpointer is busy and has not read it.
  if (!ended || model_.standby_names() != wanted || dice_.chance(0.03)) {
    facts_.own_standby_names = before;
    co_return failure("synchronous_standby_names is not in force yet");
  }
  if (facts_.probe) take_probe();
  co_return Result{};
}

Task<SimServer::Result> SimServer::follow_by_reload(std::optional<postgres::Upstream> upstream,
                                                    postgres::Role, Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 5ms)));
  model_.follow(std::move(upstream));
  co_return Result{};
}

Task<SimServer::Result> SimServer::crash_recover(Instant deadline) {
  if (model_.process() != postgres::Process::none || model_.disk().data != Postgres::Data::ok)
    co_return failure("single-user mode: something of the server is still there");
  const auto generation = model_.generation();
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(50ms, 1s)));
  if (model_.generation() != generation)
    co_return failure("single-user mode: somebody started the server meanwhile");
  model_.recover_alone();
  take_control();
  co_return Result{};
}

Task<postgres::DivergenceAnswer> SimServer::compare_with(postgres::Upstream leader, Instant deadline) {
  postgres::DivergenceAnswer answer;
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 20ms)));
  Postgres* other = reachable(leader);
  if (!other || model_.disk().data != Postgres::Data::ok) {
    answer.detail = "could not ask " + leader.host;
    co_return answer;
  }
  if (other->in_recovery()) {
    answer.detail = leader.host + " is still in recovery";
    co_return answer;
  }
  answer.local_timeline = model_.timeline();
  answer.local_lsn = model_.disk().end.lsn;
  answer.leader_timeline = other->timeline();
  answer.local_way = model_.history();
  if (!model_.ancestry_of(*other)) {
    answer.verdict = postgres::Divergence::diverged;
    // Two promotions to one number: the first record tells them apart, pg_rewind does not.
    answer.beyond_rewind = answer.local_timeline == answer.leader_timeline || model_.has_twin_in(*other);
    answer.detail = "the leader's history left this server's before its end";
  } else {
    answer.verdict = postgres::Divergence::none;
  }
  co_return answer;
}

Task<SimServer::Result> SimServer::copy(postgres::Upstream source,
                                        std::function<void(postgres::Progress)> progress, Instant deadline,
                                        bool rewinding) {
  const std::string what = rewinding ? "pg_rewind" : "pg_basebackup";
  Postgres* from = reachable(source);
  if (!from) co_return failure(what + ": could not connect to " + source.host);
  if (rewinding) {
    if (model_.process() != postgres::Process::none) co_return failure("pg_rewind: the target is running");
    if (model_.disk().control_state != "shut down" &&
        model_.disk().control_state != "shut down in recovery" && !model_.disk().half_rewound)
      model_.recover_alone();
    if (from->system_id() != model_.system_id()) co_return failure("pg_rewind: the systems are not the same");
    // "source and target cluster are on the same timeline, no rewind required"
    if (from->timeline() == model_.timeline() && !model_.disk().half_rewound) co_return Result{};
    // What goes wrong while it looks around leaves everything as it was.
    int& failing = model_.harmless_rewinds > 0 ? model_.harmless_rewinds : model_.failing_copies;
    if (failing > 0 && (model_.harmless_rewinds > 0 || dice_.chance(0.5)) && !model_.disk().half_rewound) {
      --failing;
      co_return failure("pg_rewind: could not read WAL record");
    }
    model_.begin_rewind();
  } else {
    if (model_.process() != postgres::Process::none || model_.disk().data == Postgres::Data::ok)
      co_return failure("pg_basebackup: the data directory is not empty");
    model_.begin_copy();
  }
  constexpr int kSteps = 4;
  const Duration whole = dice_.between(100ms, rewinding ? model_.timing.rewind_max : model_.timing.clone_max);
  const auto generation = from->generation();
  for (int i = 1; i <= kSteps; ++i) {
    co_await process_.sleep_until(std::min(deadline, process_.now() + whole / kSteps));
    if (reachable(source) != from || from->generation() != generation || process_.now() >= deadline)
      co_return failure(what + ": the connection to " + source.host + " was lost");
    if (progress) progress({.done_bytes = i * 1'000'000, .total_bytes = kSteps * 1'000'000});
  }
  if (model_.failing_copies > 0) {
    --model_.failing_copies;
    co_return failure(what + ": no space left on device");
  }
  if (rewinding) {
    model_.finish_rewind(*from);
  } else {
    model_.finish_copy(*from);
  }
  look();
  take_control();
  co_return Result{};
}

Task<postgres::SourceAnswer> SimServer::ask_source(postgres::Upstream source, Instant deadline) {
  postgres::SourceAnswer answer{.member = source.member, .system_identifier = {}, .detail = {}};
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 20ms)));
  if (const Postgres* other = reachable(source)) {
    answer.system_identifier = other->system_id();
    co_return answer;
  }
  answer.detail = "could not connect to " + source.host;
  const Postgres* there = directory_(source.host);
  // Who is there and refuses says so at once; else the deadline comes first.
  if (!there || there->accepting() == postgres::Accepting::no_response) {
    co_await process_.sleep_until(deadline);
  }
  co_return answer;
}

Task<SimServer::Result> SimServer::rewind(postgres::Upstream source,
                                          std::function<void(postgres::Progress)> progress,
                                          Instant deadline) {
  return copy(std::move(source), std::move(progress), deadline, true);
}

Task<SimServer::Result> SimServer::create_replica(postgres::ReplicaRequest request,
                                                  std::function<void(postgres::Progress)> progress,
                                                  Instant deadline) {
  if (!request.source) co_return failure("create_replica: there is no backup to restore");
  auto copied = co_await copy(std::move(*request.source), std::move(progress), deadline, false);
  if (!copied && model_.disk().data == Postgres::Data::partial &&
      model_.process() == postgres::Process::none) {
    model_.remove();
    look();
  }
  co_return copied;
}

void SimServer::forget_files() {
  if (!settings_) return;
  std::erase_if(files_, [this](const auto& file) {
    return file.first.starts_with(settings_->postgresql.data_dir + "/");
  });
}

Task<SimServer::Result> SimServer::remove_data_directory(std::string why, Instant begin_by, Instant) {
  co_await process_.sleep_for(dice_.between(1ms, 100ms));
  if (process_.now() >= begin_by) co_return failure("the removal was not begun in time");
  if (model_.process() != postgres::Process::none) co_return failure("the data directory is in use");
  if (on_removal) on_removal(why, false);
  model_.remove();
  forget_files();
  look();
  co_return Result{};
}

Task<SimServer::Result> SimServer::rename_data_directory(Instant) {
  co_await process_.sleep_for(dice_.between(1ms, 10ms));
  if (model_.process() != postgres::Process::none) co_return failure("the data directory is in use");
  if (on_removal) on_removal("renamed", true);
  model_.remove();
  forget_files();
  look();
  co_return Result{};
}

Task<void> SimServer::sync_slots(postgres::SlotsWanted wanted, Instant deadline) {
  const bool answered = co_await query(deadline);
  if (!answered) co_return;
  model_.take_steps(postgres::slot_steps(probe(), wanted));
  // The primary keeps what a copied slot needs from the moment on that its standby has told it.
  if (wanted.leader && model_.streaming()) facts_.unready_slots.clear();
  if (facts_.probe) take_probe();
}

/// What the file of a slot says.
Task<std::expected<std::vector<postgres::SlotCopy>, postgres::Failure>> SimServer::fetch_slots(
    postgres::Upstream leader, std::vector<postgres::WantedSlot> slots, Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 20ms)));
  const Postgres* other = reachable(leader);
  if (!other) co_return std::unexpected(postgres::Failure{"could not ask " + leader.host + " for its slots"});
  std::vector<postgres::SlotCopy> out;
  for (const auto& want : slots) {
    const auto found = other->disk().slots.find(want.name);
    if (other->in_recovery() || found == other->disk().slots.end()) continue;
    if (found->second.database != want.database || found->second.plugin != want.plugin) continue;
    out.push_back(
        {.name = want.name,
         .state = fmt::format("{} {} {}", found->second.restart_lsn.value, want.database, want.plugin)});
  }
  co_return out;
}

Task<SimServer::Result> SimServer::write_slots(std::vector<postgres::SlotCopy> slots, Instant deadline) {
  if (model_.process() != postgres::Process::none) co_return failure("logical slots: the server runs");
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(1ms, 50ms)));
  facts_.unready_slots.clear();
  for (const auto& slot : slots) {
    std::istringstream state(slot.state);
    Postgres::Slot copied;
    state >> copied.restart_lsn.value >> copied.database >> copied.plugin;
    model_.disk().slots[slot.name] = std::move(copied);
    facts_.unready_slots.push_back(slot.name);
  }
  co_return Result{};
}

Task<std::vector<HistoryLine>> SimServer::history(Timeline timeline, std::string new_leader,
                                                  Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(100us, 2ms)));
  if (model_.timeline() != timeline) co_return std::vector<HistoryLine>{};
  auto lines = model_.history();
  if (!lines.empty()) {
    lines.back().timestamp = "2031-01-01T00:00:00+00:00";
    lines.back().new_leader = std::move(new_leader);
  }
  co_return lines;
}

void SimServer::run_callback(std::string action, postgres::Role role) {
  process_.world().note(process_.name(), fmt::format("callback {} {}", action, postgres::to_string(role)));
}

}  // namespace tanist::sim
