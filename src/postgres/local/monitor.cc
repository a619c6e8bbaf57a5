#include "postgres/local/monitor.h"

#include <algorithm>
#include <charconv>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/history_files.h"
#include "postgres/local/monitoring_query.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/local/standby.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kInterval = 1s;
/// How long a reload may take to show in a session, looked for so often.
constexpr Duration kReloadLook = 20ms;
/// A start that takes longer is a recovery: it is not asked by a connection each time.
constexpr Duration kHurry = 5s;
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
/// A history file is small; one that is missing, or that hangs, does not hold up each answer.
constexpr Duration kHistoryBudget = 1s;
constexpr Duration kHistoryAgain = 10s;
/// Whether new connections are answered; the kept one does not tell.
constexpr Duration kKnock = 30s;
constexpr Duration kKnockAgain = 1s;
constexpr Duration kKnockBudget = 3s;
/// What is asked of the control file of a running server.
constexpr Duration kControlOfRunning = 2s;
constexpr Duration kBackupBudget = 10s;
/// The reason why it does not answer is told so often.
constexpr Duration kTellAgain = 1min;
constexpr const char* kTitles = "update_process_title";
/// From here on a query tells what is in the control file.
constexpr int kTellsControlFile = 90600;

Timeline timeline_of(const std::string& text) {
  Timeline timeline;
  std::from_chars(text.data(), text.data() + text.size(), timeline.value);
  return timeline;
}

/// What asks only whether the server answers. Its first word does: without a password the attempt ends when
/// one is asked for (PostgreSQL logs nothing then), and the thousands of hashes of SCRAM are spared.
ConnectionParameters knock_session(const Context& context) {
  ConnectionParameters parameters = superuser_session(context, "knock", "2000");
  if (parameters.erase("password") > 0) parameters["passfile"] = "/dev/null/none";
  return parameters;
}

}  // namespace

Monitor::Monitor(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
                 Postmaster& postmaster, Configuration& configuration, Standby& standby)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      postmaster_(postmaster),
      configuration_(configuration),
      standby_(standby),
      facts_(context.facts),
      clock_(context.clock),
      connection_(clock_, *context.resolver),
      timeline_connection_(clock_, *context.resolver) {}

void Monitor::close() {
  connection_.close();
  timeline_connection_.close();
}

void Monitor::take_end() {
  slot_watch_.take_end();
  failure_told_.reset();
  history_again_ = {};
  knock_failed_ = false;
}

void Monitor::take_arrival() {
  take_end();
  settings_read_for_.clear();
  context_.probe_wanted.set();
}

Task<void> Monitor::run() {
  for (;;) {
    const bool late = clock_.now() - facts_.process_since >= kHurry;
    const Duration interval = facts_.accepts() ? kInterval
                              : hurried_ == 0  ? kIntervalNotAccepting
                              : late           ? kIntervalByFile
                                               : kIntervalHurried;
    // Nothing to ask: whoever starts or finds a server says so.
    const Instant next =
        facts_.running() ? std::max(begun_, directory_.looked_at()) + interval : clock_.now() + 24h;
    co_await wait_until(clock_, context_.probe_wanted, next);
    context_.probe_wanted.clear();
    if (!facts_.running()) {
      connection_.close();
      timeline_connection_.close();
      continue;
    }
    if (facts_.accepting != Accepting::accepting && programs_.target_version() >= kHasStatus) {
      const bool refuses = co_await is_known_to_refuse();
      if (refuses) continue;
    }
    begun_ = clock_.now();
    postmaster_.note_children();
    co_await probe_once();
    const bool doubtful = knock_failed_ || postmaster_.rests();
    if (clock_.now() - knocked_at_ >= (doubtful ? kKnockAgain : kKnock) && !knocking_)
      context_.spawn("knock", knock());
    ++finished_;
    context_.changed(ServerEvent::probed);
  }
}

/// Each refused connection is a line in PostgreSQL's log. A recovery that takes longer is watched through the
/// status in postmaster.pid, with a connection a second in case that is wrong.
Task<bool> Monitor::is_known_to_refuse() {
  const Instant now = clock_.now();
  const bool late = now - facts_.process_since >= kHurry;
  if (facts_.accepting == Accepting::no_response && !late) co_return false;
  if (now - facts_.process_since < kPatienceWithRefusals || now - begun_ >= kInterval) co_return false;
  co_await directory_.look(now + kInterval);
  const auto file =
      directory_.seen().postmaster_pid ? parse_pid_file(*directory_.seen().postmaster_pid) : std::nullopt;
  if (!late) co_return file && (file->status == "starting" || file->status == "stopping");
  // `standby` is one that lets nobody in.
  if (!file || file->status != "ready") co_return true;
  // Asked at once when it becomes ready; it also stays so while it recovers from the crash of a backend.
  if (asked_ready_ == context_.generation) co_return now - begun_ < kIntervalNotAccepting;
  asked_ready_ = context_.generation;
  co_return false;
}

/// The kept connection has a backend of its own: a postmaster that hangs is noticed only by a new one.
Task<void> Monitor::knock() {
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
      co_await connection.connect(knock_session(context_), knocked_at_ + kKnockBudget);
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

Task<void> Monitor::probe_once() {
  const std::uint64_t generation = context_.generation;
  const Instant deadline = begun_ + kProbeBudget;
  std::optional<QueryError> error;
  std::optional<Probe> probe;
  // A connection from before a restart is noticed to be dead only when it is used: once more on a new one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool reused = connection_.open();
    std::expected<Probe, QueryError> answer = co_await ask(deadline);
    if (context_.generation != generation) {
      connection_.close();
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
    take_failure(*error);
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
  // Before the answer is told: what is decided on it asks whose timeline this is.
  if (context_.generation == generation) {
    co_await learn_history(probe->effective_timeline);
  }
  if (context_.generation == generation) take_probe(std::move(*probe));
}

Task<std::expected<Probe, QueryError>> Monitor::ask(Instant deadline) {
  if (!connection_.open()) {
    std::expected<void, QueryError> connected =
        co_await connection_.connect(superuser_session(context_, "heartbeat", "2000"), deadline);
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
  const int version = connection_.server_version();
  auto querying = connection_.query(monitoring_query(version), {}, deadline);
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

void Monitor::take_failure(const QueryError& error) {
  facts_.failing_why = error.detail;
  const bool first = !facts_.failing_since;
  if (first) facts_.failing_since = begun_;
  // One that starts may refuse, or not listen yet; one that stops does.
  const bool starts = !facts_.probe && !error.needs_settings && (error.rejecting() || error.sqlstate.empty());
  const bool expected = starts || postmaster_.stop_requested();
  if (!expected && (!failure_told_ || clock_.now() - *failure_told_ >= kTellAgain)) {
    failure_told_ = clock_.now();
    log::warning("PostgreSQL does not answer: {}{}", error.detail, connection_hint(error));
  }
  if (error.silent() && facts_.probe && !facts_.silent_since) facts_.silent_since = begun_;
  if (!error.silent()) facts_.silent_since.reset();
  if (first && facts_.probe) context_.changed(ServerEvent::stopped_answering);
}

void Monitor::take_probe(Probe probe) {
  const bool began = facts_.accepting != Accepting::accepting || !facts_.probe;
  const bool turned = facts_.probe && facts_.probe->in_recovery != probe.in_recovery;
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
  if (on_answer_) on_answer_();
  // A restored backup that stops at its recovery target waits for its operator.
  const bool may_resume = !configuration_.custom_bootstrapping() && !context_.settings->dynamic.pause;
  standby_.take(*facts_.probe, may_resume);
  wal_senders_.take(*facts_.probe);
  slot_watch_.take(*facts_.probe);
  // Not those by which clients are kept out for a moment.
  if (began && !facts_.clients_held) copy_files();
  if (began) context_.changed(ServerEvent::started_accepting);
  if (turned) context_.changed(ServerEvent::role_changed);
  if (streams && !streamed) context_.changed(ServerEvent::started_streaming);
}

void Monitor::copy_files() {
  context_.spawn("copies of configuration files", back_up_files());
}

Task<void> Monitor::back_up_files() {
  if (configuration_.custom_bootstrapping()) co_return;
  auto copying = context_.disk.run(
      "back up configuration files",
      [settings = context_.settings] { back_up_configuration(settings->postgresql); },
      clock_.now() + kBackupBudget);
  auto copied = co_await std::move(copying);
  if (!copied) log::warning("{}", copied.error());
}

Task<void> Monitor::identify_timeline(Probe& probe, Instant deadline) {
  if (!timeline_connection_.open() && clock_.now() >= identify_again_) {
    auto connected = co_await timeline_connection_.connect(
        local_parameters(*context_.settings, context_.address, context_.pg().accounts.replication, true),
        deadline);
    if (!connected) {
      log::debug("the timeline of this standby is not known: {}", connected.error().detail);
      identify_again_ = clock_.now() + kIdentifyAgain;
    }
  }
  if (timeline_connection_.open()) {
    auto rows = co_await timeline_connection_.command("IDENTIFY_SYSTEM", deadline);
    if (rows && rows->size() == 1 && rows->front().size() > 1 && rows->front()[1]) {
      probe.effective_timeline = timeline_of(*rows->front()[1]);
    }
  }
  // Where nobody is let in for replication: what an earlier answer says does not see that the replay has come
  // to another timeline. The control file does, a little later.
  if (!probe.effective_timeline && connection_.server_version() >= kTellsControlFile) {
    auto asking = connection_.query(
        "SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)"
        " FROM pg_control_checkpoint() c, pg_control_recovery() r",
        {}, deadline);
    auto rows = co_await std::move(asking);
    if (rows && rows->size() == 1 && rows->front()[0])
      probe.effective_timeline = timeline_of(*rows->front()[0]);
  }
  if (facts_.probe && facts_.probe->in_recovery) {
    probe.effective_timeline = std::max(probe.effective_timeline, facts_.probe->effective_timeline);
  }
  if (!probe.effective_timeline && facts_.control) {
    probe.effective_timeline =
        std::max(facts_.control->checkpoint_timeline, facts_.control->min_recovery_timeline);
  }
}

Task<void> Monitor::learn_history(Timeline timeline) {
  const bool known = facts_.history && facts_.history->timeline == timeline;
  const bool missed = history_missing_ == timeline && clock_.now() < history_again_;
  if (!timeline || known || missed) co_return;
  const std::uint64_t generation = context_.generation;
  const Instant deadline = clock_.now() + kHistoryBudget;
  auto lines = co_await local_history(context_.disk, programs_.wal_path(), timeline, deadline);
  if (context_.generation != generation) co_return;
  facts_.history.reset();
  if (lines && (timeline.value == 1 || !lines->empty())) {
    facts_.history = TimelineHistory{timeline, std::move(*lines)};
  } else {
    history_missing_ = timeline;
    history_again_ = clock_.now() + kHistoryAgain;
  }
}

Task<void> Monitor::read_running_settings(Instant deadline) {
  const std::string load_time = conf_load_time_;
  const int version = connection_.server_version();
  std::vector<std::string> names{Configuration::names_to_read(version) + "," + kTitles};
  auto rows = co_await connection_.query(
      fmt::format(
          "SELECT name, setting, coalesce(unit, ''), coalesce(sourcefile, ''), {0}, vartype FROM pg_settings "
          "WHERE {0} OR name = ANY (string_to_array($1, ','))",
          version >= 90500 ? "pending_restart" : "false"),
      std::move(names), deadline);
  if (!rows) {
    log::warning("could not read the running settings: {}", rows.error().detail);
    co_return;
  }
  for (const auto& row : *rows)
    if (row[0] == kTitles) postmaster_.note_titles(row[1] == "on");
  co_await configuration_.take_running(std::move(*rows), version, deadline);
  settings_read_for_ = load_time;
}

Task<void> Monitor::wait_reloaded(std::string before, Instant deadline) {
  while (facts_.running() && facts_.accepting == Accepting::accepting && settings_read_for_ == before) {
    co_await clock_.sleep_for(kReloadLook);
    co_await refresh(Duration::zero(), deadline);
    if (clock_.now() >= deadline) co_return;
  }
}

Task<StartOutcome> Monitor::wait_started(Instant deadline) {
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
  context_.probe_wanted.set();
  for (;;) {
    context_.change.clear();
    if (!told_by_file && clock_.now() >= calm_from) hurry.reset();
    if (facts_.process != Process::running) co_return StartOutcome::died;
    if (facts_.accepting == Accepting::accepting) co_return StartOutcome::accepting;
    const bool in_time = co_await context_.wait_change(1s, deadline);
    if (!in_time) co_return StartOutcome::timed_out;
  }
}

Task<void> Monitor::refresh(Duration max_age, Instant deadline) {
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
  const std::uint64_t finished = finished_;
  const auto fresh = [&] {
    if (facts_.probe && !facts_.failing_since && facts_.probe->asked_at >= asked - max_age) return true;
    return finished_ > finished && begun_ >= asked;
  };
  if (fresh()) co_return;
  context_.probe_wanted.set();
  for (;;) {
    context_.change.clear();
    if (!facts_.running() || fresh()) co_return;
    const bool in_time = co_await context_.wait_change(1s, deadline);
    if (!in_time) co_return;
  }
}

}  // namespace tanist::postgres
