#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "process/proc.h"

/// The processes of one data directory, whoever started them, and their end. Nothing here waits or needs an
/// event loop: also for a program that watches over the daemon.
namespace tanist::process {

/// A directory: its name in the mount namespace of this process, and what the kernel knows it as in all.
struct WorkPlace {
  /// Without symbolic links; empty: not known yet.
  std::string path;
  /// 0: not known.
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};
/// Blocks on the file system of the directory. Without a path where there is none.
WorkPlace work_place(const std::string& path);

/// The process has the mounts of this one: what it calls a path is what it is here.
bool has_our_mounts(pid_t pid);

/// Its working directory is that place; nullopt: that cannot be seen. Of a process with our mounts the name
/// tells, without asking the file system, which may hang. Elsewhere another directory may have the same name
/// (`/var/lib/postgresql/15/main` of host and container), and this one another: there device and inode tell.
std::optional<bool> works_in(pid_t pid, const WorkPlace& place);

/// `path` is the same file for that process as here. Blocks on the file system, unless it has our mounts.
bool sees_the_same(pid_t pid, const std::string& path);

/// Those that live and work there and whose program has one of these base names.
std::set<Identity> processes_of(const WorkPlace& place, const std::set<std::string>& programs);

/// Whom the end of a server takes with it.
struct Doomed {
  WorkPlace place;
  /// Base names of the programs that may work there.
  std::set<std::string> programs;
  /// With a descriptor that names it.
  std::optional<Identity> postmaster;
  int pidfd = -1;
  /// Known to belong to it; those that a round finds below the postmaster are added.
  std::set<Identity> others;
  /// Left alone (the logging collector, which holds nothing of the cluster).
  std::optional<Identity> spared;
};
/// One round of the end: kill_server(), then SIGKILL for the others, and for whoever else works in the place:
/// backends without a parent, a single-user server. Returns those that lived when it came to them; the end is
/// there when a round finds nobody.
std::set<Identity> kill_round(Doomed& doomed);
/// Rounds until one finds nobody: true. Between two of them `pause` waits a moment in the way of the caller;
/// its false ends the rounds.
bool kill_until_gone(Doomed& doomed, const std::function<bool()>& pause);

/// SIGKILL for a postmaster and its children, in an order in which it forks nobody meanwhile: it is stopped,
/// the children go, then it goes. `pidfd` names it. `spared` is left alone: no look at a process holds up the
/// end of the others, so only what is known before spares one. Returns the children that lived.
std::set<Identity> kill_server(const Identity& postmaster, int pidfd, const std::optional<Identity>& spared);

}  // namespace tanist::process
