#include "log/log.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "log/heartbeat.h"
#include "log/names.h"
#include "log/output.h"

TANIST_LOGGER("patroni.log");

namespace tanist::log {
namespace detail {
std::atomic<Level> threshold{Level::info};
}

namespace {

/// The process's log: a bounded queue and one writer thread.
struct Log {
  std::mutex mutex;
  std::condition_variable ready;
  std::condition_variable drained;
  Options options;
  /// Counts changes of the options: the writer takes them over with the next lines.
  std::size_t generation = 1;
  std::map<std::string, Level, std::less<>> levels;
  std::deque<Line> queue;
  bool writing = false;
  bool stopping = false;
  /// The writer has nothing more to do than to return.
  bool ended = false;
  /// The writer hung at shutdown: nothing can be written any more.
  bool abandoned = false;
  std::thread writer;
  std::size_t lost = 0;
  std::size_t lost_reported = 0;
  std::function<void(Level, const std::string&)> sink;

  /// The writer's own; used under the mutex while there is none.
  Output output;
  std::size_t output_generation = 0;
};

Log& instance() {
  static Log* const the_log = new Log;  // never destroyed: lines may come from static destructors
  return *the_log;
}

WallTime wall_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// Number and name of the calling thread, asked for once.
struct Caller {
  std::int64_t thread = ::syscall(SYS_gettid);
  std::string name = "MainThread";

  Caller() {
    char given[32] = "";
    if (thread != ::getpid())
      name = ::pthread_getname_np(::pthread_self(), given, sizeof given) == 0 ? given : "";
  }
};

const Caller& caller() {
  thread_local const Caller the_caller;
  return the_caller;
}

void write_lines(Log& log, const std::vector<Line>& lines) {
  for (const Line& line : lines) log.output.write(line);
}

void run_writer() {
  ::pthread_setname_np(::pthread_self(), "log");
  Log& log = instance();
  HeartbeatFilter heartbeats;
  std::vector<Line> lines;
  std::unique_lock lock(log.mutex);
  Options options = log.options;
  while (true) {
    log.ready.wait(
        lock, [&] { return !log.queue.empty() || log.stopping || log.output_generation != log.generation; });
    std::deque<Line> batch;
    batch.swap(log.queue);
    const bool last = log.stopping;
    const bool changed = log.output_generation != log.generation;
    if (changed) options = log.options;
    log.output_generation = log.generation;
    log.writing = true;
    lock.unlock();

    lines.clear();
    if (changed) log.output.use(options);
    for (Line& line : batch) heartbeats.pass(std::move(line), options, lines);
    if (last) heartbeats.release(lines);
    write_lines(log, lines);

    lock.lock();
    log.writing = false;
    log.ended = last && log.queue.empty();
    log.drained.notify_all();
    if (log.ended) return;
  }
}

/// The level that counts for a logger: its own, or that of the nearest one above it.
Level level_of(const Log& log, std::string_view logger) {
  while (true) {
    if (const auto own = log.levels.find(logger); own != log.levels.end()) return own->second;
    const auto dot = logger.rfind('.');
    if (dot == std::string_view::npos) return log.options.level;
    logger = logger.substr(0, dot);
  }
}

bool wanted(const Log& log, Level level, const std::source_location& where) {
  if (log.levels.empty()) return level >= log.options.level;
  return level >= level_of(log, logger_name(source_path(where.file_name())));
}

/// Queues a line about what was dropped since the last one, whatever the limit.
void report_losses(Log& log, const Caller& from) {
  if (log.lost == log.lost_reported) return;
  const std::size_t count = log.lost - std::exchange(log.lost_reported, log.lost);
  log.queue.push_back({wall_now(), Level::warning, fmt::format("QueueHandler has lost {} log records", count),
                       std::source_location::current(), from.thread, from.name});
}

}  // namespace

std::string_view name(Level level) {
  switch (level) {
    case Level::debug: return "DEBUG";
    case Level::info: return "INFO";
    case Level::warning: return "WARNING";
    case Level::error: return "ERROR";
    case Level::critical: return "CRITICAL";
  }
  return "INFO";
}

void configure(const Options& options) {
  Log& log = instance();
  std::lock_guard lock(log.mutex);
  log.options = options;
  ++log.generation;
  log.levels.clear();
  Level lowest = options.level;
  for (const auto& [logger, level] : options.loggers) {
    log.levels.emplace(canonical_logger(logger), level);
    lowest = std::min(lowest, level);
  }
  detail::threshold = lowest;
  if (!log.writer.joinable() && !log.abandoned) {
    log.stopping = false;
    log.ended = false;
    log.writer = std::thread(run_writer);
  }
  log.ready.notify_one();
}

bool shutdown(Duration patience) {
  Log& log = instance();
  std::unique_lock lock(log.mutex);
  if (!log.writer.joinable()) return !log.abandoned;
  report_losses(log, caller());
  log.stopping = true;
  log.ready.notify_all();
  const bool ended = log.drained.wait_for(lock, patience, [&] { return log.ended; });
  std::thread writer = std::move(log.writer);
  if (!ended) {
    log.abandoned = true;
    writer.detach();
    return false;
  }
  lock.unlock();
  writer.join();
  return true;
}

void flush() {
  Log& log = instance();
  std::unique_lock lock(log.mutex);
  if (!log.writer.joinable()) return;
  log.drained.wait_for(lock, std::chrono::seconds(2), [&] { return log.queue.empty() && !log.writing; });
}

void redirect(std::function<void(Level, const std::string&)> sink) {
  Log& log = instance();
  std::lock_guard lock(log.mutex);
  log.sink = std::move(sink);
}

std::size_t queue_size() {
  Log& log = instance();
  std::lock_guard lock(log.mutex);
  return log.queue.size();
}

std::size_t lost() {
  Log& log = instance();
  std::lock_guard lock(log.mutex);
  return log.lost;
}

void detail::write(Level level, const std::source_location& where, std::string message) {
  Log& log = instance();
  const Caller& from = caller();
  std::unique_lock lock(log.mutex);
  if (log.sink) {
    log.sink(level, message);
    return;
  }
  if (!wanted(log, level, where)) return;
  Line line{wall_now(), level, std::move(message), where, from.thread, from.name};
  if (!log.writer.joinable()) {
    if (log.abandoned) return;
    if (log.output_generation != log.generation) log.output.use(log.options);
    log.output_generation = log.generation;
    log.output.write(line);
    return;
  }
  if (log.queue.size() >= log.options.max_queue_size) {
    ++log.lost;
    return;
  }
  log.queue.push_back(std::move(line));
  report_losses(log, from);
  lock.unlock();
  log.ready.notify_one();
}

}  // namespace tanist::log
