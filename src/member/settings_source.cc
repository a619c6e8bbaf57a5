#include "member/settings_source.h"

#include "config/build.h"
#include "config/dynamic.h"
#include "core/log.h"

namespace tanist::member {

SettingsSource::SettingsSource(std::string path, config::Environment environment)
    : path_(std::move(path)), environment_(std::move(environment)) {}

std::expected<config::LocalConfig, config::Problems> SettingsSource::read() const {
  return config::load(path_.empty() ? std::nullopt : std::optional(path_), environment_);
}

void SettingsSource::use(config::LocalConfig local) {
  local_ = std::make_shared<const config::LocalConfig>(std::move(local));
}

ha::SettingsBuilder SettingsSource::builder() const {
  return [local = local_](const Document& dynamic) -> std::expected<config::SettingsPtr, std::string> {
    config::Problems notes;
    auto accepted = config::accept_dynamic(dynamic, notes);
    if (!accepted) return std::unexpected(accepted.error());
    auto settings = std::make_shared<const config::Settings>(config::build(*local, *accepted, notes));
    tell(notes);
    return settings;
  };
}

void tell(const config::Problems& problems) {
  for (const auto& problem : problems)
    log::write(problem.severity == config::Severity::error ? log::Level::error : log::Level::warning,
               config::to_string(problem));
}

}  // namespace tanist::member
