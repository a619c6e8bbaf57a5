#include "config/modes.h"

#include <algorithm>

#include "core/text.h"

namespace tanist::config {
namespace {

/// By parse_bool and never by truth: "off" is a text, and any text is true.
bool is_on(const Document& dynamic, std::string_view key) {
  const Document* value = dynamic.find(key);
  return value && value->is_scalar() && parse_bool(*value).value_or(false);
}

Dynamic::SyncMode sync_mode(const Document& dynamic) {
  const Document* mode = dynamic.find("synchronous_mode");
  if (mode && mode->is_string() && lower(mode->as_string()) == "quorum") return Dynamic::SyncMode::quorum;
  return is_on(dynamic, "synchronous_mode") ? Dynamic::SyncMode::on : Dynamic::SyncMode::off;
}

bool is_standby_cluster(const Document& dynamic) {
  const Document* section = dynamic.find("standby_cluster");
  if (!section || !section->is_map()) return false;
  constexpr std::string_view kEach[] = {"host", "port", "restore_command"};
  return std::ranges::any_of(kEach, [&](std::string_view key) {
    const Document* value = section->find(key);
    return value && value->truthy();
  });
}

}  // namespace

Modes modes_of(const Document& dynamic) {
  Modes out;
  if (!dynamic.is_map()) return out;
  out.pause = is_on(dynamic, "pause");
  out.failsafe = is_on(dynamic, "failsafe_mode");
  out.standby_cluster = is_standby_cluster(dynamic);
  if (!out.standby_cluster) out.synchronous = sync_mode(dynamic);
  out.synchronous_strict = is_on(dynamic, "synchronous_mode_strict");
  return out;
}

}  // namespace tanist::config
