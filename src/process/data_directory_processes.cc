#include "process/data_directory_processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "core/format.h"

namespace tanist::process {
namespace {

struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

/// What the kernel has in memory does: a server of files that does not answer is not asked, where it can be
/// avoided.
std::optional<FileId> id_of(const std::string& path) {
  struct statx seen{};
  if (::statx(AT_FDCWD, path.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &seen) != 0) return std::nullopt;
  return FileId{makedev(seen.stx_dev_major, seen.stx_dev_minor), seen.stx_ino};
}

std::optional<std::string> mounts_of(const std::string& process) {
  const std::string path = "/proc/" + process + "/ns/mnt";
  char buffer[64];
  const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
  if (n <= 0) return std::nullopt;
  return std::string(buffer, static_cast<std::size_t>(n));
}

std::string base_name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

/// Without a descriptor nothing of /proc can be read, and nobody found who is to be ended.
void make_room_for_descriptors() {
  constexpr rlim_t kRoom = 64;
  rlimit limit{};
  const int probe = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (probe >= 0) {
    ::close(probe);
    return;
  }
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  limit.rlim_cur += kRoom;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

WorkPlace work_place(const std::string& path) {
  WorkPlace place;
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return place;
  place.path = resolved;
  if (const auto id = id_of(place.path)) {
    place.device = id->device;
    place.inode = id->inode;
  }
  return place;
}

bool has_our_mounts(pid_t pid) {
  static const auto ours = mounts_of("self");
  const auto its = mounts_of(std::to_string(pid));
  // Where there are no namespaces, or they cannot be seen, names are all there is.
  return !ours || !its || *ours == *its;
}

std::optional<bool> works_in(pid_t pid, const WorkPlace& place) {
  if (place.path.empty()) return false;
  if (has_our_mounts(pid)) {
    const auto name = working_directory(pid);
    if (!name) return std::nullopt;
    return *name == place.path;
  }
  if (place.inode == 0) return false;
  const auto id = id_of(fmt::format("/proc/{}/cwd", pid));
  if (!id) return std::nullopt;
  return *id == FileId{place.device, place.inode};
}

bool sees_the_same(pid_t pid, const std::string& path) {
  if (has_our_mounts(pid)) return true;
  const auto here = id_of(path);
  return here && here == id_of(fmt::format("/proc/{}/root/{}", pid, path));
}

std::set<Identity> processes_of(const WorkPlace& place, const std::set<std::string>& programs) {
  std::set<Identity> found;
  if (place.path.empty()) return found;
  for (const pid_t pid : all()) {
    // The cheap question first: it is asked of every process of the host.
    const auto program = executable(pid);
    if (!program || !programs.contains(base_name(*program)) || !works_in(pid, place).value_or(false))
      continue;
    const auto seen = stat(pid);
    if (seen && !seen->dead()) found.insert({pid, seen->start_ticks});
  }
  return found;
}

std::set<Identity> kill_server(const Identity& postmaster, int pidfd, const std::optional<Identity>& spared) {
  constexpr int kPasses = 3;
  const auto signal = [pidfd](int number) { ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0); };
  make_room_for_descriptors();
  std::set<Identity> found;
  signal(SIGSTOP);
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto parent = stat(postmaster.pid);
    const auto now = children(postmaster.pid);
    // What ends below a parent that is stopped stays a zombie: its number names nobody else, and with
    // thousands of backends it counts that one call is enough for each.
    const bool held = parent && parent->start_ticks == postmaster.start_ticks &&
                      (parent->state == 'T' || parent->state == 't');
    if (held && pass == 0) {
      for (const pid_t child : now)
        if (!spared || spared->pid != child) ::kill(child, SIGKILL);
    }
    for (const pid_t child : now) {
      const auto seen = stat(child);
      if (!seen || seen->dead() || seen->parent != postmaster.pid) continue;
      const Identity identity{child, seen->start_ticks};
      found.insert(identity);
      if (identity != spared) send_signal(identity, SIGKILL);
    }
  }
  signal(SIGKILL);
  return found;
}

std::set<Identity> kill_round(Doomed& doomed) {
  std::set<Identity> met;
  const auto kill = [&](const Identity& one) {
    if (one == doomed.spared) return;
    if (alive(one)) met.insert(one);
    send_signal(one, SIGKILL);
  };
  // Those below it get their signal with it: once is enough, there may be thousands.
  const std::set<Identity> known = doomed.others;
  // Once it is gone its number may be that of another one.
  if (doomed.postmaster && alive(*doomed.postmaster)) {
    met.insert(*doomed.postmaster);
    auto children = kill_server(*doomed.postmaster, doomed.pidfd, doomed.spared);
    if (doomed.spared) children.erase(*doomed.spared);
    met.insert(children.begin(), children.end());
    doomed.others.merge(children);
  }
  for (const auto& one : known) kill(one);
  for (const auto& one : processes_of(doomed.place, doomed.programs)) kill(one);
  return met;
}

bool kill_until_gone(Doomed& doomed, const std::function<bool()>& pause) {
  while (!kill_round(doomed).empty()) {
    if (!pause()) return false;
  }
  return true;
}

}  // namespace tanist::process
