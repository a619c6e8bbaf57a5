#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/lock_files.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/local_server.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

/// Finding, adopting, watching and launching the postmaster.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How long the end of a postmaster is not told while processes it left behind are being killed.
constexpr Duration kQuietKill = 20ms;
constexpr Duration kLookBudget = 2s;
/// Between the two looks that must fail before the directory of a running server is called unreadable.
constexpr Duration kLookAgain = 200ms;
constexpr Duration kCallbackBudget = 1s;
/// Of what does not depend on how much there is to remove.
constexpr Duration kOpenBudget = 30s;

std::string base_name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}
}  // namespace

LocalServer::LocalServer(Executor executor, Clock& clock, DiskThread& disk)
    : executor_(executor),
      clock_(clock),
      disk_(disk),
      long_disk_(clock),
      resolver_(executor),
      scope_(executor),
      callbacks_(clock, scope_),
      monitor_connection_(clock, resolver_),
      timeline_connection_(clock, resolver_),
      work_connection_(clock, resolver_) {}

LocalServer::~LocalServer() = default;

void LocalServer::on_event(std::function<void(ServerEvent)> listener) {
  listener_ = std::move(listener);
}

void LocalServer::changed(std::optional<ServerEvent> event) {
  changed_.set();
  if (event && listener_) listener_(*event);
}

TaskHandle LocalServer::spawn(std::string name, Task<void> task) {
  // A task of a closing scope may run on to its next wait.
  return closing_ ? TaskHandle() : scope_.spawn(std::move(name), std::move(task));
}

Task<bool> LocalServer::wait_change(Duration step, Instant deadline) {
  const Instant until = std::min(clock_.now() + step, deadline);
  auto wait = changed_.wait();
  co_await run_until(clock_, std::move(wait), until);
  co_return clock_.now() < deadline;
}

/// Backends whose postmaster has no pid file any more: where it lives it is adopted, else they are orphans.
/// What runs without backends (a tool's server, one that only starts) is left to open().
Task<Result> LocalServer::find_without_pid_file() {
  const auto found = processes_of_data_directory(false);
  const std::vector<process::Identity> each(found.begin(), found.end());
  if (each.empty()) co_return Result();
  const auto titles = co_await titles_of(each);
  if (!titles)
    co_return std::unexpected(
        Failure{fmt::format("what process {} of data directory \"{}\" is cannot be told: {}",
                            each.front().pid, pg().data_dir, titles.error())});
  std::set<process::Identity> left;
  for (std::size_t i = 0; i < each.size(); ++i) {
    const auto seen = process::stat(each[i].pid);
    if (!(*titles)[i].starts_with("postgres: ") || !seen) continue;
    const auto parent =
        std::ranges::find_if(each, [&](const auto& other) { return other.pid == seen->parent; });
    if (parent == each.end()) {
      left.insert(each[i]);
      continue;
    }
    auto pidfd = process::PidFd::open(parent->pid);
    if (!pidfd || pidfd->ended()) continue;
    log::warning("postmaster {} has no valid postmaster.pid in {}", parent->pid, pg().data_dir);
    adopt(std::move(*pidfd), std::nullopt);
    co_return Result();
  }
  if (left.empty()) co_return Result();
  log::warning("killing {} processes that a postmaster of {} left behind", left.size(), pg().data_dir);
  orphans_ = std::move(left);
  facts_.process = Process::orphans;
  spawn("orphans", clear_orphans());
  co_return Result();
}

Task<Result> LocalServer::find(config::SettingsPtr settings) {
  take_settings(std::move(settings), role_);
  // Not behind what else waits for the disk.
  auto seen = co_await look_once(long_disk_, clock_.now() + kOpenBudget);
  if (!seen) {
    log::warning("{}", seen.error());
    co_return std::unexpected(Failure{seen.error()});
  }
  take_look(std::move(*seen));
  if (facts_.process != Process::none) co_return Result();
  Result found = co_await find_without_pid_file();
  co_return found;
}

Task<Result> LocalServer::open(config::SettingsPtr settings) {
  take_settings(std::move(settings), role_);
  Instant deadline = clock_.now() + kOpenBudget;
  co_await look(deadline);
  if (facts_.data_directory == DataDirectory::unreadable) {
    co_return std::unexpected(Failure{facts_.data_directory_error});
  }
  Result cleared = co_await clear_left_work(deadline);
  if (!cleared) co_return cleared;
  deadline = clock_.now() + kOpenBudget;
  auto half_rewound = co_await disk_.read(half_rewound_path(), deadline);
  if (!half_rewound) co_return std::unexpected(Failure{half_rewound.error()});
  facts_.half_rewound =
      half_rewound->has_value() && facts_.data_directory == DataDirectory::ok && !facts_.running();
  Result checked = co_await check_binaries(deadline);
  if (!checked) co_return checked;
  co_await check_rewind_works(deadline);
  if (!seen_.permission_error.empty()) co_return std::unexpected(Failure{seen_.permission_error});
  const bool empty = facts_.data_directory != DataDirectory::ok;
  if (facts_.data_directory == DataDirectory::ok) {
    // Of a promotion that an earlier daemon gave up: a standby would promote itself without the lock.
    auto withdrawn = co_await disk_.remove(promote_trigger(pg().data_dir), deadline);
    if (!withdrawn) co_return std::unexpected(Failure{withdrawn.error()});
  }
  auto preparing = on_disk(
      "prepare directories",
      [settings = settings_, empty] {
        return prepare_directories(*settings, settings->postgresql.data_dir, empty);
      },
      deadline);
  Result prepared = co_await std::move(preparing);
  if (!prepared) co_return prepared;
  for (const auto& directory : socket_directories_inside(pg())) {
    log::warning(
        "unix_socket_directories names \"{}\", which lies in the data directory: pg_rewind from this member "
        "fails on the sockets\nHINT: name a directory outside of the data directory",
        directory);
  }
  auto pgpass = co_await disk_.read(pg().pgpass, deadline);
  if (pgpass && *pgpass) running_recovery_.pgpass = **pgpass;

  Result found = co_await find_left_processes();
  if (!found) co_return found;
  if (facts_.data_directory == DataDirectory::ok) {
    co_await read_control(deadline);
  }
  spawn("monitor of PostgreSQL", monitor());
  co_return Result();
}

Task<Result> LocalServer::find_left_processes() {
  if (facts_.process != Process::none) co_return Result();
  orphans_ = processes_of_data_directory(false);
  if (orphans_.empty()) co_return Result();
  const std::vector<process::Identity> left(orphans_.begin(), orphans_.end());
  const auto titles = co_await titles_of(left);
  if (!titles) {
    co_return std::unexpected(
        Failure{fmt::format("what process {} of data directory \"{}\" is cannot be told: {}",
                            left.front().pid, pg().data_dir, titles.error())});
  }
  // One that is no child of another is a postmaster whose pid file was lost.
  for (std::size_t i = 0; i < left.size(); ++i) {
    const std::string& title = (*titles)[i];
    if (title.starts_with("postgres: ") || title.find(" --single") != std::string::npos) continue;
    if (!process::alive(left[i])) continue;
    if (auto pidfd = process::PidFd::open(left[i].pid)) {
      log::warning("postmaster {} has no valid postmaster.pid in {}", left[i].pid, pg().data_dir);
      orphans_.clear();
      adopt(std::move(*pidfd), std::nullopt);
      co_return Result();
    }
  }
  log::warning("killing {} processes that a postmaster of {} left behind", orphans_.size(), pg().data_dir);
  facts_.process = Process::orphans;
  spawn("orphans", clear_orphans());
  co_return Result();
}

Task<void> LocalServer::close() {
  closing_ = true;
  callbacks_.close();
  // They outlive the daemon, if they have begun.
  co_await callbacks_.wait_begun(clock_.now() + kCallbackBudget);
  co_await scope_.close();
  monitor_connection_.close();
  timeline_connection_.close();
  work_connection_.close();
}

/// What cannot be read costs a running server its life: one error that goes by must not. So it is looked
/// at once more.
Task<void> LocalServer::look(Instant deadline) {
  auto seen = co_await look_once(disk_, std::min(deadline, clock_.now() + kLookBudget));
  if (seen && seen->kind == DataDirectory::unreadable && postmaster_) {
    log::warning("{}; looking again", seen->error);
    if (clock_.now() + kLookAgain >= deadline) co_return;
    co_await clock_.sleep_for(kLookAgain);
    seen = co_await look_once(disk_, std::min(deadline, clock_.now() + kLookBudget));
  }
  if (seen) {
    take_look(std::move(*seen));
  } else {
    log::warning("{}", seen.error());
  }
}

Task<std::expected<DataDirectorySeen, std::string>> LocalServer::look_once(DiskThread& disk,
                                                                           Instant deadline) {
  const std::string path = pg().data_dir;
  auto op = disk.call<DataDirectorySeen>(
      "look at data directory " + path,
      [path, pgpass = pg().pgpass, unadopted = !postmaster_] {
        DataDirectorySeen seen = look_at_data_directory(path);
        const auto file = seen.postmaster_pid ? parse_pid_file(*seen.postmaster_pid) : std::nullopt;
        if (unadopted && file && file->pid > 0)
          seen.pid_file_process = describe_process(static_cast<pid_t>(file->pid), seen.place);
        if (!seen.standby_signal) return seen;
        if (auto lines = blocking::read_file(pgpass)) seen.pgpass = lines->value_or("");
        return seen;
      },
      deadline);
  co_return co_await std::move(op);
}

void LocalServer::take_look(DataDirectorySeen seen) {
  looked_at_ = clock_.now();
  facts_.data_directory = seen.kind;
  facts_.data_directory_error = seen.error;
  // What was seen before still says more than what could not be read.
  if (seen.kind == DataDirectory::unreadable) return;
  facts_.major_version = seen.major_version;
  facts_.standby_signal = seen.standby_signal || seen.recovery_signal;
  facts_.backup_label = seen.backup_label;
  // What a method that keeps data left is used by another attempt of it, and by nobody else.
  if (unfinished_clone_ && !postmaster_) facts_.data_directory = DataDirectory::empty;
  if (!seen.place.path.empty()) place_ = seen.place;
  seen_ = std::move(seen);
  if (!postmaster_) adopt_from(seen_);
  take_recovery_files(seen_);
}

void LocalServer::adopt_from(const DataDirectorySeen& seen) {
  if (!seen.postmaster_pid || !seen.pid_file_process) return;
  const auto file = parse_pid_file(*seen.postmaster_pid);
  if (!file || file->pid <= 0) return;
  const auto pid = static_cast<pid_t>(file->pid);
  if (!is_our_postmaster(*file, *seen.pid_file_process, tool("postgres"), pg().data_dir)) return;
  auto pidfd = process::PidFd::open(pid);
  if (!pidfd || pidfd->ended()) return;
  // The number may have passed on to another one since it was described.
  const auto now = process::stat(pid);
  if (!now || now->start_ticks != seen.pid_file_process->start_ticks) return;
  log::info("PostgreSQL runs as process {}", pid);
  adopt(std::move(*pidfd), std::nullopt);
  note_address(file->port);
}

void LocalServer::adopt(process::PidFd pidfd, std::optional<process::Child> child) {
  const pid_t pid = pidfd.pid();
  const auto seen = process::stat(pid);
  const process::Identity identity{pid, seen ? seen->start_ticks : 0};
  if (!child) {
    facts_.settings_role = Role::uninitialized;
    written_parameters_.clear();
  }
  expected_restart_.clear();
  note_address(0);
  postmaster_.reset();
  postmaster_.emplace(std::move(pidfd), identity, std::move(child));
  ++generation_;
  stop_requested_ = false;
  facts_.stopping = false;
  facts_.process = Process::running;
  facts_.postmaster_pid = pid;
  facts_.process_since = clock_.now();
  facts_.accepting = Accepting::no_response;
  facts_.probe.reset();
  facts_.failing_since.reset();
  facts_.failing_why.clear();
  failure_told_.reset();
  facts_.silent_since.reset();
  knock_failed_ = false;
  settings_read_for_.clear();
  spawn("postmaster", watch_postmaster(generation_));
  probe_wanted_.set();
  changed();
}

Task<void> LocalServer::watch_postmaster(std::uint64_t generation) {
  co_await postmaster_->pidfd.wait(clock_);
  if (generation_ != generation) co_return;
  postmaster_ended();
  co_await clear_orphans();
}

void LocalServer::postmaster_ended() {
  std::string how = "ended";
  bool clean = stop_requested_;
  if (postmaster_->child) {
    if (const auto exit = postmaster_->child->reap()) {
      how = "ended with " + exit->describe();
      clean = clean || exit->success();
    }
  }
  if (clean) {
    log::debug("postmaster {} {}", postmaster_->identity.pid, how);
  } else {
    log::warning("postmaster {} {}", postmaster_->identity.pid, how);
  }
  orphans_ = std::move(postmaster_->children);
  if (logger_) orphans_.erase(*logger_);
  postmaster_.reset();
  orphans_.merge(processes_of_data_directory(false));
  ++generation_;
  orphans_ = remaining();
  facts_.process = orphans_.empty() ? Process::none : Process::orphans;
  facts_.postmaster_pid = 0;
  facts_.accepting = Accepting::no_response;
  facts_.probe.reset();
  facts_.failing_since.reset();
  facts_.failing_why.clear();
  failure_told_.reset();
  facts_.silent_since.reset();
  knock_failed_ = false;
  facts_.control.reset();
}

/// Backends that a postmaster left behind can still commit: they are killed until none is left.
Task<void> LocalServer::clear_orphans() {
  const std::uint64_t generation = generation_;
  const Instant quiet_until = clock_.now() + kQuietKill;
  bool told = false;
  for (orphans_ = remaining(); !orphans_.empty(); orphans_ = remaining()) {
    for (const auto& orphan : orphans_) process::send_signal(orphan, SIGKILL);
    co_await clock_.sleep_for(2ms);
    if (generation_ != generation) co_return;
    if (!told && clock_.now() >= quiet_until) {
      told = true;
      log::warning("waiting for {} processes that the postmaster left behind", orphans_.size());
      changed(ServerEvent::postmaster_died);
    }
  }
  facts_.process = Process::none;
  changed(ServerEvent::postmaster_died);
}

/// Started by a program that this daemon runs: initdb, pg_rewind, a single-user server. A daemon that is
/// process 1 inherits orphans, but those have the title of a backend.
bool LocalServer::is_work_of_a_tool(const process::Identity& found) const {
  constexpr int kDeepest = 10;
  if (orphans_.contains(found)) return false;
  pid_t pid = found.pid;
  for (int depth = 0; pid > 1 && pid != ::getpid() && depth < kDeepest; ++depth) {
    const auto seen = process::stat(pid);
    if (!seen) return false;
    pid = seen->parent;
  }
  if (pid != ::getpid()) return false;
  // Only process 1 inherits what others left; nobody else looks into a process here, which may hang.
  return ::getpid() != 1 || !process::title(found.pid).starts_with("postgres: ");
}

std::set<process::Identity> LocalServer::processes_of_data_directory(bool ours) const {
  std::set<process::Identity> found;
  for (const auto& one :
       process::processes_of(place_, {"postgres", "postmaster", base_name(tool("postgres"))}))
    if (!is_logger(one) && (ours || !is_work_of_a_tool(one))) found.insert(one);
  return found;
}

std::set<process::Identity> LocalServer::remaining() const {
  std::set<process::Identity> left;
  for (const auto& orphan : orphans_) {
    if (process::alive(orphan) && !is_logger(orphan)) left.insert(orphan);
  }
  return left;
}

void LocalServer::note_children() {
  if (!postmaster_) return;
  const auto& known = postmaster_->children;
  std::set<process::Identity> now;
  for (const pid_t pid : process::children_of_main_thread(postmaster_->identity.pid)) {
    // A known one is not looked at again: this is done every second.
    if (const auto same = known.lower_bound({pid, 0}); same != known.end() && same->pid == pid) {
      now.insert(*same);
    } else if (const auto seen = process::stat(pid); seen && !seen->dead())
      now.insert({pid, seen->start_ticks});
  }
  // Read as empty: it may just have ended, and what was known is what counts then.
  if (!now.empty()) postmaster_->children = std::move(now);
  const auto& there = postmaster_->children;
  std::erase_if(postmaster_->titled, [&](const process::Identity& one) { return !there.contains(one); });
  if (reading_titles_ || (logger_ && there.contains(*logger_))) return;
  std::vector<process::Identity> unread;
  std::ranges::set_difference(there, postmaster_->titled, std::back_inserter(unread));
  if (!unread.empty()) spawn("titles of processes", read_titles(std::move(unread), generation_));
}

Task<std::expected<std::vector<std::string>, std::string>> LocalServer::titles_of(
    std::vector<process::Identity> ones) {
  using Titles = std::vector<std::string>;
  auto reading = long_disk_.call<Titles>(
      "read the titles of processes",
      [ones = std::move(ones)] {
        Titles titles;
        for (const auto& one : ones) titles.push_back(process::title(one.pid));
        return titles;
      },
      clock_.now() + kLookBudget);
  co_return co_await std::move(reading);
}

/// Which of them is the logger.
Task<void> LocalServer::read_titles(std::vector<process::Identity> unread, std::uint64_t generation) {
  reading_titles_ = true;
  auto reading = titles_of(unread);
  std::expected<std::vector<std::string>, std::string> titles;
  try {
    titles = co_await std::move(reading);
  } catch (...) {
    reading_titles_ = false;
    throw;
  }
  reading_titles_ = false;
  if (!titles || generation_ != generation || !postmaster_) co_return;
  for (std::size_t i = 0; i < unread.size(); ++i) {
    // Right after the fork it still has the title of the postmaster.
    if ((*titles)[i].starts_with("postgres: ")) postmaster_->titled.insert(unread[i]);
    if (is_logger_title((*titles)[i])) logger_ = unread[i];
  }
}

Task<std::vector<process::Identity>> LocalServer::children_titled(TitleKind wanted,
                                                                  std::uint64_t generation) {
  using Found = std::vector<process::Identity>;
  note_children();
  if (!postmaster_ || generation_ != generation) co_return Found();
  const Found there(postmaster_->children.begin(), postmaster_->children.end());
  auto reading = long_disk_.call<Found>(
      "read the titles of processes",
      [there, wanted] {
        Found found;
        for (const auto& one : there)
          if (wanted(process::title(one.pid))) found.push_back(one);
        return found;
      },
      clock_.now() + kLookBudget);
  auto found = co_await std::move(reading);
  if (!found || generation_ != generation) co_return Found();
  co_return std::move(*found);
}

/// Nothing is awaited between the fork and knowing the process, so no cancellation can come between.
Task<Result> LocalServer::launch(std::vector<std::string> argv, process::Environment environment) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = std::move(environment);
  command.new_session = true;
  command.out = process::Output::inherit;
  command.err = process::Output::inherit;
  auto child = process::Child::spawn(command);
  if (!child) co_return std::unexpected(Failure{"could not start PostgreSQL: " + child.error()});
  auto pidfd = process::PidFd::open(child->pid());
  if (!pidfd) {
    // Nobody would watch it, or know of it when it must be stopped.
    child->pidfd().signal(SIGKILL);
    co_return std::unexpected(Failure{"could not start PostgreSQL: " + pidfd.error()});
  }
  log::info("postmaster pid={}", child->pid());
  adopt(std::move(*pidfd), std::move(*child));
  co_return Result();
}

Task<StartOutcome> LocalServer::wait_started(Instant deadline) {
  struct Hurry {
    int& count;
    explicit Hurry(int& c) : count(c) { ++count; }
    ~Hurry() { --count; }
  };
  std::optional<Hurry> hurry(std::in_place, hurried_);
  // Before version 10 nothing but a connection tells whether it has got there, and each one that is refused
  // is a line in its log: a start that takes long is a recovery, and is asked every 200 ms then.
  const bool told_by_file = target_version() >= kHasStatus;
  const Instant calm_from = clock_.now() + kHurry;
  probe_wanted_.set();
  for (;;) {
    changed_.clear();
    if (!told_by_file && clock_.now() >= calm_from) hurry.reset();
    if (facts_.process != Process::running) co_return StartOutcome::died;
    if (facts_.accepting == Accepting::accepting) co_return StartOutcome::accepting;
    const bool in_time = co_await wait_change(1s, deadline);
    if (!in_time) co_return StartOutcome::timed_out;
  }
}

Task<void> LocalServer::refresh(Duration max_age, Instant deadline) {
  const Instant asked = clock_.now();
  if (rebuilding_ == 0) {
    co_await look(deadline);
  }
  const bool readable = facts_.data_directory == DataDirectory::ok && rebuilding_ == 0;
  // Of a running server only whose it is: without that nothing is decided on it.
  if (facts_.running() && readable && facts_.system_identifier.empty()) {
    co_await read_control(std::min(deadline, clock_.now() + kLookBudget));
  }
  if (!facts_.running()) {
    if (stopped() && readable && !facts_.control) {
      co_await read_control(deadline);
    }
    co_return;
  }
  const std::uint64_t finished = probes_finished_;
  const auto fresh = [&] {
    if (facts_.probe && !facts_.failing_since && facts_.probe->asked_at >= asked - max_age) return true;
    return probes_finished_ > finished && probe_begun_ >= asked;
  };
  if (fresh()) co_return;
  probe_wanted_.set();
  for (;;) {
    changed_.clear();
    if (!facts_.running() || fresh()) co_return;
    const bool in_time = co_await wait_change(1s, deadline);
    if (!in_time) co_return;
  }
}

}  // namespace tanist::postgres
