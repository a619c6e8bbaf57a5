#include "guard/kill.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>

#include "guard/titles.h"

namespace tanist::guard {
namespace {

/// A stop that hangs has few children left; more of them are not worth a look.
constexpr std::size_t kMostChildren = 64;

struct Found {
  pid_t pid = 0;
  Seen seen;
  /// Names it for good.
  Descriptor pidfd;
};

bool ended(int pidfd) {
  pollfd end{pidfd, POLLIN, 0};
  return ::poll(&end, 1, 0) > 0;
}

std::optional<Found> named(pid_t pid) {
  Found server;
  server.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto seen = look_at(pid);
  if (!server.pidfd || !seen || seen->dead()) return std::nullopt;
  server.pid = pid;
  server.seen = *seen;
  return server;
}

bool is_of(const Target& target, pid_t pid) {
  return runs_server(pid, target.program.view()) && target.place.holds(pid);
}

/// The one that was named, while it lives; else one that works in the data directory and was started by none
/// that does.
std::optional<Found> postmaster_of(const Target& target) {
  if (target.pidfd && !ended(target.pidfd.get())) {
    if (const pid_t pid = pid_of(target.pidfd.get()); pid > 0)
      if (auto server = named(pid)) return server;
  }
  AllProcesses all;
  while (const auto pid = all.next()) {
    if (!is_of(target, *pid)) continue;
    auto server = named(*pid);
    if (server && !is_of(target, server->seen.parent)) return server;
  }
  return std::nullopt;
}

void signal_to(const Found& server, int number) {
  ::syscall(SYS_pidfd_send_signal, server.pidfd.get(), number, nullptr, 0);
}

/// All are stopped before the first is killed, and who is at work before who waits for a client. A stop takes
/// next to no time; the end of a process with much memory takes enough that hundreds of them keep the
/// processor from the one who kills, where he has no priority, while others go on committing.
void stop_children(const Found& server) {
  Children busy(server.pid);
  while (const auto child = busy.next()) {
    const auto seen = look_at(*child);
    if (seen && (seen->state == 'R' || seen->state == 'D')) ::kill(*child, SIGSTOP);
  }
  Children all(server.pid);
  while (const auto child = all.next()) ::kill(*child, SIGSTOP);
}

unsigned kill_children(const Found& server) {
  constexpr int kPasses = 3;
  unsigned met = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto parent = look_at(server.pid);
    // What ends below a parent that is stopped stays a zombie: its number names nobody else, and with
    // thousands of backends it counts that one call is enough for each.
    const bool held = parent && parent->start_ticks == server.seen.start_ticks && parent->held();
    const bool numbers_are_safe = held && pass == 0;
    if (numbers_are_safe) stop_children(server);
    Children children(server.pid);
    while (const auto child = children.next()) {
      if (numbers_are_safe) {
        ::kill(*child, SIGKILL);
        ++met;
        continue;
      }
      const auto seen = look_at(*child);
      if (!seen || seen->dead() || seen->parent != server.pid) continue;
      ++met;
      kill_exactly(*child, *seen);
    }
  }
  return met;
}

std::optional<std::string_view> after_mark(std::string_view title) {
  constexpr std::string_view kMark = "postgres: ";
  if (!title.starts_with(kMark)) return std::nullopt;
  return title.substr(kMark.size());
}

/// What the archiver says it is at: a file of WAL, or of its history.
bool names_wal(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return text.size() >= 16 && text.find_first_not_of(kDigits) >= 8;
}

TitleKind kind_of_rest(std::string_view rest) {
  if (rest == "logger" || rest == "stats collector") return TitleKind::harmless;
  if (rest == "archiver") return TitleKind::waits;
  for (const std::string_view at : {"archiver archiving ", "archiver last was ", "archiver failed on "})
    if (rest.starts_with(at) && names_wal(rest.substr(at.size()))) return TitleKind::waits;
  if (rest.starts_with("walsender ")) return TitleKind::waits;
  return TitleKind::other;
}

}  // namespace

TitleKind kind_of_title(std::string_view title) {
  auto rest = after_mark(title);
  if (!rest) return TitleKind::other;
  // `cluster_name` comes before the kind, and may hold colons itself.
  for (;;) {
    const auto kind = kind_of_rest(*rest);
    const auto colon = rest->find(": ");
    if (kind != TitleKind::other || colon == std::string_view::npos) return kind;
    rest = rest->substr(colon + 2);
  }
}

Left look(Target& target) {
  const auto server = postmaster_of(target);
  std::array<pid_t, kMostChildren> children{};
  std::size_t count = 0;
  if (server) {
    Children each(server->pid);
    while (const auto child = each.next()) {
      if (count == children.size()) return Left::may_commit;
      children[count++] = *child;
    }
  }
  const std::span<const pid_t> known(children.data(), count);
  AllProcesses all;
  while (const auto pid = all.next()) {
    if (server && (*pid == server->pid || std::ranges::count(known, *pid) > 0)) continue;
    const auto seen = look_at(*pid);
    if (!seen || seen->dead() || !is_of(target, *pid)) continue;
    // What a child of the postmaster has started, such as a command of the archiver that is not executed yet,
    // commits nothing by itself.
    if (server && std::ranges::count(known, seen->parent) > 0) continue;
    return Left::may_commit;
  }
  if (!server) return Left::nothing;
  const bool ending = target.settled == server->pid && target.settled_ticks == server->seen.start_ticks;
  if (!only_waits(server->pid, known, ending)) return Left::may_commit;
  target.settled = server->pid;
  target.settled_ticks = server->seen.start_ticks;
  return Left::cannot_commit;
}

Round kill_round(const Target& target) {
  Round round;
  if (const auto server = postmaster_of(target)) {
    ++round.met;
    signal_to(*server, SIGSTOP);
    round.by_cgroup = kill_cgroup(server->pid);
    round.met += kill_children(*server);
    signal_to(*server, SIGKILL);
  }
  AllProcesses all;
  while (const auto pid = all.next()) {
    if (!is_of(target, *pid)) continue;
    const auto seen = look_at(*pid);
    if (!seen || seen->dead()) continue;
    ++round.met;
    kill_exactly(*pid, *seen);
  }
  return round;
}

}  // namespace tanist::guard
