#include <signal.h>

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/local_server.h"

TANIST_LOGGER("patroni.postgresql");

/// The end of a server, from a polite signal to SIGKILL for everything.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kLook = 10ms;
/// After this long, a shutdown is looked at less often.
constexpr Duration kEager = 2s;
constexpr Duration kLookLater = 50ms;
/// SIGKILL is repeated while a postmaster or its children last.
constexpr Duration kKillAgain = 50ms;
constexpr Duration kClientsBudget = 1s;
/// How long a stop waits for WAL senders that feed no standby, once no client is left.
constexpr Duration kSenderPatience = 5s;
constexpr Duration kSenderLook = 1s;
}  // namespace

void LocalServer::signal_stop(StopMode mode) {
  if (postmaster_) postmaster_->pidfd.signal(mode == StopMode::fast ? SIGINT : SIGQUIT);
  if (postmaster_ && !stop_requested_) {
    facts_.stopping = true;
    spawn("WAL senders that hold up the stop", end_other_senders(generation_));
    // Nobody is sent here any more from now on.
    changed(ServerEvent::probed);
  }
  stop_requested_ = true;
}

/// PostgreSQL writes its shutdown checkpoint only when every WAL sender has sent what there is: a logical
/// client that does not read would hold that up for wal_sender_timeout, or for ever, and the next primary
/// with it.
Task<void> LocalServer::end_other_senders(std::uint64_t generation) {
  co_await clock_.sleep_for(kSenderPatience);
  while (generation_ == generation && postmaster_) {
    const auto busy = co_await children_titled(is_client_title, generation);
    const auto senders = co_await children_titled(is_other_sender_title, generation);
    if (generation_ != generation) co_return;
    // One that is in the middle of writing to its client looks at the signal only at the second one.
    for (const auto& sender : busy.empty() ? senders : std::vector<process::Identity>()) {
      log::warning("ending WAL sender {}: it feeds no standby, and PostgreSQL waits for it to stop",
                   sender.pid);
      process::send_signal(sender, SIGTERM);
    }
    co_await clock_.sleep_for(kSenderLook);
  }
}

/// Also when that could not be told in time. Not on this thread: a title lies in the memory of its process.
/// Who is no client never becomes one, and the first client found is enough: there may be thousands.
Task<bool> LocalServer::has_clients(std::set<process::Identity>& others, Instant deadline) {
  struct Seen {
    bool clients = false;
    std::set<process::Identity> others;
  };
  auto looking = long_disk_.call<Seen>(
      "look for clients of PostgreSQL",
      [postmaster = postmaster_->identity.pid, known = others] {
        Seen now{false, known};
        for (const pid_t pid : process::children(postmaster)) {
          const auto same = known.lower_bound({pid, 0});
          if (same != known.end() && same->pid == pid) continue;
          const auto seen = process::stat(pid);
          if (!seen || seen->dead()) continue;
          now.clients = !is_auxiliary_title(process::title(pid));
          if (now.clients) break;
          now.others.insert({pid, seen->start_ticks});
        }
        return now;
      },
      std::min(deadline, clock_.now() + kClientsBudget));
  auto seen = co_await std::move(looking);
  if (!seen) co_return true;
  others = std::move(seen->others);
  co_return seen->clients;
}

Task<bool> LocalServer::wait_no_clients(Instant deadline) {
  std::set<process::Identity> others;
  for (;;) {
    changed_.clear();
    if (stopped()) co_return true;
    bool clients = !postmaster_;
    if (postmaster_) {
      clients = co_await has_clients(others, deadline);
    }
    if (!clients) co_return true;
    const bool in_time = co_await wait_change(kLook, deadline);
    if (!in_time) co_return false;
  }
}

Task<std::optional<ControlData>> LocalServer::wait_shutdown_checkpoint(Instant deadline) {
  const Instant begin = clock_.now();
  for (;;) {
    const bool last = stopped();
    std::vector<std::string> argv{tool("pg_controldata"), pg().data_dir};
    auto finished = co_await ask_tool(std::move(argv), tool_environment(), deadline);
    auto data = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
    if (data && data->cluster_state.starts_with("shut down")) {
      if (data->cluster_state != "shut down") co_return std::nullopt;
      data->seen_at = clock_.now();
      co_return data;
    }
    if (last || clock_.now() >= deadline) co_return std::nullopt;
    auto napping = clock_.sleep_until(
        std::min(clock_.now() + (clock_.now() - begin < kEager ? kLook : kLookLater), deadline));
    co_await std::move(napping);
  }
}

Task<Lsn> LocalServer::last_lsn(ControlData control, Instant deadline) {
  const auto dump = [&](Lsn lsn) {
    std::vector<std::string> argv{tool(wal_dump_program(target_version())),
                                  "-p",
                                  wal_path(),
                                  "-t",
                                  std::to_string(control.checkpoint_timeline.value),
                                  "-s",
                                  to_string(lsn),
                                  "-n",
                                  "1"};
    return ask_tool(std::move(argv), tool_environment(), deadline);
  };
  const Lsn checkpoint = control.latest_checkpoint;
  auto first = co_await dump(checkpoint);
  const auto record = first && first->success() ? parse_wal_record(first->out) : std::nullopt;
  if (!record || record->lsn != checkpoint || !record->is_shutdown_checkpoint()) co_return checkpoint;
  // A primary that archives switches WAL files before the shutdown checkpoint; a replica only needs what was
  // before.
  auto second = co_await dump(record->prev);
  const auto previous = second && second->success() ? parse_wal_record(second->out) : std::nullopt;
  co_return previous && previous->lsn == record->prev && previous->is_switch() ? record->prev : checkpoint;
}

Task<bool> LocalServer::wait_down(Instant deadline) {
  for (;;) {
    changed_.clear();
    if (stopped()) co_return true;
    const bool in_time = co_await wait_change(1s, deadline);
    if (!in_time) co_return stopped();
  }
}

void LocalServer::kill_now() {
  stop_requested_ = true;
  // Its children go with it, as without it nobody could tell them any more.
  if (postmaster_)
    postmaster_->children.merge(
        process::kill_server(postmaster_->identity, postmaster_->pidfd.descriptor(), logger_));
  for (const auto& orphan : orphans_) process::send_signal(orphan, SIGKILL);
  // Whoever else works in this data directory: backends without a parent, a single-user server.
  for (const auto& found : processes_of_data_directory(true)) process::send_signal(found, SIGKILL);
}

Task<void> LocalServer::kill_until_down(Instant deadline) {
  for (;;) {
    changed_.clear();
    kill_now();
    if (stopped() && processes_of_data_directory(true).empty()) co_return;
    const bool in_time = co_await wait_change(kKillAgain, deadline);
    if (!in_time) co_return;
  }
}

/// The killing is a task of its own: whoever asked may go away, it goes on.
Task<bool> LocalServer::kill_everything(Instant deadline) {
  auto killing = spawn("kill PostgreSQL", kill_until_down(deadline));
  co_await killing.join();
  co_return stopped() && processes_of_data_directory(true).empty();
}

}  // namespace tanist::postgres
