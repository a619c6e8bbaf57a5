#include "postgres/copies/progress.h"

#include <algorithm>
#include <charconv>

#include "core/format.h"

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// Over which the rate is taken: long enough to be steady, short enough to follow a network that becomes
/// slow.
constexpr Duration kWindow = 10s;
}  // namespace

std::optional<Progress> parse_progress(std::string_view line) {
  const auto slash = line.find('/');
  const auto unit = line.find(" kB");
  if (slash == std::string_view::npos || unit == std::string_view::npos || unit < slash) return std::nullopt;
  const auto begin = line.find_first_not_of(' ');
  const auto read = [](std::string_view text) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
    return value;
  };
  const auto done = read(line.substr(begin, slash - begin));
  const auto total = read(line.substr(slash + 1, unit - slash - 1));
  if (!done || !total) return std::nullopt;
  Progress progress;
  progress.done_bytes = *done * 1024;
  progress.total_bytes = *total * 1024;
  return progress;
}

Progress ProgressMeter::note(Instant now, Progress seen) {
  // A tool that begins anew counts anew.
  if (!window_.empty() && seen.done_bytes < window_.back().second) window_.clear();
  window_.emplace_back(now, seen.done_bytes);
  while (window_.size() > 2 && now - window_[1].first >= kWindow) window_.pop_front();
  const auto& [since, before] = window_.front();
  const double elapsed = seconds(now - since);
  seen.bytes_per_second = 0;
  seen.seconds_left.reset();
  if (elapsed <= 0) return seen;
  seen.bytes_per_second = static_cast<std::int64_t>(static_cast<double>(seen.done_bytes - before) / elapsed);
  if (seen.bytes_per_second > 0 && seen.total_bytes > 0) {
    const std::int64_t rest = std::max<std::int64_t>(0, seen.total_bytes - seen.done_bytes);
    seen.seconds_left = (rest + seen.bytes_per_second - 1) / seen.bytes_per_second;
  }
  return seen;
}

std::string describe_bytes(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit > 0 && value < 10 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                                : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string describe(const Progress& progress) {
  std::string text;
  if (progress.total_bytes > 0) {
    const auto percent = std::min<std::int64_t>(100, progress.done_bytes * 100 / progress.total_bytes);
    text = fmt::format("{}% ({} of {})", percent, describe_bytes(progress.done_bytes),
                       describe_bytes(progress.total_bytes));
  } else {
    text = describe_bytes(progress.done_bytes);
  }
  if (progress.bytes_per_second > 0) text += fmt::format(", {}/s", describe_bytes(progress.bytes_per_second));
  if (progress.seconds_left) text += fmt::format(", {} s left", *progress.seconds_left);
  return text;
}

std::string render_option(const config::ToolOption& option) {
  return option.value ? "--" + option.name + "=" + *option.value : "--" + option.name;
}

}  // namespace tanist::postgres
