#include "guard/titles.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tanist::guard {
namespace {

/// Of the 200 ms between the kill and the end of the lease.
constexpr int kPatienceMs = 40;

/// The title is in the memory of the process, and reading that of one that hangs in the kernel may never end.
TitleKind kind_of(pid_t pid) {
  Line<64> path;
  path << "/proc/" << pid << "/cmdline";
  std::array<char, 512> buffer{};
  std::string_view text;
  if (!read_start(path.c_str(), buffer, text)) return TitleKind::other;
  // Its memory is gone: what it had to commit is committed.
  if (text.empty()) return TitleKind::harmless;
  const auto end = text.find_last_not_of(std::string_view(" \0", 2));
  text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  // A name of another kind after a zero is an argument: no title, but a command line.
  return text.find('\0') == std::string_view::npos ? kind_of_title(text) : TitleKind::other;
}

bool look_at_each(pid_t postmaster, std::span<const pid_t> children, bool ending) {
  bool waits = ending;
  for (const pid_t child : children) {
    const auto kind = kind_of(child);
    const auto seen = look_at(child);
    if (!seen || seen->dead()) continue;
    if (seen->parent != postmaster || kind == TitleKind::other) return false;
    waits = waits || kind == TitleKind::waits;
  }
  return waits;
}

}  // namespace

/// By a process of its own, which may hang in the place of this one.
bool only_waits(pid_t postmaster, std::span<const pid_t> children, bool ending) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const Descriptor out(ends[0]);
  Descriptor in(ends[1]);
  const pid_t reader = ::fork();
  if (reader == 0) {
    const char verdict = look_at_each(postmaster, children, ending) ? 'y' : 'n';
    (void)!::write(in.get(), &verdict, 1);
    ::_exit(0);
  }
  if (reader < 0) return false;
  in.reset();
  const Descriptor it(static_cast<int>(::syscall(SYS_pidfd_open, reader, 0)));
  pollfd answer{out.get(), POLLIN, 0};
  char verdict = 'n';
  if (::poll(&answer, 1, kPatienceMs) != 1 || ::read(out.get(), &verdict, 1) != 1) verdict = 'n';
  if (it) ::syscall(SYS_pidfd_send_signal, it.get(), SIGKILL, nullptr, 0);
  return verdict == 'y';
}

}  // namespace tanist::guard
