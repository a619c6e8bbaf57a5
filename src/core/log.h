#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "core/format.h"
#include "core/time.h"

/// Logging for the whole process. Lines are formatted by the caller and written by a thread of their own; a full
/// queue drops lines and counts them, it never blocks the caller.
namespace tanist::log {

enum class Level { debug, info, warning, error, critical };

/// `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL`.
std::string_view name(Level);

struct Options {
  Level level = Level::info;
  /// Python %-style template: %(asctime)s %(levelname)s: %(message)s …
  std::string format = "%(asctime)s %(levelname)s: %(message)s";
  /// strftime format of asctime; empty: `YYYY-MM-DD HH:MM:SS,mmm`.
  std::string date_format;
  std::size_t max_queue_size = 1000;
};

/// Fields of a line, for format().
struct Line {
  WallTime when;
  Level level;
  std::string message;
};

/// One line as `options.format` says (config.md §10.5), without the newline.
std::string format_line(const Options&, const Line&);

/// Starts the writer thread (stderr) or changes its options. Until called, lines go to stderr synchronously.
void configure(const Options&);
/// Drains the queue and stops the writer thread.
void shutdown();
/// Waits until everything logged so far is written.
void flush();

/// Sends lines to `sink` instead, synchronously; an empty function restores the normal way. For tests.
void redirect(std::function<void(Level, const std::string&)> sink);

/// Lines waiting to be written, and lines lost since the start because the queue was full.
std::size_t queue_size();
std::size_t lost();

namespace detail {
extern std::atomic<Level> threshold;
void write(Level, std::string message);
}  // namespace detail

inline bool enabled(Level level) { return level >= detail::threshold.load(std::memory_order_relaxed); }

inline void write(Level level, std::string message) {
  if (enabled(level)) detail::write(level, std::move(message));
}

template <class... Args>
void debug(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::debug)) detail::write(Level::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::info)) detail::write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::warning)) detail::write(Level::warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::error)) detail::write(Level::error, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void critical(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::critical)) detail::write(Level::critical, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tanist::log
