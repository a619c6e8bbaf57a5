#include <map>
#include <vector>

#include "core/format.h"
#include "ctl/doctor/configuration.h"
#include "ctl/doctor/findings.h"
#include "dcs/overview.h"

/// Checks of what the store says.
namespace tanist::ctl::doctor {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kDefaultMaximumLag = 1048576;

std::int64_t number(const Document& config, const char* key, std::int64_t otherwise) {
  const Document* value = config.find(key);
  return value != nullptr ? parse_int(*value).value_or(otherwise) : otherwise;
}

/// `a > b > a`, where the tags replicatefrom lead from this member back to it; else empty.
std::string circle_of(const dcs::Cluster& cluster, const std::string& name) {
  std::string path = name;
  std::size_t steps = 0;
  for (const dcs::Member* at = cluster.member(name); at != nullptr && steps <= cluster.members.size();
       ++steps) {
    const std::string next = at->replicatefrom();
    if (at->name == cluster.leader_name() || next.empty() || next == at->name) return {};
    path += " > " + next;
    if (next == name) return path;
    at = cluster.member(next);
  }
  return {};
}

/// It replays late on purpose, and does not take over by itself.
bool delayed(const Seen& seen, const std::string& name) {
  for (const auto& each : seen.members)
    if (each.member.name == name && each.status) return each.status->find("tanist_delayed") != nullptr;
  return false;
}

}  // namespace

void check_leader(const Seen& seen, Findings& out) {
  const auto& cluster = *seen.store;
  if (cluster.empty()) {
    out.push_back(
        {Grade::error, "", "the store knows nothing of this cluster",
         "check the name of the cluster, the namespace, and which store the configuration leads to"});
    return;
  }
  if (!cluster.initialize.present || cluster.initialize.value.empty())
    out.push_back({Grade::warning, "", "the cluster is not initialized, or is being so just now",
                   "a member whose configuration has `bootstrap` makes it: its log says how far it is"});
  if (cluster.unlocked()) {
    out.push_back({Grade::error, "", "there is no leader: nobody accepts writes",
                   seen.modes.pause ? "the cluster is paused: `resume`, or promote a member by `failover`"
                                    : "the logs of the members say why none of them takes over"});
    return;
  }
  const std::string leader = cluster.leader_name();
  const dcs::Member* member = cluster.leader_member();
  if (member == nullptr) {
    out.push_back(
        {Grade::error, leader, "leads and has no member key", "its daemon may be dead: look at its log"});
  } else if (member->state != "running") {
    out.push_back({Grade::error, leader, fmt::format("leads, and its PostgreSQL is '{}'", member->state),
                   "its log and PostgreSQL's say why it does not run"});
  }
  for (const auto& each : seen.members) {
    if (!each.status || each.member.name == leader) continue;
    const Document* role = each.status->find("role");
    if (role != nullptr && (role->text() == "primary" || role->text() == "master"))
      out.push_back({Grade::error, each.member.name, fmt::format("says it is primary, and {} leads", leader),
                     "two primaries: keep clients from one of them, and look at both logs"});
  }
}

void check_candidates(const Seen& seen, Findings& out) {
  const auto& cluster = *seen.store;
  if (cluster.unlocked()) return;
  const std::int64_t limit = number(cluster.config.data, "maximum_lag_on_failover", kDefaultMaximumLag);
  const bool plain = seen.modes.synchronous == config::Dynamic::SyncMode::on;
  std::size_t replicas = 0;
  std::size_t able = 0;
  for (const auto& row : dcs::member_overviews(cluster, seen.modes)) {
    if (row.is_leader) continue;
    ++replicas;
    const auto& member = cluster.members.at(row.name);
    const auto& best = row.receive.known() ? row.receive : row.latest;
    if (member.nofailover() || member.state != "running" || delayed(seen, row.name)) continue;
    // Who is not synchronous does not take over in plain synchronous mode.
    if (plain && cluster.sync.active() && !cluster.sync.is_voter(row.name)) continue;
    if (best.known() && best.lag > limit) {
      out.push_back(
          {Grade::warning, row.name,
           fmt::format("is {} bytes behind, more than maximum_lag_on_failover ({}): it would not take "
                       "over",
                       best.lag, limit),
           "network, disk, or a query that holds up the replay: `list` shows how the lag goes"});
      continue;
    }
    ++able;
  }
  if (replicas == 0) {
    out.push_back({Grade::error, "", "there is no replica: when the leader is lost, so are its data",
                   "start another member"});
  } else if (able == 0) {
    out.push_back({Grade::error, "", "no replica could take over: none runs, is near enough and may lead",
                   "look at tags, states and lag in `list`"});
  }
}

void check_timing(const Seen& seen, Findings& out) {
  const Document& config = seen.store->config.data;
  if (!seen.store->config.valid) {
    if (!seen.store->config.version.absent())
      out.push_back({Grade::error, "", "the key /config of the store holds no JSON object",
                     "PUT /config of a member replaces it"});
    return;
  }
  for (auto& finding : judge_timing(config)) out.push_back(std::move(finding));
  const auto ttl = number(config, "ttl", 30);
  constexpr std::int64_t kLong = 120;
  if (ttl > kLong)
    out.push_back(
        {Grade::note, "", fmt::format("ttl is {}: a lost host is replaced after so many seconds", ttl), ""});
}

void check_modes(const Seen& seen, Findings& out) {
  if (seen.modes.pause)
    out.push_back({Grade::warning, "", "the cluster is paused: a primary that fails is not replaced",
                   "`resume` when the maintenance is over"});
  for (const auto& each : seen.members) {
    if (each.member.pause == seen.modes.pause) continue;
    out.push_back({Grade::warning, each.member.name,
                   each.member.pause ? "still thinks that the cluster is paused"
                                     : "does not know yet that the cluster is paused",
                   "its daemon may be cut off from the store"});
  }
}

void check_requests(const Seen& seen, Findings& out) {
  const auto& request = seen.store->failover;
  if (!request.invalid_schedule.empty())
    out.push_back({Grade::warning, "",
                   "the time of a scheduled switchover cannot be read: " + request.invalid_schedule,
                   "`flush switchover`"});
  if (request.scheduled_at && *request.scheduled_at + 1min < seen.now)
    out.push_back(
        {Grade::warning, "",
         "a switchover was scheduled for " + iso8601(*request.scheduled_at) + " and has not happened",
         "`flush switchover`"});
  for (const auto& name : {request.leader, request.candidate})
    if (!name.empty() && seen.store->member(name) == nullptr)
      out.push_back({Grade::warning, name, "is named by a request for a switchover, and is no member",
                     "`flush switchover` takes the request back"});
}

void check_hosts(const Seen& seen, Findings& out) {
  std::map<std::string, std::vector<std::string>> by_host;
  for (const auto& [name, member] : seen.store->members)
    if (const auto address = member.host_port()) by_host[address->first].push_back(name);
  for (const auto& [host, names] : by_host) {
    if (names.size() < 2) continue;
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
    out.push_back({Grade::warning, "",
                   fmt::format("{} stand on one host, {}: they are lost together", all, host),
                   "hosts of their own, with power and disks of their own"});
  }
  for (const auto& [name, member] : seen.store->members) {
    const std::string upstream = member.replicatefrom();
    if (const std::string circle = circle_of(*seen.store, name); !circle.empty())
      out.push_back(
          {Grade::warning, name,
           fmt::format("its tag replicatefrom leads round in a circle ({}): it follows the leader", circle),
           "mend the tag of one of these members"});
    if (!upstream.empty() && seen.store->member(upstream) == nullptr)
      out.push_back(
          {Grade::warning, name,
           fmt::format("its tag replicatefrom names {}, which is no member: it follows the leader", upstream),
           "mend the tag, or start that member"});
  }
}

}  // namespace tanist::ctl::doctor
