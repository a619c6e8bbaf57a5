#include <signal.h>

#include <charconv>

#include "async/wait.h"
#include "core/document.h"
#include "log/log.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/local_server.h"
#include "postgres/local/monitoring_query.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql");

/// The light that is always on: one query a second, one in flight.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kInterval = 1s;
/// While the server does not accept yet, and while somebody waits for that.
constexpr Duration kIntervalNotAccepting = 200ms;
constexpr Duration kIntervalHurried = 10ms;
/// The same where only the pid file is looked at.
constexpr Duration kIntervalByFile = 15ms;
constexpr Duration kPatienceWithRefusals = 25ms;
/// A standby without a receiver whose timeline could not be asked for.
constexpr Duration kIdentifyAgain = 10s;
/// Covers connect_timeout and statement_timeout of the session.
constexpr Duration kProbeBudget = 3s;
constexpr Duration kIdentifyBudget = 1s;
/// Whether new connections are answered; the kept one does not tell.
constexpr Duration kKnock = 30s;
constexpr Duration kKnockAgain = 1s;
constexpr Duration kKnockBudget = 3s;
/// What is asked of the control file of a running server.
constexpr Duration kControlOfRunning = 2s;
constexpr Duration kBackupBudget = 10s;
/// A replay that stays paused: somebody wants it so, or the primary's settings have grown meanwhile.
constexpr Duration kReplayLookAgain = 5s;
/// The reason why it does not answer is told so often.
constexpr Duration kTellAgain = 1min;
/// What a WAL receiver takes to connect, and more.
constexpr Duration kStreamsAfter = 100ms;
}  // namespace

Task<void> LocalServer::monitor() {
  for (;;) {
    const bool late = clock_.now() - facts_.process_since >= kHurry;
    const Duration interval = facts_.accepts() ? kInterval
                              : hurried_ == 0  ? kIntervalNotAccepting
                              : late           ? kIntervalByFile
                                               : kIntervalHurried;
    // Nothing to ask: whoever starts or finds a server says so.
    const Instant next =
        facts_.running() ? std::max(probe_begun_, directory_.looked_at()) + interval : clock_.now() + 24h;
    auto wanted = probe_wanted_.wait();
    co_await run_until(clock_, std::move(wanted), next);
    probe_wanted_.clear();
    if (!facts_.running()) {
      monitor_connection_.close();
      timeline_connection_.close();
      continue;
    }
    if (facts_.accepting != Accepting::accepting && programs_.target_version() >= kHasStatus) {
      const bool refuses = co_await is_known_to_refuse();
      if (refuses) continue;
    }
    probe_begun_ = clock_.now();
    postmaster_.note_children();
    co_await probe_once();
    const bool doubtful = knock_failed_ || postmaster_.rests();
    if (clock_.now() - knocked_at_ >= (doubtful ? kKnockAgain : kKnock) && !knocking_)
      context_.spawn("knock", knock());
    ++probes_finished_;
    context_.changed(ServerEvent::probed);
  }
}

/// Each refused connection is a line in PostgreSQL's log. A recovery that takes longer is watched through the
/// status in postmaster.pid, with a connection a second in case that is wrong.
Task<bool> LocalServer::is_known_to_refuse() {
  const Instant now = clock_.now();
  const bool late = now - facts_.process_since >= kHurry;
  if (facts_.accepting == Accepting::no_response && !late) co_return false;
  if (now - facts_.process_since < kPatienceWithRefusals || now - probe_begun_ >= kInterval) co_return false;
  co_await directory_.look(now + kInterval);
  const auto file =
      directory_.seen().postmaster_pid ? parse_pid_file(*directory_.seen().postmaster_pid) : std::nullopt;
  if (!late) co_return file && (file->status == "starting" || file->status == "stopping");
  // `standby` is one that lets nobody in.
  if (!file || file->status != "ready") co_return true;
  // Asked at once when it becomes ready; it also stays so while it recovers from the crash of a backend.
  if (asked_ready_ == context_.generation) co_return now - probe_begun_ < kIntervalNotAccepting;
  asked_ready_ = context_.generation;
  co_return false;
}

/// The kept connection has a backend of its own: a postmaster that hangs is noticed only by a new one.
Task<void> LocalServer::knock() {
  if (facts_.failing_since || !facts_.accepts()) co_return;
  struct Knocking {
    bool& now;
    explicit Knocking(bool& flag) : now(flag) { now = true; }
    ~Knocking() { now = false; }
  };
  const Knocking knocking(knocking_);
  const std::uint64_t generation = context_.generation;
  knocked_at_ = clock_.now();
  Connection connection(clock_, *context_.resolver);
  std::expected<void, QueryError> connected =
      co_await connection.connect(superuser_session(context_, "knock", "2000"), knocked_at_ + kKnockBudget);
  if (context_.generation != generation) co_return;
  const bool failed = !connected && connected.error().silent();
  if (failed && !knock_failed_) {
    facts_.silent_since = knocked_at_;
    log::warning("PostgreSQL does not answer new connections: {}", connected.error().detail);
    context_.changed(ServerEvent::stopped_answering);
  }
  if (!failed) facts_.silent_since.reset();
  if (!failed && knock_failed_) log::info("PostgreSQL answers new connections again");
  knock_failed_ = failed;
}

Task<void> LocalServer::probe_once() {
  const std::uint64_t generation = context_.generation;
  const Instant deadline = probe_begun_ + kProbeBudget;
  std::optional<QueryError> error;
  std::optional<Probe> probe;
  // A connection from before a restart is noticed to be dead only when it is used: once more on a new one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool reused = monitor_connection_.open();
    std::expected<Probe, QueryError> answer = co_await ask(deadline);
    if (context_.generation != generation) {
      monitor_connection_.close();
      co_return;
    }
    if (answer) {
      probe = std::move(*answer);
      error.reset();
    } else {
      error = std::move(answer.error());
    }
    if (probe || !reused || error->kind != QueryError::Kind::connection) break;
  }
  if (!probe) {
    take_probe_failure(*error);
    co_return;
  }
  if (settings_read_for_ != conf_load_time_) {
    co_await read_running_settings(deadline);
  }
  if (probe->in_recovery && !probe->effective_timeline) {
    co_await identify_timeline(*probe, clock_.now() + kIdentifyBudget);
  } else {
    timeline_connection_.close();
  }
  if (context_.generation == generation) take_probe(std::move(*probe));
}

Task<std::expected<Probe, QueryError>> LocalServer::ask(Instant deadline) {
  if (!monitor_connection_.open()) {
    std::expected<void, QueryError> connected =
        co_await monitor_connection_.connect(superuser_session(context_, "heartbeat", "2000"), deadline);
    if (!connected) {
      const auto& refusal = connected.error();
      const bool reached = refusal.needs_settings || !refusal.sqlstate.empty();
      facts_.accepting = refusal.rejecting() ? Accepting::rejecting
                         : reached           ? Accepting::accepting
                                             : Accepting::no_response;
      co_return std::unexpected(std::move(connected.error()));
    }
  }
  const Instant asked_at = clock_.now();
  const int version = monitor_connection_.server_version();
  auto querying = monitor_connection_.query(monitoring_query(version), {}, deadline);
  std::expected<Rows, QueryError> rows = co_await std::move(querying);
  if (!rows) co_return std::unexpected(std::move(rows.error()));
  auto answer = parse_monitoring_answer(*rows);
  if (!answer) {
    co_return std::unexpected(
        QueryError{QueryError::Kind::statement, {}, "the monitoring query gave no row"});
  }
  answer->probe.asked_at = asked_at;
  answer->probe.server_version = version;
  conf_load_time_ = answer->conf_load_time;
  co_return std::move(answer->probe);
}

void LocalServer::take_probe_failure(const QueryError& error) {
  facts_.failing_why = error.detail;
  const bool first = !facts_.failing_since;
  if (first) facts_.failing_since = probe_begun_;
  // One that starts may refuse, or not listen yet; one that stops does.
  const bool starts = !facts_.probe && !error.needs_settings && (error.rejecting() || error.sqlstate.empty());
  const bool expected = starts || postmaster_.stop_requested();
  if (!expected && (!failure_told_ || clock_.now() - *failure_told_ >= kTellAgain)) {
    failure_told_ = clock_.now();
    log::warning("PostgreSQL does not answer: {}{}", error.detail, connection_hint(error));
  }
  if (error.silent() && facts_.probe && !facts_.silent_since) facts_.silent_since = probe_begun_;
  if (!error.silent()) facts_.silent_since.reset();
  if (first && facts_.probe) context_.changed(ServerEvent::stopped_answering);
}

void LocalServer::take_probe(Probe probe) {
  const bool began = facts_.accepting != Accepting::accepting || !facts_.probe;
  const bool turned = facts_.probe && facts_.probe->in_recovery != probe.in_recovery;
  const int receiver = probe.receiver_pid;
  const bool streamed = facts_.probe && facts_.probe->receiver_state == "streaming";
  const bool streams = probe.in_recovery && probe.receiver_state == "streaming";
  facts_.accepting = Accepting::accepting;
  if (facts_.failing_since && facts_.probe)
    log::info("PostgreSQL answers again, after {:.1f} s", seconds(clock_.now() - *facts_.failing_since));
  facts_.failing_since.reset();
  facts_.failing_why.clear();
  failure_told_.reset();
  if (!knock_failed_) facts_.silent_since.reset();
  facts_.probe = std::move(probe);
  if (receiver != 0 && receiver != receiver_watched_) {
    receiver_watch_.cancel();
    receiver_watched_ = receiver;
    receiver_watch_ = context_.spawn("WAL receiver", watch_receiver(receiver));
  }
  const bool paused = facts_.probe->replay_paused && facts_.probe->server_version >= 140000;
  // A restored backup that stops at its recovery target waits for its operator.
  if (paused && !custom_bootstrapping_ && !context_.settings->dynamic.pause &&
      clock_.now() - replay_looked_at_ >= kReplayLookAgain) {
    replay_looked_at_ = clock_.now();
    context_.spawn("paused replay", resume_replay());
  }
  if (began) context_.spawn("copies of configuration files", back_up_files());
  if (began) context_.changed(ServerEvent::started_accepting);
  if (turned) context_.changed(ServerEvent::role_changed);
  if (streams && !streamed) context_.changed(ServerEvent::started_streaming);
}

Task<void> LocalServer::back_up_files() {
  if (custom_bootstrapping_) co_return;
  auto copying = context_.disk.run(
      "back up configuration files",
      [settings = context_.settings] { back_up_configuration(settings->postgresql); },
      clock_.now() + kBackupBudget);
  auto copied = co_await std::move(copying);
  if (!copied) log::warning("{}", copied.error());
}

Task<void> LocalServer::watch_receiver(int pid) {
  const auto receiver = process::PidFd::open(pid);
  if (receiver) {
    co_await receiver->wait(clock_);
  }
  if (receiver_watched_ != pid) co_return;
  receiver_watched_ = 0;
  // What was answered before says that it streams: that is over.
  if (facts_.probe && facts_.probe->receiver_pid == pid) {
    facts_.probe->receiver_pid = 0;
    facts_.probe->receiver_state.clear();
  }
  probe_wanted_.set();
  context_.changed(ServerEvent::receiver_ended);
}

void LocalServer::look_for_wal() {
  if (!postmaster_.running() || waking_ || postmaster_.stop_requested()) return;
  waking_ = true;
  context_.spawn("look for WAL", wake_startup_process(context_.generation));
}

/// SIGHUP sets the latch that the startup process waits on, whatever it waits for; then it reads its settings
/// again, and looks for WAL in all places: on 13 to 18 it streams 10 to 30 ms later. Sent to the postmaster
/// it would reach every process, and be a line in the log.
Task<void> LocalServer::wake_startup_process(std::uint64_t generation) {
  struct Waking {
    bool& now;
    explicit Waking(bool& flag) : now(flag) {}
    ~Waking() { now = false; }
  };
  const Waking waking(waking_);
  if (!startup_ || !postmaster_.has_child(*startup_) || !process::alive(*startup_)) {
    startup_.reset();
    const auto found = co_await postmaster_.children_titled(is_startup_title, generation);
    if (found.size() == 1) startup_ = found.front();
  }
  if (!startup_ || context_.generation != generation) co_return;
  process::send_signal(*startup_, SIGHUP);
  co_await clock_.sleep_for(kStreamsAfter);
  probe_wanted_.set();
}

Task<void> LocalServer::identify_timeline(Probe& probe, Instant deadline) {
  if (!timeline_connection_.open() && clock_.now() >= identify_again_) {
    auto connected = co_await timeline_connection_.connect(
        local_parameters(*context_.settings, context_.address, context_.pg().replication, true), deadline);
    if (!connected) {
      log::debug("the timeline of this standby is not known: {}", connected.error().detail);
      identify_again_ = clock_.now() + kIdentifyAgain;
    }
  }
  if (timeline_connection_.open()) {
    auto rows = co_await timeline_connection_.command("IDENTIFY_SYSTEM", deadline);
    if (rows && rows->size() == 1 && rows->front().size() > 1 && rows->front()[1]) {
      const std::string& text = *rows->front()[1];
      std::from_chars(text.data(), text.data() + text.size(), probe.effective_timeline.value);
    }
  }
  if (!probe.effective_timeline && facts_.probe && facts_.probe->in_recovery) {
    probe.effective_timeline = facts_.probe->effective_timeline;
  }
  if (!probe.effective_timeline && facts_.control) {
    probe.effective_timeline =
        std::max(facts_.control->checkpoint_timeline, facts_.control->min_recovery_timeline);
  }
}

/// Recovery settings as they run, and what waits for a restart: after each start and reload.
Task<void> LocalServer::read_running_settings(Instant deadline) {
  const std::string load_time = conf_load_time_;
  const int version = monitor_connection_.server_version();
  std::string names;
  if (version >= 120000) {
    for (const auto& name : compared_recovery_parameters(version)) names += (names.empty() ? "" : ",") + name;
  }
  auto asking = monitor_connection_.query(
      fmt::format(
          "SELECT name, setting, coalesce(unit, ''), coalesce(sourcefile, ''), {0}, vartype FROM pg_settings "
          "WHERE {0} OR name = ANY (string_to_array($1, ','))",
          version >= 90500 ? "pending_restart" : "false"),
      std::vector<std::string>{names}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::warning("could not read the running settings: {}", rows.error().detail);
    co_return;
  }
  if (version >= 120000) {
    Parameters running;
    Parameters ours;
    for (const auto& row : *rows) {
      const std::string& name = *row[0];
      if (!is_recovery_parameter(name)) continue;
      const std::string value = row[1].value_or("");
      const bool from_us = row[3] == main_file(context_.pg());
      if (from_us) ours[name] = value;
      if (from_us || !value.empty()) running[name] = value;
    }
    // Where a parameter may come from elsewhere, only ours counts (compare_recovery).
    for (const char* optional : {"archive_cleanup_command", "promote_trigger_file", "recovery_end_command",
                                 "recovery_min_apply_delay", "restore_command"}) {
      if (!ours.contains(optional)) running.erase(optional);
    }
    running_recovery_.parameters = std::move(running);
    running_recovery_.known = true;
    // An adopted standby, or one that was promoted since it started: its recovery settings are kept when its
    // files are written anew.
    if (!recovery_active_ && (facts_.standby_signal || !ours.empty()) && recovery_.parameters.empty()) {
      recovery_active_ = true;
      recovery_.parameters = std::move(ours);
      recovery_.pgpass = running_recovery_.pgpass;
    }
  }
  co_await read_pending_restart(*rows, deadline);
  settings_read_for_ = load_time;
}

Task<StartOutcome> LocalServer::wait_started(Instant deadline) {
  struct Hurry {
    int& count;
    explicit Hurry(int& c) : count(c) { ++count; }
    ~Hurry() { --count; }
  };
  std::optional<Hurry> hurry(std::in_place, hurried_);
  // Before version 10 nothing but a connection tells whether it has got there, and each one that is refused
  // is a line in its log: a start that takes long is a recovery, and is asked every 200 ms then.
  const bool told_by_file = programs_.target_version() >= kHasStatus;
  const Instant calm_from = clock_.now() + kHurry;
  probe_wanted_.set();
  for (;;) {
    context_.change.clear();
    if (!told_by_file && clock_.now() >= calm_from) hurry.reset();
    if (facts_.process != Process::running) co_return StartOutcome::died;
    if (facts_.accepting == Accepting::accepting) co_return StartOutcome::accepting;
    const bool in_time = co_await context_.wait_change(1s, deadline);
    if (!in_time) co_return StartOutcome::timed_out;
  }
}

Task<void> LocalServer::refresh(Duration max_age, Instant deadline) {
  const Instant asked = clock_.now();
  if (!directory_.in_pieces()) {
    co_await directory_.look(deadline);
  }
  const bool readable = facts_.data_directory == DataDirectory::ok && !directory_.in_pieces();
  // Of a running server only whose it is: without that nothing is decided on it.
  if (facts_.running() && readable && facts_.system_identifier.empty()) {
    co_await control_file_.read(std::min(deadline, clock_.now() + kControlOfRunning));
  }
  if (!facts_.running()) {
    if (context_.stopped() && readable && !facts_.control) {
      co_await control_file_.read(deadline);
    }
    co_return;
  }
  const std::uint64_t finished = probes_finished_;
  const auto fresh = [&] {
    if (facts_.probe && !facts_.failing_since && facts_.probe->asked_at >= asked - max_age) return true;
    return probes_finished_ > finished && probe_begun_ >= asked;
  };
  if (fresh()) co_return;
  probe_wanted_.set();
  for (;;) {
    context_.change.clear();
    if (!facts_.running() || fresh()) co_return;
    const bool in_time = co_await context_.wait_change(1s, deadline);
    if (!in_time) co_return;
  }
}

}  // namespace tanist::postgres
