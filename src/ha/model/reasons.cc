#include <array>

#include "ha/model/decision.h"

namespace tanist::ha {
namespace {

struct Entry {
  std::string_view name;
  std::string_view text;
  std::string_view section;
};

constexpr Entry kReasons[] = {
#define TANIST_REASON(code, text, section) {#code, text, section},
#include "ha/model/reasons.inc"
#undef TANIST_REASON
};

const Entry& entry(Code code) {
  return kReasons[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view code_name(Code code) {
  return entry(code).name;
}
std::string_view code_text(Code code) {
  return entry(code).text;
}
std::string_view code_section(Code code) {
  return entry(code).section;
}

std::string Reason::text() const {
  const std::string_view form = code_text(code);
  std::string out;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool place = i + 2 < form.size() && form[i] == '{' && form[i + 2] == '}';
    if (!place) {
      out += form[i];
      continue;
    }
    const auto n = static_cast<std::size_t>(form[i + 1] - '0');
    if (n < arguments.size()) out += arguments[n];
    i += 2;
  }
  return out;
}

}  // namespace tanist::ha
