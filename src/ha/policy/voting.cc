#include "ha/policy/voting.h"

namespace tanist::ha::policy {

using SyncMode = config::Dynamic::SyncMode;

bool sync_in_force(const View& view) {
  return view.settings.dynamic.synchronous_mode != SyncMode::off && view.cluster().sync.active();
}

bool quorum_in_force(const View& view) {
  if (!sync_in_force(view)) return false;
  return view.settings.dynamic.synchronous_mode == SyncMode::quorum || view.cluster().sync.quorum > 0;
}

bool in_voting_set(const dcs::Cluster& cluster, const std::string& name) {
  return cluster.sync.is_member(name);
}

bool may_be_elected(const View& view) {
  if (!sync_in_force(view) || in_voting_set(view.cluster(), view.self.name)) return true;
  // Of a key that was written for another mode only its own members know what it means.
  return view.settings.dynamic.synchronous_mode == SyncMode::quorum;
}

}  // namespace tanist::ha::policy
