#pragma once

#include <atomic>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/format.h"
#include "core/time.h"
#include "log/level.h"

namespace tanist {
class Document;
}

/// Logging for the whole process (config.md §10). Lines are formatted, filtered and written by a thread of
/// their own; a full queue drops lines and counts them, it never blocks the caller.
namespace tanist::log {

struct Options {
  /// Of the root logger.
  Level level = Level::info;
  /// Levels of single loggers (`patroni.ha`, or `tanist.ha`) and of all below them.
  std::map<std::string, Level> loggers;
  /// Python %-style template: %(asctime)s %(levelname)s: %(message)s …
  std::string format = "%(asctime)s %(levelname)s: %(message)s";
  /// strftime format of asctime; empty: `YYYY-MM-DD HH:MM:SS,mmm`.
  std::string date_format;
  /// One JSON object a line, with the fields that `format` names, or `fields` (field, name it is written
  /// under) where there are some, and the members of `static_fields` (a map).
  bool json = false;
  std::vector<std::pair<std::string, std::string>> fields;
  std::shared_ptr<const Document> static_fields;
  std::size_t max_queue_size = 1000;
  /// Where `patroni.log` is written; empty: stderr.
  std::string directory;
  unsigned file_mode = 0600;
  /// Rotated before the file would reach this size in bytes, keeping so many old files; either 0: never.
  std::int64_t file_size = 25'000'000;
  int file_num = 4;
  /// A "no action" line that equals the one before it is not written.
  bool deduplicate_heartbeats = false;
};

/// Fields of a line, for format().
struct Line {
  WallTime when;
  Level level;
  std::string message;
  /// Names logger, module and line.
  std::source_location where = {};
  /// Who logged it.
  std::int64_t thread = 0;
  std::string thread_name = "MainThread";
};

/// One line as `options` say (config.md §10.5, §10.6), without the newline. Plain text: control characters
/// and newlines of the message are written as escapes, so that no message can pretend to be several; only a
/// `HINT:` line stays a line of its own.
std::string format_line(const Options&, const Line&);

/// Starts the writer thread or changes its options. Until called, lines go to stderr synchronously.
void configure(const Options&);
/// Drains the queue and stops the writer thread. False: what is left could not be written within `patience`;
/// the writer hangs and the process should end.
bool shutdown(Duration patience = std::chrono::seconds(5));
/// Waits until everything logged so far is written, two seconds at most.
void flush();

/// Sends lines to `sink` instead, synchronously; an empty function restores the normal way. For tests.
void redirect(std::function<void(Level, const std::string&)> sink);

/// Lines waiting to be written, and lines lost since the start because the queue was full.
std::size_t queue_size();
std::size_t lost();

/// A format string checked at compile time, and where it stands.
template <class... Args>
struct Text {
  template <class T>
    requires std::convertible_to<const T&, std::string_view>
  // NOLINTNEXTLINE(google-explicit-constructor): written as a plain literal
  consteval Text(const T& text, std::source_location from = std::source_location::current())
      : format(text), where(from) {}

  fmt::format_string<Args...> format;
  std::source_location where;
};

/// What TANIST_LOGGER makes.
struct NamedSource {
  explicit NamedSource(std::string_view logger,
                       const std::source_location& where = std::source_location::current());
};

namespace detail {
/// The lowest level that any logger writes.
extern std::atomic<Level> threshold;
void write(Level, const std::source_location&, std::string message);
}  // namespace detail

/// Whether a line of this level may be written by some logger.
inline bool enabled(Level level) {
  return level >= detail::threshold.load(std::memory_order_relaxed);
}

inline void write(Level level, std::string message,
                  const std::source_location& where = std::source_location::current()) {
  if (enabled(level)) detail::write(level, where, std::move(message));
}

template <class... Args>
void debug(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::debug))
    detail::write(Level::debug, text.where, fmt::format(text.format, std::forward<Args>(args)...));
}
template <class... Args>
void info(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::info))
    detail::write(Level::info, text.where, fmt::format(text.format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::warning))
    detail::write(Level::warning, text.where, fmt::format(text.format, std::forward<Args>(args)...));
}
template <class... Args>
void error(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::error))
    detail::write(Level::error, text.where, fmt::format(text.format, std::forward<Args>(args)...));
}
template <class... Args>
void critical(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::critical))
    detail::write(Level::critical, text.where, fmt::format(text.format, std::forward<Args>(args)...));
}

}  // namespace tanist::log

/// The logger of a source file, by the name that users give levels to (config.md §10.8): once in each .cc
/// that logs, above its namespace. It goes where the file goes; tests/unit/tidy knows the names that there
/// are.
#define TANIST_LOGGER(name) TANIST_LOGGER_OF(name, __COUNTER__)
#define TANIST_LOGGER_OF(name, number) TANIST_LOGGER_NUMBERED(name, number)
#define TANIST_LOGGER_NUMBERED(name, number)                       \
  static const ::tanist::log::NamedSource tanist_logger_##number { \
    name                                                           \
  }
