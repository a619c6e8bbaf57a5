#include "member/settings_source.h"

#include "config/build.h"
#include "config/read/until_restart.h"
#include "config/sections/dynamic.h"
#include "log/log.h"

TANIST_LOGGER("patroni.config");

namespace tanist::member {

struct SettingsSource::Start {
  std::optional<config::StartValues> values;
  /// What was said already: settings are built again and again over one dynamic configuration.
  std::vector<std::string> told;
};

SettingsSource::SettingsSource(std::string path, config::Environment environment)
    : path_(std::move(path)), environment_(std::move(environment)), start_(std::make_shared<Start>()) {}

std::expected<config::LocalConfig, config::Problems> SettingsSource::read() const {
  return config::load(path_.empty() ? std::nullopt : std::optional(path_), environment_);
}

void SettingsSource::use(config::LocalConfig local) {
  local_ = std::make_shared<const config::LocalConfig>(std::move(local));
}

ha::SettingsBuilder SettingsSource::builder() const {
  return [local = local_,
          start = start_](const Document& dynamic) -> std::expected<config::SettingsPtr, std::string> {
    config::Problems notes;
    auto accepted = config::accept_dynamic(dynamic, notes);
    if (!accepted) return std::unexpected(accepted.error());
    auto settings = std::make_shared<config::Settings>(config::build(*local, *accepted, notes));
    tell(notes);
    if (start->values) {
      auto kept = config::keep_until_restart(*start->values, *settings);
      if (kept != start->told) tell_of_restart(kept);
      start->told = std::move(kept);
    }
    return settings;
  };
}

void SettingsSource::started_with(const config::Settings& settings) {
  if (!start_->values) start_->values = config::start_values(settings);
}

void tell(const config::Problems& problems) {
  for (const auto& problem : problems)
    log::write(problem.severity == config::Severity::error ? log::Level::error : log::Level::warning,
               config::to_string(problem));
}

void tell_of_restart(const std::vector<std::string>& paths) {
  for (const auto& path : paths)
    log::warning("a change of {} takes effect when the daemon is restarted", path);
}

}  // namespace tanist::member
