#include "process/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <mutex>
#include <optional>

#include "async/task_scope.h"
#include "async/wait.h"
#include "core/format.h"
#include "process/proc.h"

extern char** environ;

namespace tanist::process {

namespace asio = boost::asio;

namespace {

#ifndef P_PIDFD
constexpr auto P_PIDFD = static_cast<idtype_t>(3);
#endif

/// Children that were dropped while they ran: reaped at the next spawn. A pid cannot be reused before that.
/// Never destroyed: a thread that spawns may outlive main().
struct LeftBehind {
  std::mutex mutex;
  std::vector<pid_t> pids;
  void add(pid_t pid) {
    const std::lock_guard lock(mutex);
    pids.push_back(pid);
  }
  void reap() {
    const std::lock_guard lock(mutex);
    std::erase_if(pids, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  }
};
LeftBehind& left_behind() {
  static auto* const left = new LeftBehind;
  return *left;
}

struct Pipe {
  int read = -1;
  int write = -1;
  ~Pipe() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
};

struct Attributes {
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  Attributes() {
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_init(&actions);
  }
  ~Attributes() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
};

void set_output(posix_spawn_file_actions_t* actions, Output output, const Pipe& pipe, int number) {
  if (output == Output::null) ::posix_spawn_file_actions_addopen(actions, number, "/dev/null", O_WRONLY, 0);
  if (output == Output::capture) ::posix_spawn_file_actions_adddup2(actions, pipe.write, number);
  if (output == Output::as_error) ::posix_spawn_file_actions_adddup2(actions, 2, number);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string last_lines(std::string_view text) {
  constexpr std::size_t kMax = 1000;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  if (text.size() <= kMax) return std::string(text);
  text.remove_prefix(text.size() - kMax);
  const auto line = text.find('\n');
  return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

}  // namespace

Environment environment() {
  Environment result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

Environment without(Environment from, const std::vector<std::string>& prefixes) {
  std::erase_if(from, [&](const auto& variable) {
    for (const auto& prefix : prefixes) {
      if (variable.first.starts_with(prefix)) return true;
    }
    return false;
  });
  return from;
}

std::string Exit::describe() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit code {}", code);
}

std::string Finished::describe() const {
  std::string text = timed_out ? "it did not end in time" : exit.describe();
  const std::string said = last_lines(err.empty() ? out : err);
  if (!said.empty()) text += ": " + said;
  return text;
}

std::expected<Child, std::string> Child::spawn(const Command& command) {
  left_behind().reap();
  if (command.argv.empty()) return std::unexpected("could not run an empty command");
  const auto failed = [&](int error) {
    return std::unexpected(fmt::format("could not run \"{}\": {}", command.argv[0], std::strerror(error)));
  };

  Pipe out;
  Pipe err;
  if (command.out == Output::capture && !out.open()) return failed(errno);
  if (command.err == Output::capture && !err.open()) return failed(errno);

  Attributes spawn;
  ::posix_spawn_file_actions_addopen(&spawn.actions, 0, "/dev/null", O_RDONLY, 0);
  set_output(&spawn.actions, command.err, err, 2);
  set_output(&spawn.actions, command.out, out, 1);
  // Sockets of libraries are not always close-on-exec: a child that outlives us must hold none of ours.
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, 3);
  if (!command.directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&spawn.actions, command.directory.c_str());
  }
  sigset_t none;
  sigset_t everything;
  ::sigemptyset(&none);
  ::sigfillset(&everything);
  ::posix_spawnattr_setsigmask(&spawn.attributes, &none);
  ::posix_spawnattr_setsigdefault(&spawn.attributes, &everything);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  flags |= command.new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  ::posix_spawnattr_setflags(&spawn.attributes, flags);

  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> variables;
  for (const auto& [name, value] : command.environment ? *command.environment : environment()) {
    variables.push_back(name + "=" + value);
  }
  const auto argv = pointers(arguments);
  const auto envp = pointers(variables);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, argv[0], &spawn.actions, &spawn.attributes, argv.data(), envp.data());
  if (error != 0) return failed(error);

  Child child;
  auto pidfd = PidFd::open(pid);
  if (!pidfd) {
    ::kill(pid, SIGKILL);
    left_behind().add(pid);
    return std::unexpected(pidfd.error());
  }
  child.pidfd_ = std::move(*pidfd);
  child.stdout_ = std::exchange(out.read, -1);
  child.stderr_ = std::exchange(err.read, -1);
  return child;
}

Child::Child(Child&& other) noexcept
    : pidfd_(std::move(other.pidfd_)),
      stdout_(std::exchange(other.stdout_, -1)),
      stderr_(std::exchange(other.stderr_, -1)),
      exit_(std::exchange(other.exit_, std::nullopt)) {}

Child::~Child() {
  if (stdout_ >= 0) ::close(stdout_);
  if (stderr_ >= 0) ::close(stderr_);
  if (pidfd_ && !reap()) left_behind().add(pid());
}

std::optional<Exit> Child::reap() {
  if (exit_ || !pidfd_) return exit_;
  siginfo_t info{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.descriptor()), &info,
               WEXITED | WNOHANG) != 0) {
    exit_ = Exit{-1, 0};
  } else if (info.si_pid != 0) {
    exit_ = info.si_code == CLD_EXITED ? Exit{info.si_status, 0} : Exit{0, info.si_status};
  }
  return exit_;
}

void Child::signal_group(int number) const {
  ::kill(-pid(), number);
}

namespace {

/// Cuts what comes into lines; a carriage return ends one, too. Of a line without end the beginning is kept.
class Lines {
 public:
  explicit Lines(const LineSink* sink) : sink_(sink != nullptr && *sink ? sink : nullptr) {}
  void take(std::string_view part) {
    while (sink_ != nullptr && !part.empty()) {
      const auto end = part.find_first_of("\r\n");
      const std::string_view piece = part.substr(0, end);
      line_.append(piece.substr(0, kMaxLineBytes - std::min(kMaxLineBytes, line_.size())));
      if (end == std::string_view::npos) return;
      flush();
      part.remove_prefix(end + 1);
    }
  }
  void flush() {
    if (sink_ != nullptr && !line_.empty()) (*sink_)(line_);
    line_.clear();
  }

 private:
  static constexpr std::size_t kMaxLineBytes = 8192;
  const LineSink* sink_;
  std::string line_;
};

/// Reads one output to its end: keeps the tail, hands out lines.
Task<void> read_output(int fd, std::string* kept, const LineSink* sink) {
  asio::posix::stream_descriptor stream(co_await asio::this_coro::executor);
  boost::system::error_code unwatched;
  stream.assign(fd, unwatched);
  if (unwatched) {
    ::close(fd);
    *kept = "its output could not be read: " + unwatched.message();
    co_return;
  }
  // What may lie before the tail that is kept, so that it is not moved at every read.
  constexpr std::size_t kSlack = kMaxOutputBytes / 4;
  Lines lines(sink);
  char buffer[65536];
  for (;;) {
    boost::system::error_code ec;
    const std::size_t n =
        co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, ec));
    if (n == 0 || (ec && ec != asio::error::eof)) break;
    const std::string_view part(buffer, n);
    kept->append(part);
    if (kept->size() > kMaxOutputBytes + kSlack) kept->erase(0, kept->size() - kMaxOutputBytes);
    lines.take(part);
    if (ec) break;
  }
  lines.flush();
}

struct Patience {
  Duration grace{};
  Duration after_kill{};
};

/// A command that runs: what it was given, and what has to end with it.
struct Running {
  Running(Clock& clock, const Executor& executor) : clock(clock), scope(executor) {}

  Clock& clock;
  Patience patience;
  Instant deadline{};
  LineSink on_error_line;
  /// nullopt: not yet, or not at all.
  std::optional<Child> child;
  Finished result;
  TaskScope scope;
  TaskHandle out;
  TaskHandle err;
};

/// TERM, patience, KILL, and the end is awaited; a process stuck in the kernel is left to a later reaping.
Task<void> end_child(Clock& clock, const Child& child, Patience patience) {
  // Those that leave the group, and lose their parent when it ends, are found by name afterwards.
  std::vector<Identity> below;
  for (const pid_t pid : descendants(child.pid()))
    if (const auto seen = stat(pid)) below.push_back({pid, seen->start_ticks});
  child.signal_group(SIGTERM);
  auto polite = child.pidfd().wait(clock);
  const bool ended = co_await run_until(clock, std::move(polite), clock.now() + patience.grace);
  if (ended) {
    for (const auto& left : below)
      if (alive(left)) kill_tree(left.pid);
    child.signal_group(SIGKILL);
    co_return;
  }
  kill_tree(child.pid());
  child.signal_group(SIGKILL);
  auto killed = child.pidfd().wait(clock);
  co_await run_until(clock, std::move(killed), clock.now() + patience.after_kill);
}

/// Ends the child where it still runs, then the readers. What was written before the end is read; a
/// grandchild that keeps a pipe open is not waited for.
Task<void> finish(Running* of) {
  constexpr Duration kDrain = std::chrono::milliseconds(200);
  if (!of->child) co_return;
  if (!of->child->pidfd().ended()) {
    co_await end_child(of->clock, *of->child, of->patience);
  }
  const Instant drained = of->clock.now() + kDrain;
  auto out_end = of->out.join();
  co_await run_until(of->clock, std::move(out_end), drained);
  auto err_end = of->err.join();
  co_await run_until(of->clock, std::move(err_end), drained);
  co_await of->scope.close();
}

/// Starts the command and waits for its end, or for the deadline. Why it could not be started; empty: it was.
Task<std::string> start_and_wait(Running* of, Command command) {
  auto spawned = co_await spawn(of->clock, std::move(command), of->deadline);
  if (!spawned) co_return std::move(spawned.error());
  of->child.emplace(std::move(*spawned));
  const int out_fd = of->child->take_stdout();
  const int err_fd = of->child->take_stderr();
  if (out_fd >= 0)
    of->out = of->scope.spawn("stdout of a child", read_output(out_fd, &of->result.out, nullptr));
  if (err_fd >= 0)
    of->err = of->scope.spawn("stderr of a child", read_output(err_fd, &of->result.err, &of->on_error_line));
  auto ended = of->child->pidfd().wait(of->clock);
  of->result.timed_out = !co_await run_until(of->clock, std::move(ended), of->deadline);
  co_return std::string();
}

}  // namespace

Task<std::expected<Finished, std::string>> run(Clock& clock, Command command, Instant deadline,
                                               LineSink on_error_line) {
  Running running(clock, co_await asio::this_coro::executor);
  running.patience = {command.grace, command.after_kill};
  running.deadline = deadline;
  running.on_error_line = std::move(on_error_line);
  std::string not_started =
      co_await with_cleanup(start_and_wait(&running, std::move(command)), finish(&running));
  if (!not_started.empty()) co_return std::unexpected(std::move(not_started));
  running.result.exit = running.child->reap().value_or(Exit{0, SIGKILL});
  co_return std::move(running.result);
}

}  // namespace tanist::process
