#include "process/init.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "log/log.h"
#include "process/proc.h"

TANIST_LOGGER("patroni.daemon");

namespace tanist::process {
namespace {

constexpr int kHandedOn[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2};
constexpr int kNotStarted = 1;
constexpr int kKilledBase = 128;

/// The child gets a process group of its own: a terminal's Ctrl-C reaches it once, through us.
std::optional<pid_t> start_again(char** argv, const sigset_t& mask) {
  // By its real path where that is known, so that `ps` and `pgrep` show the program's name.
  const std::string path = executable(::getpid()).value_or("/proc/self/exe");
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &mask);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, path.c_str(), nullptr, &attributes, argv, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) return child;
  log::critical("could not run \"{}\": {}", path, std::strerror(error));
  return std::nullopt;
}

/// Reaps everything that has ended; the daemon's wait status when it is among them.
std::optional<int> reap(pid_t daemon) {
  std::optional<int> ended;
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == daemon) {
      ended = status;
    } else {
      log::info("Reaped pid={}, exit status={}", pid, status);
    }
  }
  return ended;
}

}  // namespace

int run_as_init(char** argv) {
  // Blocked rather than handled: nothing that comes between two looks is lost, not even before the child is
  // there.
  sigset_t awaited;
  sigset_t before;
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, SIGCHLD);
  for (const int number : kHandedOn) ::sigaddset(&awaited, number);
  ::sigprocmask(SIG_BLOCK, &awaited, &before);
  ::signal(SIGCHLD, SIG_DFL);  // where it was ignored, there would be nothing to reap

  const auto daemon = start_again(argv, before);
  if (!daemon) return kNotStarted;
  while (true) {
    const int number = ::sigwaitinfo(&awaited, nullptr);
    if (number == SIGCHLD) {
      const auto status = reap(*daemon);
      if (!status) continue;
      return WIFEXITED(*status) ? WEXITSTATUS(*status) : kKilledBase + WTERMSIG(*status);
    }
    if (number > 0) ::kill(*daemon, number);
  }
}

}  // namespace tanist::process
