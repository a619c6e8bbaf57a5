// The guardian: started by the daemon, which it outlives. It stops PostgreSQL when the lease is over
// (engine.md §5).

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "guard/log.h"
#include "guard/server.h"

namespace {

bool started = false;
std::uint32_t refused = 0;

/// After the start nothing is allocated: a host without memory must not keep the guardian from its work.
bool may_allocate() {
  if (!started) return true;
  ++refused;
  errno = ENOMEM;
  return false;
}

}  // namespace

// Every call of the program and of the libraries in it comes here (CMake: --wrap).
extern "C" {
void* __real_malloc(std::size_t);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
void* __wrap_malloc(std::size_t size) {
  return may_allocate() ? __real_malloc(size) : nullptr;
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  return may_allocate() ? __real_calloc(count, size) : nullptr;
}
void* __wrap_realloc(void* block, std::size_t size) {
  return may_allocate() ? __real_realloc(block, size) : nullptr;
}
}

namespace tanist::guard {
namespace {

constexpr int kPriority = 50;
constexpr int kAnotherGuards = 3;

void lack(std::uint32_t& lacks, Lacks what, const char* attempted) {
  const int error = errno;
  lacks |= what;
  say(Severity::info,
      Text() << "could not " << attempted << " (" << ::strerrordesc_np(error) << "): going on without");
}

/// What it needs to be in time on a host that is short of everything; without it, it is late at worst.
std::uint32_t take_precautions() {
  std::uint32_t lacks = 0;
  if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) lack(lacks, kLacksLockedMemory, "lock its memory");
  sched_param priority{};
  priority.sched_priority = kPriority;
  // Not for what it starts: a look at a process may hang, and no kill is as urgent as this.
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0)
    lack(lacks, kLacksPriority, "get real-time priority");
  const Descriptor score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  constexpr std::string_view kNever = "-1000";
  if (!score || ::write(score.get(), kNever.data(), kNever.size()) < 0)
    lack(lacks, kLacksOomProtection, "be spared when memory runs out");
  return lacks;
}

int guard(const char* state_dir) {
  // It holds nothing of the daemon's but its log.
  ::close_range(STDERR_FILENO + 1, ~0U, 0);
  ::setsid();
  for (const int ignored : {SIGHUP, SIGINT, SIGPIPE, SIGCHLD}) ::signal(ignored, SIG_IGN);
  if (::chdir("/") != 0) return 1;
  open_log();
  Server::Options options;
  options.state_dir = state_dir;
  options.allocations = &refused;
  Server server(options);
  switch (server.open()) {
    case Server::Start::done: break;
    case Server::Start::failed: return 1;
    case Server::Start::another: return kAnotherGuards;
  }
  server.set_lacks(take_precautions());
  say(Severity::info, Text() << "on watch as process " << ::getpid());
  started = true;
  return server.run();
}

}  // namespace
}  // namespace tanist::guard

int main(int argc, char** argv) {
  if (argc == 2 && argv[1][0] == '/') return tanist::guard::guard(argv[1]);
  constexpr char kUsage[] =
      "usage: tanist-guard STATE_DIR\n"
      "The daemon starts it with the absolute path of its state directory.\n";
  (void)!::write(STDERR_FILENO, kUsage, sizeof kUsage - 1);
  return 2;
}
