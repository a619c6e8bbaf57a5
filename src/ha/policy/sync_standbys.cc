#include "ha/policy/sync_standbys.h"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "core/text.h"
#include "ha/policy/race.h"

namespace tanist::ha::policy {
namespace {

using SyncMode = config::Dynamic::SyncMode;

/// A standby that streams from here and may be waited for.
struct Candidate {
  const dcs::Member* member = nullptr;
  const postgres::WalSenderSeen* sender = nullptr;
  /// How far it has come in the way that commits wait for.
  Lsn reached;
};

bool quorum_mode(const Draft& d) {
  return d.settings.dynamic.synchronous_mode == SyncMode::quorum;
}

Lsn reached(const postgres::WalSenderSeen& sender, const std::string& commit) {
  if (commit == "remote_apply") return sender.replay_lsn;
  if (commit == "remote_write") return sender.write_lsn;
  return sender.flush_lsn;
}

const dcs::Member* member_named(const dcs::Cluster& cluster, const std::string& name) {
  const auto found =
      std::ranges::find_if(cluster.members, [&](const auto& entry) { return same_name(entry.first, name); });
  return found == cluster.members.end() ? nullptr : &found->second;
}

/// Beyond the peer: two that stream by one name would be taken for each other.
bool alone_by_its_name(Draft& d, const std::string& name) {
  const auto& senders = d.facts().probe->wal_senders;
  const auto streams = std::ranges::count_if(senders, [&](const auto& sender) {
    return sender.state == "streaming" && same_name(sender.application_name, name);
  });
  if (streams > 1) d.say_each_minute(log::Level::warning, Code::sync_two_senders, {name}, name);
  return streams == 1;
}

/// Meant to stream from another member that streams from here itself: it does so only until that one is
/// back.
bool is_a_guest(const std::vector<Candidate>& candidates, const Candidate& of) {
  const auto find = [&](const std::string& name) {
    return std::ranges::find_if(candidates,
                                [&](const Candidate& c) { return same_name(c.member->name, name); });
  };
  NameSet passed;
  std::string from = of.member->replicatefrom();
  while (!from.empty() && passed.insert(from).second) {
    const auto upstream = find(from);
    if (upstream == candidates.end()) return false;
    from = upstream->member->replicatefrom();
    if (from.empty()) return upstream->member != of.member;
  }
  return false;
}

StandbySeen seen(const Draft& d, const Candidate& c) {
  return {.reached = c.reached, .pid = c.sender->pid, .key = c.member->version, .since = d.now()};
}

bool same(const StandbySeen& a, const StandbySeen& b) {
  return a.reached == b.reached && a.pid == b.pid && a.key == b.key;
}

bool has_vanished(Draft& d, const Candidate& c) {
  auto& vanished = d.memory.synchronous.vanished;
  const auto known = vanished.find(lower(c.member->name));
  if (known == vanished.end()) return false;
  if (same(known->second, seen(d, c))) return true;
  vanished.erase(known);
  return false;
}

std::vector<Candidate> candidates(Draft& d) {
  std::vector<Candidate> all;
  for (const auto& sender : d.facts().probe->wal_senders) {
    if (sender.state != "streaming") continue;
    const dcs::Member* member = member_named(d.cluster, sender.application_name);
    const Lsn at = reached(sender, d.facts().probe->synchronous_commit);
    if (!member || same_name(member->name, d.me()) || !at) continue;
    if (member->state != to_string(postgres::State::running) || member->nosync()) continue;
    const Candidate candidate{member, &sender, at};
    if (alone_by_its_name(d, member->name) && !has_vanished(d, candidate)) all.push_back(candidate);
  }
  std::vector<Candidate> out;
  std::ranges::copy_if(all, std::back_inserter(out), [&](const Candidate& c) { return !is_a_guest(all, c); });
  // Those that are waited for already stay before others; PostgreSQL's words for it order themselves.
  std::ranges::sort(out, [&](const Candidate& a, const Candidate& b) {
    const auto rank = [&](const Candidate& c) {
      // replication.md §21: in priority mode only those may lead next.
      return std::tuple(!c.member->nofailover(), c.member->sync_priority(),
                        -zone_rank(d.view, c.member->zone(), d.me()), c.sender->sync_state, c.reached);
    };
    if (rank(a) != rank(b)) return rank(a) > rank(b);
    return a.member->name < b.member->name;
  });
  return out;
}

bool in_force(const Draft& d) {
  return !d.facts().own_standby_names || *d.facts().own_standby_names == d.facts().probe->standby_names;
}

/// Commits wait for this one since the list that names it is in force, and it has come past that point.
bool is_ready(Draft& d, const Candidate& c) {
  auto& memory = d.memory.synchronous;
  const std::string name = lower(c.member->name);
  if (const auto known = memory.ready.find(name); known != memory.ready.end()) {
    if (known->second == c.sender->pid) return true;
    memory.ready.erase(known);
  }
  const bool voter = d.cluster.sync.leader == d.me() && d.cluster.sync.is_voter(c.member->name);
  bool ready = in_force(d) && c.reached >= memory.barrier;
  if (quorum_mode(d)) {
    // PostgreSQL 9.6 has one word for both.
    const bool old = d.facts().probe->server_version < 100000;
    ready = ready && (c.sender->sync_state == "quorum" ||
                      (old && (c.sender->sync_state == "sync" || c.sender->sync_state == "potential")));
  } else {
    ready = voter || (ready && c.sender->sync_state == "sync");
  }
  if (ready) memory.ready[name] = c.sender->pid;
  return ready;
}

/// A host that is gone drops packets, and PostgreSQL keeps its walsender for a minute: commits would wait so
/// long. Beyond the reference: one that comes no further for loop_wait although commits wait, has not written
/// its member key meanwhile and does not answer is replaced. None of these alone says so. False: it is being
/// asked.
bool look_for_vanished(Draft& d, const SyncStandbys& found, const std::vector<Candidate>& streaming) {
  auto& memory = d.memory.synchronous;
  std::map<std::string, StandbySeen> still;
  std::map<std::string, std::string> doubtful;
  for (const auto& c : streaming) {
    if (!found.names.names.contains(c.member->name) || c.reached >= d.facts().probe->wal) continue;
    const std::string name = lower(c.member->name);
    StandbySeen now = seen(d, c);
    if (const auto before = memory.still.find(name);
        before != memory.still.end() && same(before->second, now))
      now.since = before->second.since;
    const Instant due = now.since + d.timing().loop_wait;
    if (d.now() >= due && !c.member->api_url.empty()) doubtful[c.member->name] = c.member->api_url;
    if (d.now() < due) d.wake(due);
    still[name] = std::move(now);
  }
  memory.still = std::move(still);
  if (doubtful.empty() || d.settings.dynamic.synchronous_strict) return true;
  if (!ask(d, doubtful)) return false;
  for (const auto& [name, url] : doubtful) {
    if (d.view.answers.peers->at(name).reachable) continue;
    memory.vanished[lower(name)] = memory.still.at(lower(name));
    d.say(log::Level::warning, Code::sync_vanished,
          {name, fmt::format("{:.0f}", seconds(d.timing().loop_wait))});
  }
  return true;
}

}  // namespace

int fewest_standbys(const PolicySettings& settings) {
  return settings.dynamic.synchronous_strict ? 1 : 0;
}

int wanted_standbys(const PolicySettings& settings) {
  return std::max(settings.dynamic.synchronous_node_count, fewest_standbys(settings));
}

SyncStandbys judge_standbys(Draft& d, const OtherZones& zones) {
  const postgres::Probe& probe = *d.facts().probe;
  auto& memory = d.memory.synchronous;
  SyncStandbys out;
  // What a running server has it has accepted.
  out.names = postgres::parse_standby_names(probe.standby_names).value_or(postgres::StandbyNames());
  if (memory.names != probe.standby_names) {
    memory.names = probe.standby_names;
    memory.barrier = probe.wal;
    memory.ready.clear();
  }

  auto streaming = candidates(d);
  if (!look_for_vanished(d, out, streaming)) return out;
  std::erase_if(streaming, [&](const Candidate& c) { return has_vanished(d, c); });
  Lsn reference = probe.wal;
  if (streaming.size() > 1) reference = std::ranges::max(streaming, {}, &Candidate::reached).reached;
  const std::int64_t most_lag = d.settings.dynamic.maximum_lag_on_syncnode;
  std::erase_if(streaming,
                [&](const Candidate& c) { return most_lag > 0 && reference - c.reached > most_lag; });
  const auto is_other = [&](const Candidate& c) { return zones.members.contains(c.member->name); };
  const int wanted = wanted_standbys(d.settings);
  int others = std::min(zones.wanted, static_cast<int>(std::ranges::count_if(streaming, is_other)));
  const bool one_only = probe.server_version < 90600;
  if (one_only) others = std::min(others, 1);
  const int most = one_only ? 1 : std::max(wanted, others);
  for (const auto& candidate : streaming) {
    const std::string& name = candidate.member->name;
    const bool other = is_other(candidate);
    const int chosen = static_cast<int>(out.active.size());
    if (quorum_mode(d)) {
      if (candidate.member->nofailover() && chosen >= wanted && !(other && others > 0)) continue;
    } else {
      // The places that others have to have are kept for them.
      if (chosen >= most || (!other && chosen + std::max(others, 0) >= most)) continue;
    }
    if (other) --others;
    out.active.insert(name);
    const bool ready = out.names.names.contains(name) && is_ready(d, candidate);
    if (ready && (quorum_mode(d) || candidate.sender->sync_state == "sync")) out.confirmed.insert(name);
  }
  return out;
}

}  // namespace tanist::ha::policy
