#include "ha/engine/settings_in_force.h"

#include <utility>

#include "config/modes.h"
#include "core/document.h"
#include "ha/engine/small_file.h"
#include "json/parse.h"
#include "log/log.h"

TANIST_LOGGER("patroni.ha");

namespace tanist::ha {
namespace {

using namespace std::chrono_literals;

/// A reload may take a second to show what needs a restart.
constexpr Duration kApplyBudget = 30s;

}  // namespace

SettingsInForce::SettingsInForce(Ports ports, LeaseKeeper& keeper, TaskScope& scope, const Words& words,
                                 config::SettingsPtr settings, SettingsBuilder builder,
                                 std::function<void()> applied)
    : ports_(ports),
      keeper_(keeper),
      scope_(scope),
      words_(words),
      built_(std::move(settings)),
      settings_(built_),
      builder_(std::move(builder)),
      applied_(std::move(applied)) {}

Task<void> SettingsInForce::read_kept() {
  kept_ = co_await read_small(ports_, kept_path());
  const auto dynamic = parse_json(kept_);
  keeper_.set_paused(dynamic && config::modes_of(*dynamic).pause);
}

bool SettingsInForce::begin(const dcs::Cluster& cluster) {
  if (!kept_.empty()) {
    auto data = parse_json(kept_);
    auto built = data ? builder_(*data) : std::unexpected(data.error());
    if (built) {
      use(*built);
    } else {
      log::error("Exception when loading file: {}: {}", kept_path(), built.error());
      kept_.clear();
    }
  } else if (!cluster.config.valid && settings_->bootstrap.present) {
    auto built = builder_(settings_->bootstrap.dcs);
    if (!built) {
      log::critical("bootstrap.dcs is refused: {}", built.error());
      return false;
    }
    use(*built);
  }
  adopt(cluster.config);
  announce();
  return true;
}

void SettingsInForce::reload(config::SettingsPtr settings, SettingsBuilder builder) {
  reloaded_ = std::move(settings);
  reloaded_builder_ = std::move(builder);
  forced_ = true;
}

void SettingsInForce::take_reloaded() {
  if (!reloaded_) return;
  builder_ = std::move(reloaded_builder_);
  use(over_current_dynamic(std::exchange(reloaded_, nullptr)));
  announce();
  wanted_ = forced_ = true;
}

/// The dynamic configuration may be another one by now than `reloaded` was built over.
config::SettingsPtr SettingsInForce::over_current_dynamic(config::SettingsPtr reloaded) const {
  const Document& current = settings_->dynamic.raw;
  if (reloaded->dynamic.raw == current) return reloaded;
  auto built = builder_(current);
  if (built) return *built;
  log::error("Exception when setting dynamic_configuration: {}", built.error());
  return built_;
}

void SettingsInForce::adopt(const dcs::Config& config) {
  if (!config.valid) return;
  // A key that was deleted and is back may have the version of before.
  if (seen_.version == config.version && equal_by_text(seen_.data, config.data)) return;
  seen_ = config;
  if (equal_by_text(config.data, settings_->dynamic.raw)) return;
  auto built = builder_(config.data);
  if (!built) {
    log::error("Exception when setting dynamic_configuration: {}", built.error());
    return;
  }
  use(*built);
  announce();
  wanted_ = true;
}

void SettingsInForce::use(config::SettingsPtr built) {
  built_ = std::move(built);
  const config::Dynamic& dynamic = built_->dynamic;
  if (foreign_member_.empty() || !dynamic.short_lease) {
    settings_ = built_;
    return;
  }
  config::Settings limited = *built_;
  limited.dynamic.timing = dynamic.usual_timing;
  settings_ = std::make_shared<const config::Settings>(std::move(limited));
}

void SettingsInForce::know_members(const dcs::Cluster& cluster) {
  std::string foreign;
  for (const auto& [name, member] : cluster.members)
    if (foreign.empty() && member.foreign()) foreign = name;
  const bool were = !foreign_member_.empty();
  foreign_member_ = foreign;
  const config::Dynamic& dynamic = built_->dynamic;
  if (were == !foreign.empty() || !dynamic.short_lease) return;
  if (foreign.empty()) {
    log::info("tanist.short_lease is in force: ttl is {:.0f} s", seconds(dynamic.timing.ttl));
  } else {
    log::warning(
        "tanist.short_lease is not in force while {}, which is of another make, is in the cluster: ttl is "
        "{:.0f} s",
        foreign, seconds(dynamic.usual_timing.ttl));
  }
  use(built_);
  announce();
}

void SettingsInForce::announce() {
  keeper_.set_timing(timing());
  keeper_.set_paused(settings_->dynamic.pause);
  ports_.store.set_timing(timing());
  ports_.fence.take_settings(settings_);
}

Task<void> SettingsInForce::keep_up() {
  const std::string dynamic = to_json(settings_->dynamic.raw);
  if (dynamic != kept_ && settings_->dynamic.raw.size() > 0) {
    auto written = co_await ports_.disk.write(kept_path(), dynamic, 0600, ports_.clock.now() + kDiskBudget);
    if (written) {
      kept_ = dynamic;
    } else {
      log::error("Exception when saving file: {}", written.error());
    }
  }
  if (!applying_ && overlay_due()) wanted_ = true;
}

/// config.md §1.3, postgres.md §20: what runs has the settings of another role, or was found running.
bool SettingsInForce::overlay_due() const {
  const auto& facts = ports_.server.facts();
  if (!facts.accepts()) return false;
  const auto wanted = postgres::overlay_name(words_.role);
  if (facts.settings_stale) return !wanted.empty();
  if (!facts.settings_role || settings_->postgresql.role_overlays.empty()) return false;
  return postgres::overlay_name(*facts.settings_role) != wanted;
}

void SettingsInForce::apply_where_due() {
  if (!wanted_ || applying_) return;
  applying_ = true;
  scope_.spawn("apply configuration", apply_in_background());
}

Task<void> SettingsInForce::apply_in_background() {
  while (wanted_) {
    wanted_ = false;
    auto given = co_await ports_.server.apply(settings_, words_.role, std::exchange(forced_, false),
                                              ports_.clock.now() + kApplyBudget);
    if (!given) log::error("could not apply the configuration: {}", given.error().detail);
  }
  applying_ = false;
  applied_();
}

}  // namespace tanist::ha
