#pragma once

#include <functional>
#include <optional>
#include <string>

#include "async/task_scope.h"
#include "ha/engine/words.h"
#include "ha/lease/keeper.h"
#include "ha/ports.h"

namespace tanist::ha {

/// The settings that count now: the local ones with the dynamic configuration of the store over them, built
/// anew when either changes. What changes is told to the keeper, the store and PostgreSQL; the dynamic part
/// is kept on disk for a start without the store.
class SettingsInForce {
 public:
  /// `applied`: PostgreSQL was given new settings.
  SettingsInForce(Ports ports, LeaseKeeper& keeper, TaskScope& scope, const Words& words,
                  config::SettingsPtr settings, SettingsBuilder builder, std::function<void()> applied);

  const config::SettingsPtr& get() const { return settings_; }
  const config::Settings* operator->() const { return settings_.get(); }
  const config::Timing& timing() const { return settings_->dynamic.timing; }

  /// Before anything else: what was kept. Whether the cluster is paused counts from there on.
  Task<void> read_kept();
  /// The dynamic configuration of the store, else the one that was kept, else the one for a new cluster;
  /// false: the last is no good.
  bool begin(const dcs::Cluster& cluster);

  /// New local settings (SIGHUP): in force from the next cycle on.
  void reload(config::SettingsPtr settings, SettingsBuilder builder);
  void take_reloaded();
  /// The dynamic configuration of a view becomes the settings, when it is valid and new.
  void adopt(const dcs::Config& config);

  /// Short leases are for members that know of them.
  void know_members(const dcs::Cluster& cluster);

  /// After each decision, where a member is a cluster's and nothing works on its PostgreSQL: keeps the
  /// dynamic part on disk where it changed, and looks whether what runs has the settings of another role.
  Task<void> keep_up();
  /// The files of PostgreSQL are to be written again: more than the settings has changed.
  void write_again() { wanted_ = true; }
  /// Hands PostgreSQL what it has not got yet, in the background.
  void apply_where_due();

 private:
  std::string kept_path() const { return settings_->postgresql.data_dir + "/patroni.dynamic.json"; }
  config::SettingsPtr over_current_dynamic(config::SettingsPtr reloaded) const;
  void use(config::SettingsPtr built);
  bool overlay_due() const;
  void announce();
  Task<void> apply_in_background();

  Ports ports_;
  LeaseKeeper& keeper_;
  TaskScope& scope_;
  const Words& words_;
  /// As the configuration has them; what is in force of them.
  config::SettingsPtr built_;
  config::SettingsPtr settings_;
  /// A member of another make; empty: there is none.
  std::string foreign_member_;
  SettingsBuilder builder_;
  std::function<void()> applied_;
  config::SettingsPtr reloaded_;
  SettingsBuilder reloaded_builder_;
  dcs::Config seen_;
  /// The dynamic part as the file has it.
  std::string kept_;
  bool wanted_ = false;
  bool forced_ = false;
  bool applying_ = false;
};

}  // namespace tanist::ha
