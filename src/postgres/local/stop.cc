#include <signal.h>

#include <algorithm>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/postmaster.h"

TANIST_LOGGER("patroni.postgresql");

/// The end of a server, from a polite signal to SIGKILL for everything.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kLook = 10ms;
/// SIGKILL is repeated while a postmaster or its children last.
constexpr Duration kKillAgain = 50ms;
constexpr Duration kClientsBudget = 1s;
/// How long a stop waits for WAL senders that feed no standby, once no client is left.
constexpr Duration kSenderPatience = 5s;
constexpr Duration kSenderLook = 1s;
}  // namespace

void Postmaster::signal_stop(StopMode mode) {
  if (current_) current_->pidfd.signal(mode == StopMode::fast ? SIGINT : SIGQUIT);
  if (current_ && !stop_requested_) {
    context_.facts.stopping = true;
    context_.spawn("WAL senders that hold up the stop", end_other_senders(context_.generation));
    // Nobody is sent here any more from now on.
    context_.changed(ServerEvent::probed);
  }
  stop_requested_ = true;
}

/// PostgreSQL writes its shutdown checkpoint only when every WAL sender has sent what there is: a logical
/// client that does not read would hold that up for wal_sender_timeout, or for ever, and the next primary
/// with it.
Task<void> Postmaster::end_other_senders(std::uint64_t generation) {
  co_await context_.clock.sleep_for(kSenderPatience);
  // Without titles that tell, a sender that feeds a standby looks like any other: it must send all that there
  // is, and the others have until wal_sender_timeout.
  if (!titles_updated_) co_return;
  while (context_.generation == generation && current_) {
    const auto busy = co_await children_titled(is_client_title, generation);
    const auto senders = co_await children_titled(is_other_sender_title, generation);
    if (context_.generation != generation) co_return;
    // One that is in the middle of writing to its client looks at the signal only at the second one.
    for (const auto& sender : busy.empty() ? senders : std::vector<process::Identity>()) {
      log::warning("ending WAL sender {}: it feeds no standby, and PostgreSQL waits for it to stop",
                   sender.pid);
      process::send_signal(sender, SIGTERM);
    }
    co_await context_.clock.sleep_for(kSenderLook);
  }
}

/// Also when that could not be told in time. Not on this thread: a title lies in the memory of its process.
/// Who is no client never becomes one, and the first client found is enough: there may be thousands.
Task<bool> Postmaster::has_clients(std::set<process::Identity>& others, Instant deadline) {
  struct Seen {
    bool clients = false;
    std::set<process::Identity> others;
  };
  auto looking = context_.long_disk.call<Seen>(
      "look for clients of PostgreSQL",
      [postmaster = current_->identity.pid, known = others] {
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
      std::min(deadline, context_.clock.now() + kClientsBudget));
  auto seen = co_await std::move(looking);
  if (!seen) co_return true;
  others = std::move(seen->others);
  co_return seen->clients;
}

Task<bool> Postmaster::wait_no_clients(Instant deadline) {
  std::set<process::Identity> others;
  for (;;) {
    context_.change.clear();
    if (context_.stopped()) co_return true;
    bool clients = !current_;
    if (current_) {
      clients = co_await has_clients(others, deadline);
    }
    if (!clients) co_return true;
    const bool in_time = co_await context_.wait_change(kLook, deadline);
    if (!in_time) co_return false;
  }
}

Task<bool> Postmaster::wait_down(Instant deadline) {
  for (;;) {
    context_.change.clear();
    if (context_.stopped()) co_return true;
    const bool in_time = co_await context_.wait_change(1s, deadline);
    if (!in_time) co_return context_.stopped();
  }
}

void Postmaster::kill_now() {
  stop_requested_ = true;
  process::Doomed doomed;
  doomed.place = directory_.place();
  doomed.programs = program_names();
  if (current_) doomed.postmaster = current_->identity;
  if (current_) doomed.pidfd = current_->pidfd.descriptor();
  doomed.others = orphans_;
  doomed.spared = logger_;
  process::kill_round(doomed);
  // Its children go with it, as without it nobody could tell them any more.
  if (current_) current_->children.merge(doomed.others);
}

Task<void> Postmaster::kill_until_down(Instant deadline) {
  for (;;) {
    context_.change.clear();
    kill_now();
    if (context_.stopped() && processes_of_data_directory(true).empty()) co_return;
    const bool in_time = co_await context_.wait_change(kKillAgain, deadline);
    if (!in_time) co_return;
  }
}

/// The killing is a task of its own: whoever asked may go away, it goes on.
Task<bool> Postmaster::kill_everything(Instant deadline) {
  auto killing = context_.spawn("kill PostgreSQL", kill_until_down(deadline));
  co_await killing.join();
  co_return context_.stopped() && processes_of_data_directory(true).empty();
}

}  // namespace tanist::postgres
