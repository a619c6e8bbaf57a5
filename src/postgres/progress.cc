#include "postgres/progress.h"

#include <charconv>

namespace tanist::postgres {

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
  return Progress{*done * 1024, *total * 1024};
}

std::string render_option(const config::ToolOption& option) {
  return option.value ? "--" + option.name + "=" + *option.value : "--" + option.name;
}

}  // namespace tanist::postgres
