#include "log/names.h"

#include <functional>
#include <map>

#include "log/log.h"

namespace tanist::log {
namespace {

/// Source path → logger. Filled while the program is loaded, by one thread; never destroyed, as lines may
/// come from static destructors.
std::map<std::string, std::string, std::less<>>& named_sources() {
  static auto* const all = new std::map<std::string, std::string, std::less<>>;
  return *all;
}

constexpr std::string_view kOwn = "tanist";
constexpr std::string_view kKnown = "patroni";

/// Index behind the bracket that closes the one at `open`.
std::size_t behind_group(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '<') ++depth;
    if ((text[i] == ')' || text[i] == '>') && --depth == 0) return i + 1;
  }
  return text.size();
}

}  // namespace

std::string_view source_path(std::string_view file) {
  constexpr std::string_view kRoot = "src/";
  const auto at = file.rfind("/src/");
  if (at != std::string_view::npos) return file.substr(at + 1 + kRoot.size());
  if (file.starts_with(kRoot)) return file.substr(kRoot.size());
  const auto tests = file.rfind("tests/");
  if (tests != std::string_view::npos && (tests == 0 || file[tests - 1] == '/')) return file.substr(tests);
  return file.substr(file.rfind('/') + 1);
}

std::string logger_name(std::string_view source_path) {
  const auto& all = named_sources();
  const auto named = all.find(source_path);
  return named == all.end() ? std::string(kKnown) : named->second;
}

std::string canonical_logger(std::string_view name) {
  if (name == kOwn || (name.starts_with(kOwn) && name[kOwn.size()] == '.'))
    return std::string(kKnown).append(name.substr(kOwn.size()));
  return std::string(name);
}

NamedSource::NamedSource(std::string_view logger, const std::source_location& where) {
  named_sources().emplace(source_path(where.file_name()), logger);
}

std::string_view bare_function_name(std::string_view signature) {
  if (signature.contains("operator()")) return "<lambda>";
  // The parameters begin at the first bracket that is no part of a qualified name such as `(anonymous
  // namespace)::`.
  std::size_t end = signature.size();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < signature.size();) {
    const char c = signature[i];
    if (c == '(') {
      const auto behind = behind_group(signature, i);
      if (!signature.substr(behind).starts_with("::")) {
        end = i;
        break;
      }
      i = behind;
    } else if (c == '<') {
      i = behind_group(signature, i);
    } else {
      ++i;
      if (c == ' ' || c == ':' || c == '*' || c == '&') begin = i;
    }
  }
  auto name = signature.substr(begin, end - begin);
  return name.substr(0, name.find('<'));
}

}  // namespace tanist::log
