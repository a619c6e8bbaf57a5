#include "config/errors.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::config {

std::string to_string(const Problem& p) {
  std::string out = p.file;
  if (p.line > 0) out += fmt::format(":{}", p.line);
  if (p.line > 0 && p.column > 0) out += fmt::format(":{}", p.column);
  if (!out.empty()) out += ": ";
  if (!p.key.empty()) out += p.key + ": ";
  out += p.text;
  if (!p.hint.empty()) out += "\nHINT: " + p.hint;
  return out;
}

std::string to_string(const Problems& problems) {
  std::string out;
  for (const auto& p : problems) out += (out.empty() ? "" : "\n") + to_string(p);
  return out;
}

bool has_errors(const Problems& problems) {
  return std::ranges::any_of(problems, [](const Problem& p) { return p.severity == Severity::error; });
}

}  // namespace tanist::config
