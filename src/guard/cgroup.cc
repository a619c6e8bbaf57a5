#include <fcntl.h>
#include <unistd.h>

#include "guard/kill.h"

/// One stroke for a PostgreSQL that has a cgroup of its own: nothing in it can fork away.
namespace tanist::guard {
namespace {

constexpr int kDeepest = 16;

/// The postmaster, or started by it, or by what it has started.
bool below(pid_t pid, pid_t postmaster) {
  for (int depth = 0; pid > 1 && depth < kDeepest; ++depth) {
    if (pid == postmaster) return true;
    const auto seen = look_at(pid);
    if (!seen) return false;
    pid = seen->parent;
  }
  return false;
}

/// Path of the process in the tree of version 2, as this process sees it.
bool own_path(pid_t pid, Line<1024>& path) {
  Line<64> file;
  file << "/proc/" << pid << "/cgroup";
  std::array<char, 4096> buffer{};
  std::string_view text;
  if (!read_start(file.c_str(), buffer, text)) return false;
  constexpr std::string_view kUnified = "0::/";
  std::size_t at = 0;
  if (!text.starts_with(kUnified)) {
    at = text.find("\n0::/");
    if (at == std::string_view::npos) return false;
    ++at;
  }
  const auto line = text.substr(at, text.find('\n', at) - at);
  path << line.substr(kUnified.size() - 1);
  return !path.full();
}

}  // namespace

bool kill_cgroup(pid_t postmaster) {
  Line<1024> group;
  if (!own_path(postmaster, group) || group.view() == "/") return false;
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    Line<1280> path;
    path << mount << group.view();
    Line<1312> file;
    file << path.view() << "/cgroup.kill";
    const Descriptor kill(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    if (!kill || file.full()) continue;
    // What is below would go, too.
    Line<1312> about;
    about << path.view() << "/cgroup.stat";
    std::array<char, 512> buffer{};
    std::string_view text;
    if (!read_start(about.c_str(), buffer, text) || !text.starts_with("nr_descendants 0\n")) return false;
    Line<1312> procs;
    procs << path.view() << "/cgroup.procs";
    Numbers members(procs.c_str());
    bool has_it = false;
    while (const auto pid = members.next()) {
      has_it = has_it || *pid == postmaster;
      const auto seen = look_at(*pid);
      if (seen && !seen->dead() && !below(*pid, postmaster)) return false;
    }
    return has_it && ::write(kill.get(), "1", 1) == 1;
  }
  return false;
}

}  // namespace tanist::guard
