#include "core/log.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>

namespace tanist::log {
namespace detail {
std::atomic<Level> threshold{Level::info};
}

namespace {

/// The process's log: a bounded queue and one writer thread. A plain queue of our own rather than spdlog's, whose
/// asynchronous mode cannot drop the newest line and count it without blocking the caller.
struct Log {
  std::mutex mutex;
  std::condition_variable ready;
  std::condition_variable drained;
  Options options;
  std::deque<Line> queue;
  bool writing = false;
  bool stopping = false;
  std::thread writer;
  std::size_t lost = 0;
  std::size_t lost_reported = 0;
  std::function<void(Level, const std::string&)> sink;
};

Log& instance() {
  static Log* const the_log = new Log;  // never destroyed: lines may come from static destructors
  return *the_log;
}

WallTime wall_now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

void write_out(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (n <= 0) {
      if (n < 0 && errno == EINTR) continue;
      return;  // nowhere left to complain
    }
    done += static_cast<std::size_t>(n);
  }
}

void run_writer() {
  Log& log = instance();
  std::unique_lock lock(log.mutex);
  while (true) {
    log.ready.wait(lock, [&] { return !log.queue.empty() || log.stopping; });
    if (log.queue.empty()) return;
    std::deque<Line> batch;
    batch.swap(log.queue);
    const Options options = log.options;
    log.writing = true;
    lock.unlock();
    std::string text;
    for (const Line& line : batch) text += format_line(options, line) + '\n';
    write_out(text);
    lock.lock();
    log.writing = false;
    log.drained.notify_all();
  }
}

std::string asctime(WallTime when, const std::string& date_format) {
  const std::time_t whole = std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
  std::tm local{};
  ::localtime_r(&whole, &local);
  char buffer[128];
  const std::size_t n =
      std::strftime(buffer, sizeof buffer, date_format.empty() ? "%Y-%m-%d %H:%M:%S" : date_format.c_str(), &local);
  std::string out(buffer, n);
  if (date_format.empty()) {
    const auto micros = (when - std::chrono::floor<std::chrono::seconds>(when)).count();
    out += fmt::format(",{:03}", micros / 1000);
  }
  return out;
}

int python_number(Level level) { return (static_cast<int>(level) + 1) * 10; }

std::string field(const std::string& name, const Options& options, const Line& line) {
  if (name == "asctime") return asctime(line.when, options.date_format);
  if (name == "levelname") return std::string(log::name(line.level));
  if (name == "message") return line.message;
  if (name == "levelno") return fmt::format("{}", python_number(line.level));
  if (name == "name") return "tanist";
  if (name == "process") return fmt::format("{}", ::getpid());
  if (name == "processName") return "MainProcess";
  if (name == "created") return fmt::format("{:.6f}", static_cast<double>(line.when.time_since_epoch().count()) / 1e6);
  if (name == "msecs") return fmt::format("{}", line.when.time_since_epoch().count() / 1000 % 1000);
  if (name == "threadName") return "MainThread";
  return {};
}

/// Applies the flags and width of `%(name)-8s`; precision and the conversion letter only matter for numbers.
std::string padded(std::string text, std::string_view flags) {
  const bool left = flags.find('-') != std::string_view::npos;
  const auto digits = flags.find_first_of("123456789");
  const std::size_t width = digits == std::string_view::npos ? 0 : std::strtoul(flags.data() + digits, nullptr, 10);
  if (text.size() >= width) return text;
  const std::string fill(width - text.size(), ' ');
  return left ? text + fill : fill + text;
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

std::string format_line(const Options& options, const Line& line) {
  const std::string& f = options.format;
  std::string out;
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (f[i] != '%' || i + 1 >= f.size()) {
      out += f[i];
    } else if (f[i + 1] == '%') {
      out += '%';
      ++i;
    } else if (f[i + 1] == '(') {
      const auto close = f.find(')', i);
      const auto end = close == std::string::npos ? close : f.find_first_of("sdifr", close);
      if (end == std::string::npos) {
        out += f.substr(i);
        break;
      }
      const std::string flags = f.substr(close + 1, end - close - 1);
      out += padded(field(f.substr(i + 2, close - i - 2), options, line), flags);
      i = end;
    } else {
      out += f[i];
    }
  }
  return out;
}

void configure(const Options& options) {
  Log& log = instance();
  std::lock_guard lock(log.mutex);
  log.options = options;
  detail::threshold = options.level;
  if (!log.writer.joinable()) {
    log.stopping = false;
    log.writer = std::thread(run_writer);
  }
}

void shutdown() {
  Log& log = instance();
  std::thread writer;
  {
    std::lock_guard lock(log.mutex);
    log.stopping = true;
    writer = std::move(log.writer);
    log.ready.notify_all();
  }
  if (writer.joinable()) writer.join();
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

void detail::write(Level level, std::string message) {
  Log& log = instance();
  std::unique_lock lock(log.mutex);
  if (log.sink) {
    log.sink(level, message);
    return;
  }
  Line line{wall_now(), level, std::move(message)};
  if (!log.writer.joinable()) {
    write_out(format_line(log.options, line) + '\n');
    return;
  }
  if (log.queue.size() >= log.options.max_queue_size) {
    ++log.lost;
    return;
  }
  if (log.lost > log.lost_reported) {
    const std::size_t count = log.lost - log.lost_reported;
    log.lost_reported = log.lost;
    log.queue.push_back({line.when, Level::warning, fmt::format("QueueHandler has lost {} log records", count)});
  }
  log.queue.push_back(std::move(line));
  lock.unlock();
  log.ready.notify_one();
}

}  // namespace tanist::log
