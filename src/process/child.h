#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "async/clock.h"
#include "async/task.h"
#include "process/pidfd.h"

/// Child processes: spawned without fork handlers, watched through a pidfd, always reaped.
namespace tanist::process {

using Environment = std::map<std::string, std::string>;

/// The environment of this process.
Environment environment();
/// `from` without the variables that begin with one of `prefixes`.
Environment without(Environment from, const std::vector<std::string>& prefixes);

/// `as_error`, of the standard output: where the standard error goes, in the order of writing.
/// Between SIGTERM and SIGKILL.
constexpr Duration kGrace = std::chrono::seconds(10);
/// How long the end is awaited after SIGKILL: a process may be stuck in the kernel.
constexpr Duration kAfterKill = std::chrono::seconds(5);
/// Kept of each output.
constexpr std::size_t kMaxOutputBytes = 1 << 20;

enum class Output { inherit, null, capture, as_error };

struct Command {
  /// argv[0] without a slash is looked up in PATH.
  std::vector<std::string> argv;
  /// nullopt: that of this process.
  std::optional<Environment> environment;
  /// Empty: that of this process.
  std::string directory;
  /// A session of its own, for what must outlive us; otherwise a process group of its own.
  bool new_session = false;
  Duration grace = kGrace;
  Duration after_kill = kAfterKill;
  Output out = Output::capture;
  Output err = Output::capture;
};

/// How a process ended.
struct Exit {
  int code = 0;
  /// The signal that killed it, or 0.
  int signal = 0;
  bool success() const { return code == 0 && signal == 0; }
  /// `exit code 1`, `signal 9 (Killed)`.
  std::string describe() const;
};

/// A child that was started. It reads /dev/null, has default signal handling and none of our descriptors.
/// Dropping it leaves the process running; it is reaped by a later spawn.
class Child {
 public:
  /// Blocks until the program runs. An error says what could not be run and why (`No such file or
  /// directory`).
  static std::expected<Child, std::string> spawn(const Command& command);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  pid_t pid() const { return pidfd_.pid(); }
  const PidFd& pidfd() const { return pidfd_; }
  /// The read ends of captured outputs, once; -1 when not captured. The caller closes them.
  int take_stdout() { return std::exchange(stdout_, -1); }
  int take_stderr() { return std::exchange(stderr_, -1); }
  /// Collects the exit status of an ended child; nullopt while it runs.
  std::optional<Exit> reap();
  void signal_group(int number) const;

 private:
  Child() = default;
  PidFd pidfd_;
  int stdout_ = -1;
  int stderr_ = -1;
  std::optional<Exit> exit_;
};

/// Child::spawn on a thread of its own: until the program runs the caller of posix_spawn sleeps, which is
/// long where program or directory are on a file system that hangs. An error also at the deadline. Given up
/// (at the deadline, by cancellation) a child that comes to life later is killed and reaped, or left alone.
enum class GivenUp { killed, left_alone };
Task<std::expected<Child, std::string>> spawn(Clock& clock, Command command, Instant deadline,
                                              GivenUp late = GivenUp::killed);

/// What a command that was run to its end left.
struct Finished {
  Exit exit;
  bool timed_out = false;
  std::string out;
  std::string err;
  bool success() const { return exit.success() && !timed_out; }
  /// For messages: how it ended and the last lines of what it said.
  std::string describe() const;
};

using LineSink = std::function<void(std::string_view line)>;

/// Runs a command to its end. At the deadline or when cancelled its group gets SIGTERM, after its grace it
/// and all below it are killed, wherever they have gone; `grace` and `after_kill` are what the deadline may
/// be overrun by. Keeps the last megabyte of each output, however much comes. `on_error_line` sees each line
/// of stderr as it comes, of a long one the beginning.
Task<std::expected<Finished, std::string>> run(Clock& clock, Command command, Instant deadline,
                                               LineSink on_error_line = {});

}  // namespace tanist::process
