#include "postgres/local/postmaster.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/pid_file.h"
#include "postgres/local/context.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

/// Finding, adopting, watching and launching the postmaster.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How long the end of a postmaster is not told while processes it left behind are being killed.
constexpr Duration kQuietKill = 20ms;
constexpr Duration kTitlesBudget = 2s;

std::string program_name(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}
}  // namespace

Postmaster::Postmaster(Context& context, Programs& programs, Directory& directory)
    : context_(context), programs_(programs), directory_(directory) {}

Task<Result> Postmaster::find_without_pid_file() {
  const auto found = processes_of_data_directory(false);
  const std::vector<process::Identity> each(found.begin(), found.end());
  if (each.empty()) co_return Result();
  const auto titles = co_await titles_of(each);
  if (!titles)
    co_return std::unexpected(
        Failure{fmt::format("what process {} of data directory \"{}\" is cannot be told: {}",
                            each.front().pid, context_.pg().data_dir, titles.error())});
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
    log::warning("postmaster {} has no valid postmaster.pid in {}", parent->pid, context_.pg().data_dir);
    adopt(std::move(*pidfd), std::nullopt, 0);
    co_return Result();
  }
  if (left.empty()) co_return Result();
  take_orphans(std::move(left));
  co_return Result();
}

Task<Result> Postmaster::find_left_processes() {
  if (context_.facts.process != Process::none) co_return Result();
  orphans_ = processes_of_data_directory(false);
  if (orphans_.empty()) co_return Result();
  const std::vector<process::Identity> left(orphans_.begin(), orphans_.end());
  const auto titles = co_await titles_of(left);
  if (!titles) {
    co_return std::unexpected(
        Failure{fmt::format("what process {} of data directory \"{}\" is cannot be told: {}",
                            left.front().pid, context_.pg().data_dir, titles.error())});
  }
  // One that is no child of another is a postmaster whose pid file was lost.
  for (std::size_t i = 0; i < left.size(); ++i) {
    const std::string& title = (*titles)[i];
    if (title.starts_with("postgres: ") || title.find(" --single") != std::string::npos) continue;
    if (!process::alive(left[i])) continue;
    if (auto pidfd = process::PidFd::open(left[i].pid)) {
      log::warning("postmaster {} has no valid postmaster.pid in {}", left[i].pid, context_.pg().data_dir);
      orphans_.clear();
      adopt(std::move(*pidfd), std::nullopt, 0);
      co_return Result();
    }
  }
  take_orphans(std::move(orphans_));
  co_return Result();
}

void Postmaster::take_orphans(std::set<process::Identity> left) {
  log::warning("killing {} processes that a postmaster of {} left behind", left.size(),
               context_.pg().data_dir);
  orphans_ = std::move(left);
  context_.facts.process = Process::orphans;
  context_.spawn("orphans", clear_orphans());
}

void Postmaster::adopt_from(const DataDirectorySeen& seen) {
  if (!seen.postmaster_pid || !seen.pid_file_process) return;
  const auto file = parse_pid_file(*seen.postmaster_pid);
  if (!file || file->pid <= 0) return;
  const auto pid = static_cast<pid_t>(file->pid);
  if (!is_our_postmaster(*file, *seen.pid_file_process, programs_.path("postgres"), context_.pg().data_dir))
    return;
  auto pidfd = process::PidFd::open(pid);
  if (!pidfd || pidfd->ended()) return;
  // The number may have passed on to another one since it was described.
  const auto now = process::stat(pid);
  if (!now || now->start_ticks != seen.pid_file_process->start_ticks) return;
  log::info("PostgreSQL runs as process {}", pid);
  adopt(std::move(*pidfd), std::nullopt, file->port);
}

void Postmaster::adopt(process::PidFd pidfd, std::optional<process::Child> child, int port) {
  Facts& facts = context_.facts;
  const pid_t pid = pidfd.pid();
  const auto seen = process::stat(pid);
  const process::Identity identity{pid, seen ? seen->start_ticks : 0};
  const bool found = !child;
  current_.reset();
  current_.emplace(std::move(pidfd), identity, std::move(child));
  ++context_.generation;
  titles_updated_ = true;
  stop_requested_ = false;
  facts.stopping = false;
  facts.process = Process::running;
  facts.postmaster_pid = pid;
  facts.process_since = context_.clock.now();
  facts.accepting = Accepting::no_response;
  facts.probe.reset();
  facts.history.reset();
  facts.failing_since.reset();
  facts.failing_why.clear();
  facts.silent_since.reset();
  if (arrived_) arrived_({found, port});
  context_.spawn("postmaster", watch(context_.generation));
  context_.changed();
}

Task<void> Postmaster::watch(std::uint64_t generation) {
  co_await current_->pidfd.wait(context_.clock);
  if (context_.generation != generation) co_return;
  take_end();
  co_await clear_orphans();
}

void Postmaster::take_end() {
  std::string how = "ended";
  bool clean = stop_requested_;
  if (current_->child) {
    if (const auto exit = current_->child->reap()) {
      how = "ended with " + exit->describe();
      clean = clean || exit->success();
    }
  }
  if (clean) {
    log::debug("postmaster {} {}", current_->identity.pid, how);
  } else {
    log::warning("postmaster {} {}", current_->identity.pid, how);
  }
  orphans_ = std::move(current_->children);
  if (logger_) orphans_.erase(*logger_);
  current_.reset();
  orphans_.merge(processes_of_data_directory(false));
  ++context_.generation;
  orphans_ = remaining();
  Facts& facts = context_.facts;
  facts.process = orphans_.empty() ? Process::none : Process::orphans;
  facts.postmaster_pid = 0;
  facts.accepting = Accepting::no_response;
  facts.probe.reset();
  facts.history.reset();
  facts.failing_since.reset();
  facts.failing_why.clear();
  facts.silent_since.reset();
  facts.control.reset();
  if (ended_) ended_();
}

Task<void> Postmaster::clear_orphans() {
  const std::uint64_t generation = context_.generation;
  const Instant quiet_until = context_.clock.now() + kQuietKill;
  bool told = false;
  for (orphans_ = remaining(); !orphans_.empty(); orphans_ = remaining()) {
    for (const auto& orphan : orphans_) process::send_signal(orphan, SIGKILL);
    co_await context_.clock.sleep_for(2ms);
    if (context_.generation != generation) co_return;
    if (!told && context_.clock.now() >= quiet_until) {
      told = true;
      log::warning("waiting for {} processes that the postmaster left behind", orphans_.size());
      context_.changed(ServerEvent::postmaster_died);
    }
  }
  context_.facts.process = Process::none;
  context_.changed(ServerEvent::postmaster_died);
}

/// Started by a program that this daemon runs: initdb, pg_rewind, a single-user server. A daemon that is
/// process 1 inherits orphans, but those have the title of a backend.
bool Postmaster::is_work_of_a_tool(const process::Identity& found) const {
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

std::set<std::string> Postmaster::program_names() const {
  return {"postgres", "postmaster", program_name(programs_.path("postgres"))};
}

std::set<process::Identity> Postmaster::processes_of_data_directory(bool ours) const {
  std::set<process::Identity> found;
  for (const auto& one : process::processes_of(directory_.place(), program_names()))
    if (!is_logger(one) && (ours || !is_work_of_a_tool(one))) found.insert(one);
  return found;
}

std::set<process::Identity> Postmaster::remaining() const {
  std::set<process::Identity> left;
  for (const auto& orphan : orphans_) {
    if (process::alive(orphan) && !is_logger(orphan)) left.insert(orphan);
  }
  return left;
}

bool Postmaster::rests() const {
  const auto seen = current_ ? process::stat(current_->identity.pid) : std::nullopt;
  return seen && (seen->state == 'T' || seen->state == 't' || seen->state == 'D');
}

void Postmaster::note_children() {
  if (!current_) return;
  const auto& known = current_->children;
  std::set<process::Identity> now;
  for (const pid_t pid : process::children_of_main_thread(current_->identity.pid)) {
    // A known one is not looked at again: this is done every second.
    if (const auto same = known.lower_bound({pid, 0}); same != known.end() && same->pid == pid) {
      now.insert(*same);
    } else if (const auto seen = process::stat(pid); seen && !seen->dead())
      now.insert({pid, seen->start_ticks});
  }
  // Read as empty: it may just have ended, and what was known is what counts then.
  if (!now.empty()) current_->children = std::move(now);
  const auto& there = current_->children;
  std::erase_if(current_->titled, [&](const process::Identity& one) { return !there.contains(one); });
  if (reading_titles_ || (logger_ && there.contains(*logger_))) return;
  std::vector<process::Identity> unread;
  std::ranges::set_difference(there, current_->titled, std::back_inserter(unread));
  if (!unread.empty())
    context_.spawn("titles of processes", read_titles(std::move(unread), context_.generation));
}

Task<std::expected<std::vector<std::string>, std::string>> Postmaster::titles_of(
    std::vector<process::Identity> ones) {
  using Titles = std::vector<std::string>;
  auto reading = context_.long_disk.call<Titles>(
      "read the titles of processes",
      [ones = std::move(ones)] {
        Titles titles;
        for (const auto& one : ones) titles.push_back(process::title(one.pid));
        return titles;
      },
      context_.clock.now() + kTitlesBudget);
  co_return co_await std::move(reading);
}

/// Which of them is the logger.
Task<void> Postmaster::read_titles(std::vector<process::Identity> unread, std::uint64_t generation) {
  struct Reading {
    bool& now;
    explicit Reading(bool& flag) : now(flag) { now = true; }
    ~Reading() { now = false; }
  };
  std::optional<Reading> reading(std::in_place, reading_titles_);
  const auto titles = co_await titles_of(unread);
  reading.reset();
  if (!titles || context_.generation != generation || !current_) co_return;
  for (std::size_t i = 0; i < unread.size(); ++i) {
    // Right after the fork it still has the title of the postmaster.
    if ((*titles)[i].starts_with("postgres: ")) current_->titled.insert(unread[i]);
    if (is_logger_title((*titles)[i])) logger_ = unread[i];
  }
}

Task<std::vector<process::Identity>> Postmaster::children_titled(TitleKind wanted, std::uint64_t generation) {
  using Found = std::vector<process::Identity>;
  note_children();
  if (!current_ || context_.generation != generation) co_return Found();
  const Found there(current_->children.begin(), current_->children.end());
  auto reading = context_.long_disk.call<Found>(
      "read the titles of processes",
      [there, wanted] {
        Found found;
        for (const auto& one : there)
          if (wanted(process::title(one.pid))) found.push_back(one);
        return found;
      },
      context_.clock.now() + kTitlesBudget);
  auto found = co_await std::move(reading);
  if (!found || context_.generation != generation) co_return Found();
  co_return std::move(*found);
}

Result Postmaster::launch(std::vector<std::string> argv, process::Environment environment) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = std::move(environment);
  command.new_session = true;
  command.out = process::Output::inherit;
  command.err = process::Output::inherit;
  auto child = process::Child::spawn(command);
  if (!child) return std::unexpected(Failure{"could not start PostgreSQL: " + child.error()});
  auto pidfd = process::PidFd::open(child->pid());
  if (!pidfd) {
    // Nobody would watch it, or know of it when it must be stopped.
    child->pidfd().signal(SIGKILL);
    return std::unexpected(Failure{"could not start PostgreSQL: " + pidfd.error()});
  }
  log::info("postmaster pid={}", child->pid());
  adopt(std::move(*pidfd), std::move(*child), 0);
  return Result();
}

}  // namespace tanist::postgres
