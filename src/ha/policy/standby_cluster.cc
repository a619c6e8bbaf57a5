#include "ha/policy/standby_cluster.h"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ha/policy/decide.h"
#include "ha/policy/failsafe.h"
#include "ha/policy/following.h"
#include "ha/policy/manual_failover.h"
#include "ha/policy/member_slots.h"
#include "ha/policy/questions.h"
#include "ha/policy/rejoin.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// A hand-over takes less: nobody turns to the other cluster and back for one.
constexpr Duration kLeaderlessPatience = 10s;
/// The other cluster may have changed its primary meanwhile; longer, and somebody should look.
constexpr Duration kRemoteSilenceTold = 30s;
constexpr Duration kCompareRemoteAgain = 1s;
constexpr Duration kLookAtWords = 20ms;

const PolicySettings::Remote& remote(const View& view) {
  return view.settings.remote;
}

std::string shown_remote(const View& view) {
  const auto& where = remote(view);
  return where.host.empty() ? "the archive" : fmt::format("{}:{}", where.host, where.port);
}

void tell_silence(Draft& d) {
  const auto& since = d.memory.rejoin.not_streaming_since;
  if (!since || remote(d.view).host.empty() || streams(d.view)) return;
  const Duration silent = d.now() - *since;
  d.number("not_streaming_seconds", seconds(silent));
  if (silent < kRemoteSilenceTold) {
    d.wake(*since + kRemoteSilenceTold);
    return;
  }
  d.say_each_minute(log::Level::warning, Code::remote_silent,
                    {shown_remote(d.view), fmt::format("{:.0f}", seconds(silent))});
}

/// Recovery settings are not those for whom is to be followed; true: it restarts for that.
bool turn_to(Draft& d, const std::optional<postgres::Upstream>& upstream) {
  const auto difference = d.view.postgres.recovery_difference;
  if (difference == postgres::RecoveryDifference::none) return false;
  const bool restart = difference == postgres::RecoveryDifference::restart;
  d.intend(intent::Follow{
      .upstream = upstream, .restart = restart, .as_standby_leader = leads_standby_cluster(d.view)});
  trigger_check(d);
  return restart && d.because(Code::restarting_to_follow);
}

}  // namespace

bool leads_standby_cluster(const View& view) {
  return view.settings.dynamic.standby_cluster && view.has_lock();
}

postgres::Role standby_role(const View& view) {
  const bool leads = leads_standby_cluster(view) ||
                     (view.has_lock() && view.postgres.role == postgres::Role::standby_leader);
  return leads ? postgres::Role::standby_leader : postgres::Role::replica;
}

std::string names_own_member(const View& view) {
  if (!view.settings.dynamic.standby_cluster || !view.store.cluster || remote(view).host.empty()) return {};
  const dcs::Member* own = view.cluster().member_at(remote(view).host, remote(view).port);
  return own ? own->name : std::string();
}

std::optional<postgres::Upstream> remote_member(const View& view) {
  if (!view.settings.dynamic.standby_cluster || !names_own_member(view).empty()) return std::nullopt;
  postgres::Upstream upstream;
  upstream.member = "remote_member:" + shown_remote(view);
  upstream.host = remote(view).host;
  upstream.port = remote(view).port;
  // replication.md §2: the slot of the other side, not that of this member.
  if (view.settings.postgresql.use_slots && !remote(view).slot.empty())
    upstream.slot = dcs::slot_name(remote(view).slot);
  upstream.remote = true;
  return upstream;
}

bool follows_remote(const View& view) {
  if (!view.settings.dynamic.standby_cluster || !view.store.cluster) return false;
  if (view.has_lock()) return true;
  return view.lock == Lock::free && !view.settings.dynamic.pause;
}

std::optional<RejoinSource> rejoin_source(const View& view) {
  if (!view.store.cluster) return std::nullopt;
  if (view.settings.dynamic.standby_cluster) {
    auto upstream = remote_member(view);
    if (!upstream || upstream->host.empty()) return std::nullopt;
    RejoinSource source;
    source.name = upstream->member;
    source.upstream = std::move(*upstream);
    source.primary = source.checkpoint_unknown = true;
    return source;
  }
  const dcs::Member* leader = view.cluster().leader_member();
  if (!leader || leader->name == view.self.name || view.has_lock()) return std::nullopt;
  RejoinSource source;
  source.name = leader->name;
  source.member = leader;
  source.primary = leader->role == "primary";
  source.checkpoint_pending = leader->checkpoint_after_promote_pending;
  // One that ancient, or of another make, says nothing of its checkpoint.
  source.checkpoint_unknown = version_below(leader->patroni_version, 1, 5, 7).value_or(true);
  if (auto upstream = upstream_of(view, *leader)) source.upstream = std::move(*upstream);
  return source;
}

/// ha.md §10.1.2, §15. The lock is kept, where Patroni may release it to a replica that has the shutdown
/// checkpoint: who follows this leader finds it where it was, as the one that has everything.
bool demote_to_standby_cluster(Draft& d) {
  if (!is_primary(d.view) || d.settings.dynamic.pause) return false;
  if (const std::string own = names_own_member(d.view); !own.empty()) {
    d.say_each_minute(log::Level::error, Code::standby_cluster_of_itself, {shown_remote(d.view), own});
    return false;
  }
  d.memory.race.acquiring = false;
  if (!d.linearizable()) return d.because(Code::no_real_primary);
  d.intend(intent::Demote{.mode = DemoteMode::demote_cluster, .name = "demoting to a standby cluster"});
  trigger_check(d);
  return d.because(Code::no_real_primary);
}

bool lead_standby_cluster(Draft& d) {
  const bool won = std::exchange(d.memory.race.acquiring, false);
  if (const std::string own = names_own_member(d.view); !own.empty()) {
    d.say_each_minute(log::Level::error, Code::standby_cluster_of_itself, {shown_remote(d.view), own});
    return d.because(Code::no_action, {d.me()});
  }
  // The words are behind what was seen: decided again when both agree.
  if (may_commit(d.view)) {
    d.wake_in(kLookAtWords);
    return d.because(Code::no_real_primary);
  }
  if (hand_over_as_asked(d)) return true;
  // ha.md §14.3: nothing is synchronous here.
  if (d.cluster.sync.active() && d.cluster.config.valid) {
    d.add(duty::DeleteSync{d.cluster.sync.version});
    d.say(log::Level::info, Code::sync_disabled);
  }
  publish_status(d);
  publish_failsafe(d);
  if (rejoin_by_rewind(d)) return true;
  const auto upstream = wanted_upstream(d.view);
  const bool aim = upstream.has_value() || d.settings.tags.nostream;
  if (aim && turn_to(d, upstream)) return true;
  tell_silence(d);
  if (d.memory.rejoin.rewind == RewindState::check)
    d.wake_in(std::min(kCompareRemoteAgain, d.timing().loop_wait));
  if (won) return d.because(Code::standby_leader_by_acquiring);
  if (d.view.postgres.role != postgres::Role::standby_leader) return d.because(Code::standby_leader_had_lock);
  return d.because(Code::no_action_standby_leader, {d.me()});
}

bool follow_remote_without_leader(Draft& d) {
  auto& since = d.memory.following.leaderless_since;
  if (!follows_remote(d.view) || may_commit(d.view)) return false;
  if (!since) since = d.now();
  if (d.now() - *since < kLeaderlessPatience) {
    d.wake(*since + kLeaderlessPatience);
    return false;
  }
  if (!d.facts().running() || d.facts().failing_since) return false;
  const auto upstream = wanted_upstream(d.view);
  return upstream && turn_to(d, upstream);
}

}  // namespace tanist::ha::policy
