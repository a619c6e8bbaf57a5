#include "ctl/show/diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/format.h"

namespace tanist::ctl {

namespace {

constexpr std::size_t kContext = 3;
/// Beyond this many pairs of lines to compare everything between the first and the last difference is
/// replaced.
constexpr std::size_t kMostPairs = 25'000'000;

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return out;
}

/// One line of the way from `before` to `after`.
struct Step {
  /// ' ' kept, '-' removed, '+' added.
  char kind;
  std::string_view line;
};

/// The shortest way, removals before additions.
std::vector<Step> steps_between(const Lines& before, const Lines& after) {
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < before.size() - head && tail < after.size() - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  const std::size_t n = before.size() - head - tail;
  const std::size_t m = after.size() - head - tail;

  std::vector<Step> out;
  for (std::size_t i = 0; i < head; ++i) out.push_back({' ', before[i]});
  if (n != 0 && m > kMostPairs / n) {
    for (std::size_t i = 0; i < n; ++i) out.push_back({'-', before[head + i]});
    for (std::size_t j = 0; j < m; ++j) out.push_back({'+', after[head + j]});
  } else {
    // common[i][j]: lines in common of what is left from i and j on.
    std::vector<std::uint32_t> common((n + 1) * (m + 1), 0);
    const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (m + 1) + j]; };
    for (std::size_t i = n; i-- > 0;)
      for (std::size_t j = m; j-- > 0;)
        at(i, j) =
            before[head + i] == after[head + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < n || j < m) {
      if (i < n && j < m && before[head + i] == after[head + j]) {
        out.push_back({' ', before[head + i++]});
        ++j;
      } else if (i < n && (j == m || at(i + 1, j) >= at(i, j + 1))) {
        out.push_back({'-', before[head + i++]});
      } else {
        out.push_back({'+', after[head + j++]});
      }
    }
  }
  for (std::size_t i = before.size() - tail; i < before.size(); ++i) out.push_back({' ', before[i]});
  return out;
}

/// `first,count` as unified diffs count: from 1, the count of 1 left out, an empty range after the line
/// before it.
std::string range(std::size_t first, std::size_t count) {
  if (count == 1) return fmt::format("{}", first + 1);
  return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  const auto steps = steps_between(lines_of(before), lines_of(after));
  const auto changed = [&](std::size_t i) { return steps[i].kind != ' '; };
  std::string out;
  std::size_t line_before = 0;
  std::size_t line_after = 0;
  std::size_t done = 0;
  const auto skip_to = [&](std::size_t end) {
    for (; done < end; ++done) {
      if (steps[done].kind != '+') ++line_before;
      if (steps[done].kind != '-') ++line_after;
    }
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!changed(i)) continue;
    // The hunk goes on while the next change is no further away than the lines of two contexts.
    std::size_t last = i;
    for (std::size_t k = i + 1; k < steps.size() && k - last <= 2 * kContext + 1; ++k)
      if (changed(k)) last = k;
    const std::size_t begin = std::max(done, i - std::min(i, kContext));
    const std::size_t end = std::min(steps.size(), last + 1 + kContext);
    skip_to(begin);
    const std::size_t first_before = line_before;
    const std::size_t first_after = line_after;
    std::string hunk;
    for (std::size_t k = begin; k < end; ++k) hunk += fmt::format("{}{}\n", steps[k].kind, steps[k].line);
    skip_to(end);
    if (out.empty()) out = "--- \n+++ \n";
    out += fmt::format("@@ -{} +{} @@\n", range(first_before, line_before - first_before),
                       range(first_after, line_after - first_after));
    out += hunk;
    i = end - 1;
  }
  return out;
}

std::string coloured(std::string_view diff) {
  std::string out;
  for (const auto line : lines_of(diff)) {
    const char* colour = line.starts_with("@@")                               ? "\033[36m"
                         : line.starts_with("---") || line.starts_with("+++") ? "\033[1m"
                         : line.starts_with('-')                              ? "\033[31m"
                         : line.starts_with('+')                              ? "\033[32m"
                                                                              : "";
    out += *colour == '\0' ? fmt::format("{}\n", line) : fmt::format("{}{}\033[0m\n", colour, line);
  }
  return out;
}

}  // namespace tanist::ctl
