#include "api/member_status.h"

#include <algorithm>

/// What may still be said of a member at the moment of an answer, by a snapshot that may be old.
namespace tanist::api {

namespace {

bool is_stale(const ha::Snapshot& s, Instant now) {
  const Duration patience = std::max<Duration>(s.settings->dynamic.timing.retry_timeout,
                                               2 * kMonitorPeriod + std::chrono::seconds(1));
  if (now - s.published_at > patience) return true;
  // A snapshot published after the lease's end knows of that end, and its role and its `lease_held` say so.
  return s.lease_until > s.published_at && s.lease_until <= now;
}

const dcs::Cluster* usable_view(const ha::Snapshot& s, Instant now) {
  if (!s.cluster || !s.store_ok || s.cluster->empty()) return nullptr;
  return now - s.cluster_read_at <= s.settings->dynamic.timing.ttl ? s.cluster.get() : nullptr;
}

/// The probe that may stand behind an answer.
const postgres::Probe* usable_probe(const ha::Snapshot& s) {
  using postgres::State;
  if (!s.facts.probe || s.facts.process == postgres::Process::none) return nullptr;
  switch (s.state) {
    case State::running:
    case State::restarting:
    case State::starting: return s.facts.running() && !s.facts.failing_since ? &*s.facts.probe : nullptr;
    // Peers go on asking a server that stops where it stands. Not once it is demoted: its key is about to be
    // free, and a primary that seems alive, or a position that nobody reaches, would hold up the race for it.
    case State::stopping: return s.role == postgres::Role::demoted ? nullptr : &*s.facts.probe;
    default: return nullptr;
  }
}

}  // namespace

MemberStatus member_status(const ha::Snapshot& s, Instant now) {
  const auto& dynamic = s.settings->dynamic;
  MemberStatus o;
  o.snapshot = &s;
  o.stale = is_stale(s, now);
  o.lease_held = now < s.lease_until;
  o.failsafe = now < s.failsafe_until;
  o.view = usable_view(s, now);
  o.probe = usable_probe(s);
  o.standby_cluster = dynamic.standby_cluster;
  o.state = postgres::to_string(s.state);
  o.role = postgres::to_string(s.role);
  if (o.probe == nullptr) {
    if (s.state == postgres::State::running) o.state = "unknown";
    return o;
  }
  if (!o.probe->in_recovery) {
    o.role = "primary";
    return o;
  }
  if (!o.standby_cluster) o.role = "replica";
  o.replication_state = o.probe->replication_state();
  using SyncMode = config::Dynamic::SyncMode;
  if (o.role == "replica" && !o.standby_cluster && dynamic.synchronous_mode != SyncMode::off &&
      o.view != nullptr && o.view->sync.is_voter(s.settings->name)) {
    (dynamic.synchronous_mode == SyncMode::quorum ? o.quorum_standby : o.sync_standby) = true;
  }
  return o;
}

}  // namespace tanist::api
