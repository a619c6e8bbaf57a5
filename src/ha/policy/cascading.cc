#include "ha/policy/cascading.h"

#include <algorithm>
#include <set>
#include <string>

#include "ha/policy/following.h"
#include "ha/policy/questions.h"

namespace tanist::ha::policy {
namespace {

using namespace std::chrono_literals;

/// How long nothing is streamed from an upstream that says itself that it does not run, and from one that
/// says nothing of the kind: most of them are back by then.
constexpr Duration kDownPatience = 2s;
constexpr Duration kSilentPatience = 5s;
/// Where another upstream takes a restart of this member, before PostgreSQL 13.
constexpr Duration kRestartPatience = 30s;
/// How long the upstream has to be well before it is returned to: twice as long after each return that did
/// not last.
constexpr Duration kReturnAfter = 10s;
constexpr Duration kReturnAfterAtMost = 5min;
constexpr Duration kLasted = 60s;
/// Member keys wake nobody: how often that of an upstream is looked at which is gone by.
constexpr Duration kLookForReturn = 2s;
constexpr int kFollowsByReload = 130000;
constexpr int kShowsReceiver = 90600;
constexpr int kFirstThatAdvances = 110000;

struct Chain {
  /// The member that the tag names; nullptr: there is none, or its key tells no address.
  const dcs::Member* first = nullptr;
  /// It streams from this member in the end, or from itself.
  bool circle = false;
  /// `n1 > n2 > n1`
  std::string path;
};

/// What is reached by following the tags upwards. A tag that names its own member, or nobody, means the
/// leader.
Chain chain_of(const View& view) {
  const dcs::Cluster& cluster = view.cluster();
  const std::string& me = view.self.name;
  Chain out{.first = cluster.member(view.settings.tags.replicatefrom), .circle = false, .path = me};
  if (out.first && !out.first->host_port()) out.first = nullptr;
  std::set<std::string> passed;
  for (const dcs::Member* at = out.first; at != nullptr && at->name != cluster.leader_name();) {
    out.path += " > " + at->name;
    if (!passed.insert(at->name).second) {
      out.circle = true;
      break;
    }
    const std::string next = at->replicatefrom();
    // Its own key may be late.
    if (next == me) {
      out.circle = true;
      out.path += " > " + me;
      break;
    }
    at = next.empty() || next == at->name ? nullptr : cluster.member(next);
  }
  return out;
}

/// The tag means somebody else than the leader, which another member is.
bool is_meant(const View& view) {
  const auto& tags = view.settings.tags;
  const std::string leader = view.cluster().leader_name();
  return !tags.nostream && !tags.replicatefrom.empty() && tags.replicatefrom != view.self.name &&
         !leader.empty() && leader != view.self.name && leader != tags.replicatefrom;
}

bool runs(const dcs::Member& member) {
  return member.state == to_string(postgres::State::running);
}

/// It can be streamed from, as far as its key tells. How far behind it is does not matter.
bool is_well(const dcs::Member& member, const dcs::Member* leader) {
  const bool fed =
      member.replication_state.empty() || member.replication_state == "streaming" || member.nostream();
  const bool same_timeline =
      !member.timeline || !leader || !leader->timeline || member.timeline == leader->timeline;
  return runs(member) && member.host_port() && fed && same_timeline;
}

void leave(Draft& d, const dcs::Member* upstream) {
  auto& cascade = d.memory.following.cascade;
  const std::string& from = d.settings.tags.replicatefrom;
  if (cascade.returned_at) {
    const bool lasted = d.now() - *cascade.returned_at >= kLasted;
    cascade.returns_in_vain = lasted ? 0 : cascade.returns_in_vain + 1;
  }
  cascade.left = from;
  cascade.left_at = d.now();
  cascade.left_version = upstream ? upstream->version : dcs::Version();
  cascade.cut_off_since.reset();
  cascade.well_since.reset();
  cascade.returned_at.reset();
  d.say(log::Level::warning, Code::upstream_left, {from, d.cluster.leader_name()});
  d.wake(d.now());
}

/// While the upstream is followed.
void watch(Draft& d, const dcs::Member& upstream) {
  auto& cascade = d.memory.following.cascade;
  const auto& facts = d.facts();
  const bool answers = facts.accepts() && has_fresh_probe(d.view) && facts.probe->in_recovery &&
                       facts.major_version >= kShowsReceiver;
  // What waits for WAL to become consistent answers nobody.
  const bool starves = is_starting(d.view) && !runs(upstream);
  const bool followed = d.view.postgres.recovery_difference == postgres::RecoveryDifference::none;
  if (!followed || !(answers ? !streams(d.view) : starves)) {
    cascade.cut_off_since.reset();
    return;
  }
  // What came before this leadership may have been its beginning.
  const std::string leader = d.cluster.leader_name();
  if (!cascade.cut_off_since || cascade.under != leader) cascade.cut_off_since = d.now();
  cascade.under = leader;
  // A leader that does not run feeds nobody either.
  const dcs::Member* instead = d.cluster.leader_member();
  if (!instead || !runs(*instead) || !instead->host_port()) return;
  Duration patience = runs(upstream) ? kSilentPatience : kDownPatience;
  if (facts.major_version < kFollowsByReload) patience = std::max(patience, kRestartPatience);
  if (d.now() < *cascade.cut_off_since + patience) {
    d.wake(*cascade.cut_off_since + patience);
    return;
  }
  leave(d, &upstream);
}

/// The key is not what the upstream was left with: that of a host that is lost stays as it is, until it ends.
bool has_news(const Draft& d, const dcs::Member& upstream) {
  const auto& cascade = d.memory.following.cascade;
  return upstream.version != cascade.left_version || d.now() - cascade.left_at > d.timing().ttl;
}

/// It lets this member in for streaming; nullopt: it has to be asked first, which was noted as a need.
std::optional<bool> lets_in(Draft& d, const dcs::Member& upstream) {
  const auto& answer = d.view.answers.source;
  if (answer && answer->member == upstream.name)
    return !answer->system_identifier.empty() && answer->system_identifier == d.facts().system_identifier;
  d.decision.needs.source = upstream_of(d.view, upstream);
  return std::nullopt;
}

/// While the leader stands in for it.
void look_for_return(Draft& d, const dcs::Member* upstream) {
  auto& cascade = d.memory.following.cascade;
  if (!upstream || !is_well(*upstream, d.cluster.leader_member()) || !has_news(d, *upstream)) {
    cascade.well_since.reset();
    d.wake_in(std::min(kLookForReturn, d.timing().loop_wait));
    return;
  }
  if (!cascade.well_since) cascade.well_since = d.now();
  Duration pause = kReturnAfter;
  for (int i = 0; i < cascade.returns_in_vain && pause < kReturnAfterAtMost; ++i) pause *= 2;
  pause = std::min(pause, kReturnAfterAtMost);
  if (d.now() < *cascade.well_since + pause) {
    d.wake_in(std::min(kLookForReturn, *cascade.well_since + pause - d.now()));
    return;
  }
  const auto there = lets_in(d, *upstream);
  if (!there) return;
  if (!*there) {
    cascade.well_since = d.now();
    d.wake_in(kLookForReturn);
    return;
  }
  cascade.left.clear();
  cascade.well_since.reset();
  cascade.returned_at = d.now();
  d.say(log::Level::info, Code::upstream_is_back, {upstream->name});
  d.wake(d.now());
}

}  // namespace

const dcs::Member* tagged_upstream(const View& view) {
  const std::string& from = view.settings.tags.replicatefrom;
  if (!is_meant(view) || view.memory.following.cascade.left == from) return nullptr;
  const Chain chain = chain_of(view);
  return chain.circle ? nullptr : chain.first;
}

bool leader_stands_in(const View& view) {
  if (!is_meant(view) || tagged_upstream(view) || !view.cluster().member(view.settings.tags.replicatefrom))
    return false;
  // replication.md §4.3: whoever keeps slots for all keeps one for this member, too.
  const int version = view.postgres.facts.major_version;
  const bool keeps_all = (version == 0 || version >= kFirstThatAdvances) &&
                         view.settings.dynamic.member_slots_ttl > Duration::zero();
  const dcs::Member* leader = view.cluster().leader_member();
  return !keeps_all || !leader || leader->nofailover();
}

void mind_upstream(Draft& d) {
  auto& cascade = d.memory.following.cascade;
  if (!is_meant(d.view)) {
    cascade = {};
    return;
  }
  const std::string& from = d.settings.tags.replicatefrom;
  if (!cascade.left.empty() && cascade.left != from) cascade = {};
  const Chain chain = chain_of(d.view);
  if (chain.circle) {
    d.say_each_minute(log::Level::warning, Code::upstreams_in_circle, {chain.path});
    cascade = {};
  } else if (cascade.left == from) {
    look_for_return(d, chain.first);
  } else if (chain.first) {
    watch(d, *chain.first);
  } else {
    leave(d, nullptr);
  }
}

}  // namespace tanist::ha::policy
