#include "server.h"

#include <utility>

#include "core/format.h"

/// What the daemon sees of the PostgreSQL model, and the waits.
namespace tanist::sim {

using namespace std::chrono_literals;
using postgres::ServerEvent;

namespace {
constexpr Duration kMonitor = 1s;
/// What open() gives to looking, versions and control file.
constexpr Duration kOpenBudget = 30s;
}  // namespace

SimServer::SimServer(Process& process, Postgres& model, PostgresDirectory directory,
                     std::map<std::string, std::string>& files, const StartTiming& start)
    : process_(process),
      model_(model),
      directory_(std::move(directory)),
      files_(files),
      start_(start),
      scope_(process.executor()),
      dice_(process.world().dice().fork()) {
  seen_generation_ = model_.generation();
}

SimServer::~SimServer() {
  model_.on_change({});
}

Task<SimServer::Result> SimServer::find(config::SettingsPtr settings) {
  settings_ = std::move(settings);
  if (!std::exchange(watching_, true)) watch();
  // A few files that tell who runs, on a thread of its own: not what is slow for the rest of a start.
  look();
  // Orphans are killed as soon as they are seen.
  if (facts_.process == postgres::Process::orphans) model_.kill_everything();
  co_return Result{};
}

void SimServer::watch() {
  // The kernel tells of a death, a poll of the rest; both a little later than it happened.
  std::weak_ptr<Process> alive = process_.weak_from_this();
  model_.on_change([this, alive] {
    process_.world().after(dice_.between(100us, 8ms), [this, alive] {
      if (auto process = alive.lock()) {
        if (!process->killed()) process->post([this] { notice(); });
      }
    });
  });
}

Task<SimServer::Result> SimServer::open(config::SettingsPtr settings) {
  auto found = co_await find(std::move(settings));
  if (!found) co_return found;
  const Instant deadline = process_.now() + kOpenBudget;
  const bool looked = co_await step(start_.look, deadline);
  if (!looked) co_return failure("look at data directory: no answer in time");
  look_anew();
  if (facts_.data_directory == postgres::DataDirectory::unreadable)
    co_return failure(facts_.data_directory_error);
  const bool version = co_await step(start_.version, deadline);
  if (!version) co_return failure("postgres --version: no answer in time");
  if (facts_.data_directory == postgres::DataDirectory::ok) {
    co_await read_control(deadline);
  }
  co_await refresh(0s, process_.now() + 1s);
  adopt_standby_names();
  scope_.spawn("monitor", monitor());
  co_return Result{};
}

Task<void> SimServer::close() {
  watching_ = false;
  co_await scope_.close();
  model_.on_change({});
}

void SimServer::emit(ServerEvent event) {
  if (listener_ && watching_) listener_(event);
}

/// What a look at /proc and at the data directory tells.
void SimServer::look() {
  const auto process = model_.process();
  if (model_.generation() != seen_generation_) {
    facts_.probe.reset();
    facts_.history.reset();
    facts_.failing_since.reset();
    seen_generation_ = model_.generation();
  }
  facts_.process = process;
  facts_.postmaster_pid = process == postgres::Process::running ? model_.postmaster_pid() : 0;
  facts_.process_since = process_.host_clock().at(model_.started_at());
  if (process != postgres::Process::running) {
    facts_.probe.reset();
    facts_.history.reset();
    facts_.failing_since.reset();
  }
  facts_.accepting = model_.accepting();
  const auto& disk = model_.disk();
  const bool whole = disk.data == Postgres::Data::ok;
  facts_.data_directory = whole ? postgres::DataDirectory::ok : postgres::DataDirectory::empty;
  if (whole && seen_as_) facts_.data_directory = *seen_as_;
  const bool unreadable = facts_.data_directory == postgres::DataDirectory::unreadable;
  facts_.data_directory_error = facts_.data_directory == postgres::DataDirectory::ok ||
                                        facts_.data_directory == postgres::DataDirectory::empty
                                    ? std::string()
                                    : "data directory \"/data\": input/output error";
  facts_.standby_signal = disk.standby_signal && !unreadable;
  facts_.half_rewound = disk.half_rewound;
  facts_.backup_label = disk.backup_label && !unreadable;
  facts_.major_version = 150004;
  if (!whole) {
    facts_.control.reset();
    facts_.system_identifier.clear();
  }
}

void SimServer::look_anew() {
  seen_as_ = model_.take_look();
  look();
}

/// A step of the start; false: it was not over in time. Later it takes no time of its own.
Task<bool> SimServer::step(Duration takes, Instant deadline) {
  if (!starting_ || takes <= 0s) co_return true;
  co_await process_.sleep_until(std::min(deadline, process_.now() + takes));
  co_return process_.now() < deadline;
}

void SimServer::notice() {
  const bool was_running = facts_.process == postgres::Process::running;
  const bool accepted = facts_.accepts();
  const auto generation = seen_generation_;
  look();
  const bool died =
      was_running && (facts_.process != postgres::Process::running || generation != seen_generation_);
  if (facts_.process == postgres::Process::orphans) model_.kill_everything();
  const bool streaming = model_.streaming();
  const bool receiver_ended = seen_streaming_ && !streaming;
  seen_streaming_ = streaming;
  const std::size_t downstream = model_.downstream().size();
  const bool walsender_ended = downstream < seen_downstream_;
  seen_downstream_ = downstream;
  const bool role_changed = facts_.accepts() && seen_recovery_ != model_.in_recovery();
  seen_recovery_ = model_.in_recovery();
  if (facts_.accepts() && (!accepted || role_changed || receiver_ended)) take_probe();
  const auto waiting = std::move(waiting_);
  waiting_.clear();
  for (const auto ticket : waiting) process_.wake(ticket);
  if (died) emit(ServerEvent::postmaster_died);
  if (facts_.accepts() && !accepted) emit(ServerEvent::started_accepting);
  if (role_changed && accepted) emit(ServerEvent::role_changed);
  if (receiver_ended && facts_.accepts()) emit(ServerEvent::receiver_ended);
  if (walsender_ended && facts_.accepts() && !model_.standby_names().empty())
    emit(ServerEvent::walsender_ended);
}

postgres::Probe SimServer::probe() const {
  postgres::Probe p;
  const auto& disk = model_.disk();
  p.asked_at = process_.now();
  p.postmaster_start_time = fmt::format("generation {}", model_.generation());
  p.server_version = 150004;
  p.in_recovery = model_.in_recovery();
  p.effective_timeline = model_.timeline();
  if (p.in_recovery) {
    p.replay = disk.end.lsn;
    p.receive = disk.end.lsn;
    if (model_.streaming()) {
      p.receiver_state = "streaming";
      p.received_timeline = model_.timeline();
      p.receiver_pid = model_.postmaster_pid() + 1;
      p.latest_end = disk.end.lsn;
      if (disk.upstream) p.receiver_slot = disk.upstream->slot;
    }
  } else {
    p.timeline = model_.timeline();
    p.wal = disk.end.lsn;
  }
  p.standby_names = model_.standby_names();
  p.synchronous_commit = "on";
  p.checkpointer_wait = "CheckpointerMain";
  for (const auto& [name, slot] : disk.slots) {
    postgres::SlotSeen seen;
    seen.name = name;
    seen.active = slot.active;
    seen.restart_lsn = slot.restart_lsn;
    seen.database = slot.database;
    seen.plugin = slot.plugin;
    seen.logical = !slot.plugin.empty();
    if (seen.logical) seen.confirmed_flush_lsn = slot.restart_lsn;
    p.slots.push_back(std::move(seen));
  }
  for (const Postgres* replica : model_.downstream()) {
    postgres::WalSenderSeen sender;
    sender.pid = static_cast<int>(replica->connection());
    sender.application_name = replica->name();
    sender.state = "streaming";
    sender.sync_state = model_.sync_state_of(*replica);
    sender.flush_lsn = sender.write_lsn = sender.replay_lsn = model_.acknowledged_by(*replica);
    p.wal_senders.push_back(std::move(sender));
  }
  return p;
}

void SimServer::take_probe() {
  seen_downstream_ = model_.downstream().size();
  facts_.probe = probe();
  facts_.history = postgres::TimelineHistory{model_.timeline(), model_.history()};
}

postgres::ControlData SimServer::control() const {
  postgres::ControlData c;
  const auto& disk = model_.disk();
  c.seen_at = process_.now();
  c.cluster_state = disk.control_state;
  c.system_identifier = model_.system_id();
  c.latest_checkpoint = disk.checkpoint;
  c.checkpoint_timeline = disk.checkpoint_timeline;
  if (disk.standby_signal) {
    c.min_recovery_end = disk.end.lsn;
    c.min_recovery_timeline = model_.timeline();
  }
  c.wal_log_hints = true;
  return c;
}

/// One query: its latency, or the deadline of a server that does not answer.
Task<bool> SimServer::query(Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(300us, 3ms)));
  if (model_.answers()) co_return true;
  if (model_.stopped()) {
    co_await process_.sleep_until(deadline);
  }
  co_return model_.answers();
}

Task<void> SimServer::refresh(Duration max_age, Instant deadline) {
  look_anew();
  if (facts_.process != postgres::Process::running) {
    if (facts_.process == postgres::Process::none && facts_.data_directory == postgres::DataDirectory::ok &&
        !facts_.control) {
      co_await read_control(deadline);
    }
    co_return;
  }
  // As the real one: of a running server only whose it is.
  if (facts_.system_identifier.empty() && facts_.data_directory == postgres::DataDirectory::ok) {
    co_await read_control(deadline);
    if (facts_.process != postgres::Process::running) co_return;
  }
  if (facts_.probe && process_.now() - facts_.probe->asked_at < max_age) co_return;
  const Instant asked = process_.now();
  const bool answered = co_await query(deadline);
  look();
  if (facts_.process != postgres::Process::running) co_return;
  if (answered) {
    take_probe();
    facts_.probe->asked_at = asked;
    facts_.failing_since.reset();
    facts_.failing_why.clear();
    seen_recovery_ = model_.in_recovery();
  } else if (!facts_.failing_since) {
    facts_.failing_since = asked;
    facts_.failing_why = "the query was not answered";
  }
}

Task<void> SimServer::read_control(Instant deadline) {
  co_await process_.sleep_until(std::min(deadline, process_.now() + dice_.between(100us, 2ms)));
  const bool in_time = co_await step(start_.control, deadline);
  look();
  if (facts_.data_directory == postgres::DataDirectory::empty) {
    facts_.control.reset();
    facts_.control_error.clear();
    co_return;
  }
  if (!in_time || model_.control_unreadable || facts_.data_directory == postgres::DataDirectory::unreadable) {
    facts_.control.reset();
    facts_.control_error = "pg_controldata: could not read the control file";
    co_return;
  }
  take_control();
}

void SimServer::take_control() {
  facts_.control_error.clear();
  facts_.control = control();
  facts_.system_identifier = facts_.control->system_identifier;
}

Task<void> SimServer::monitor() {
  while (true) {
    co_await process_.sleep_for(kMonitor);
    const bool had = facts_.probe.has_value();
    const bool failing = facts_.failing_since.has_value();
    co_await refresh(0s, process_.now() + 2s);
    if (!had && facts_.probe) emit(ServerEvent::started_accepting);
    if (!failing && facts_.failing_since) emit(ServerEvent::role_changed);
  }
}

/// Looks every 20 ms at most, at once when something changed.
Task<bool> SimServer::until(std::function<bool()> condition, Instant deadline) {
  while (true) {
    look();
    if (condition()) co_return true;
    if (process_.now() >= deadline) co_return false;
    const auto ticket = process_.ticket();
    waiting_.insert(ticket);
    co_await process_.wait(ticket, deadline);
    waiting_.erase(ticket);
  }
}

postgres::RecoveryDifference SimServer::recovery_difference(const std::optional<postgres::Upstream>& upstream,
                                                            postgres::Role) const {
  if (facts_.process != postgres::Process::running || !model_.in_recovery())
    return postgres::RecoveryDifference::none;
  if (model_.disk().upstream == upstream) return postgres::RecoveryDifference::none;
  return model_.restarts_to_follow ? postgres::RecoveryDifference::restart
                                   : postgres::RecoveryDifference::reload;
}

}  // namespace tanist::sim
