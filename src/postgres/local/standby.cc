#include "postgres/local/standby.h"

#include <signal.h>

#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/context.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/local/work_connection.h"
#include "postgres/parameters/changes.h"
#include "postgres/parameters/values.h"

TANIST_LOGGER("patroni.postgresql.config");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kResumeBudget = 10s;
/// A replay that stays paused: somebody wants it so, or the primary's settings have grown meanwhile.
constexpr Duration kReplayLookAgain = 5s;
/// What a WAL receiver takes to connect, and more.
constexpr Duration kStreamsAfter = 100ms;
}  // namespace

Standby::Standby(Context& context, Programs& programs, Postmaster& postmaster, WorkConnection& work)
    : context_(context), programs_(programs), postmaster_(postmaster), work_(work) {}

void Standby::take(const Probe& probe, bool may_resume) {
  const int receiver = probe.receiver_pid;
  if (receiver != 0 && receiver != receiver_watched_) {
    receiver_watch_.cancel();
    receiver_watched_ = receiver;
    receiver_watch_ = context_.spawn("WAL receiver", watch_receiver(receiver));
  }
  const bool paused = probe.replay_paused && probe.server_version >= 140000;
  if (paused && may_resume && context_.clock.now() - replay_looked_at_ >= kReplayLookAgain) {
    replay_looked_at_ = context_.clock.now();
    context_.spawn("paused replay", resume_replay());
  }
}

Task<void> Standby::watch_receiver(int pid) {
  const auto receiver = process::PidFd::open(pid);
  if (receiver) {
    co_await receiver->wait(context_.clock);
  }
  if (receiver_watched_ != pid) co_return;
  receiver_watched_ = 0;
  // What was answered before says that it streams: that is over.
  if (context_.facts.probe && context_.facts.probe->receiver_pid == pid) {
    context_.facts.probe->receiver_pid = 0;
    context_.facts.probe->receiver_state.clear();
  }
  context_.probe_wanted.set();
  context_.changed(ServerEvent::receiver_ended);
}

void Standby::look_for_wal() {
  if (!postmaster_.running() || waking_ || postmaster_.stop_requested()) return;
  waking_ = true;
  context_.spawn("look for WAL", wake_startup_process(context_.generation));
}

/// SIGHUP sets the latch that the startup process waits on, whatever it waits for; then it reads its settings
/// again, and looks for WAL in all places: on 13 to 18 it streams 10 to 30 ms later. Sent to the postmaster
/// it would reach every process, and be a line in the log.
Task<void> Standby::wake_startup_process(std::uint64_t generation) {
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
  co_await context_.clock.sleep_for(kStreamsAfter);
  context_.probe_wanted.set();
}

/// From 14 on a standby pauses when the primary has grown beyond it; resumed it stops, and is started with
/// what it needs. A pause that an administrator wanted has no such reason, and stays.
Task<void> Standby::resume_replay() {
  const Instant deadline = context_.clock.now() + kResumeBudget;
  auto running = programs_.ask({programs_.path("pg_controldata"), context_.pg().data_dir}, deadline);
  auto finished = co_await std::move(running);
  const auto control = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
  if (!control) co_return;
  std::string names;
  for (const auto& [name, least] : control->required_settings) names += (names.empty() ? "" : ",") + name;
  auto asking = work_.query(running_parameters_query(), {std::move(names)}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) co_return;
  std::string short_of;
  for (const auto& row : *rows) {
    const auto setting = row.size() > 1 ? parse_integer(row[1].value_or(""), {}) : std::nullopt;
    const auto least = control->required_settings.find(row[0].value_or(""));
    if (!setting || least == control->required_settings.end() || *setting >= least->second) continue;
    short_of += fmt::format("{}{} = {}, {} is needed", short_of.empty() ? "" : "; ", least->first, *setting,
                            least->second);
  }
  if (short_of.empty()) co_return;
  log::warning(
      "WAL replay is paused because the primary has larger settings than this standby ({}): resuming it, "
      "PostgreSQL stops and is started with them",
      short_of);
  auto resuming = work_.query("SELECT pg_wal_replay_resume()", {}, deadline);
  auto resumed = co_await std::move(resuming);
  if (!resumed) log::warning("could not resume WAL replay: {}", resumed.error().detail);
}

}  // namespace tanist::postgres
