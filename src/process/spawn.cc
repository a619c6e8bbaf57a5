#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "async/event.h"
#include "async/wait.h"
#include "core/format.h"
#include "process/child.h"
#include "process/proc.h"

/// Child::spawn without waiting for the file system of the program.
namespace tanist::process {

namespace asio = boost::asio;

namespace {

/// Each spawn has its own thread: one that hangs holds up no other.
constexpr int kMaxSpawning = 64;
std::atomic<int> spawning = 0;

/// Shared by who waits and the thread.
struct Spawning {
  Spawning(Executor e, Command c, GivenUp l) : executor(std::move(e)), command(std::move(c)), late(l) {}
  Executor executor;
  Command command;
  GivenUp late;
  std::mutex mutex;
  /// Nobody waits any more, and the event loop may be gone.
  bool given_up = false;
  std::unique_ptr<std::expected<Child, std::string>> result;
  Event done;
};

void end_late_child(std::expected<Child, std::string>& child, GivenUp late) {
  if (!child || late == GivenUp::left_alone) return;
  kill_tree(child->pid());
  child->signal_group(SIGKILL);
  ::waitpid(child->pid(), nullptr, 0);
}

void spawn_here(const std::shared_ptr<Spawning>& job) {
  auto child = Child::spawn(job->command);
  --spawning;
  const std::lock_guard lock(job->mutex);
  if (job->given_up) {
    end_late_child(child, job->late);
    return;
  }
  job->result = std::make_unique<std::expected<Child, std::string>>(std::move(child));
  auto executor = job->executor;
  asio::post(executor, [job] { job->done.set(); });
}

/// In the frame of who waits: it goes when the wait does, however it ends.
struct Wait {
  std::shared_ptr<Spawning> job;
  explicit Wait(std::shared_ptr<Spawning> j) : job(std::move(j)) {}
  ~Wait() {
    std::unique_ptr<std::expected<Child, std::string>> untaken;
    const std::lock_guard lock(job->mutex);
    job->given_up = true;
    untaken.swap(job->result);
    if (untaken && *untaken && job->late == GivenUp::killed) {
      // It runs already, so the signals reach it; it is reaped at the next spawn.
      kill_tree((*untaken)->pid());
      (*untaken)->signal_group(SIGKILL);
    }
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
};

}  // namespace

Task<std::expected<Child, std::string>> spawn(Clock& clock, Command command, Instant deadline, GivenUp late) {
  const auto failed = [name =
                           command.argv.empty() ? std::string() : command.argv[0]](const std::string& why) {
    return std::unexpected(fmt::format("could not run \"{}\": {}", name, why));
  };
  if (spawning.load() >= kMaxSpawning)
    co_return failed(fmt::format("{} programs before it still wait to be run", kMaxSpawning));
  const Wait wait(std::make_shared<Spawning>(co_await asio::this_coro::executor, std::move(command), late));
  auto& job = *wait.job;
  ++spawning;
  try {
    std::thread(spawn_here, wait.job).detach();
  } catch (const std::system_error& e) {
    --spawning;
    co_return failed(e.what());
  }
  co_await wait_until(clock, job.done, deadline);
  std::unique_ptr<std::expected<Child, std::string>> result;
  {
    const std::lock_guard lock(job.mutex);
    result.swap(job.result);
  }
  if (!result) co_return failed("it could not be started in time: does its file system hang?");
  co_return std::move(*result);
}

}  // namespace tanist::process
