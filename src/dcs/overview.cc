#include "dcs/overview.h"

#include <algorithm>
#include <cctype>

#include "core/text.h"

namespace tanist::dcs {

namespace {

std::string role_of(const Member& member, const Cluster& cluster, const config::Modes& modes) {
  if (!cluster.unlocked() && member.name == cluster.leader_name()) {
    return modes.standby_cluster ? "standby_leader" : "leader";
  }
  if (modes.synchronous != config::Dynamic::SyncMode::off && cluster.sync.is_voter(member.name)) {
    return modes.synchronous == config::Dynamic::SyncMode::quorum ? "quorum_standby" : "sync_standby";
  }
  return "replica";
}

std::string state_of(const Member& member, const std::string& role) {
  if (!member.replication_state.empty() && role != "leader") return member.replication_state;
  // The model reads an absent state as `unknown`; here nothing is shown for it.
  return member.state == "unknown" ? std::string() : member.state;
}

void put_position(Document& out, const char* lag, const char* lsn, const PositionSeen& seen) {
  if (seen.known()) {
    out.set(lag, seen.lag);
    out.set(lsn, to_string(seen.lsn));
  } else {
    out.set(lag, "unknown");
    out.set(lsn, "unknown");
  }
}

}  // namespace

std::vector<MemberOverview> member_overviews(const Cluster& cluster, const config::Modes& modes) {
  std::vector<MemberOverview> out;
  const auto position = [&](Lsn lsn) {
    return PositionSeen{lsn, std::max<std::int64_t>(0, cluster.status.optime - lsn)};
  };
  for (const auto& [name, member] : cluster.members) {
    MemberOverview row;
    row.name = name;
    row.role = role_of(member, cluster, modes);
    row.state = state_of(member, row.role);
    row.api_url = member.api_url;
    row.address = member.host_port();
    row.timeline = member.timeline;
    row.is_leader = !cluster.unlocked() && name == cluster.leader_name();
    row.receive = position(member.receive_lsn);
    row.replay = position(member.replay_lsn);
    row.latest = position(member.xlog_location);
    row.raw = member.raw;
    out.push_back(std::move(row));
  }
  return out;
}

Document cluster_document(const Cluster& cluster, const Document& config, const std::string& scope) {
  const config::Modes modes = config::modes_of(config);
  Document members = Document::list();
  for (auto& row : member_overviews(cluster, modes)) {
    Document item = Document::map();
    item.set("name", row.name);
    item.set("role", row.role);
    item.set("state", row.state);
    item.set("api_url", row.api_url.empty() ? Document() : Document(row.api_url));
    if (row.address) {
      item.set("host", row.address->first);
      item.set("port", row.address->second);
    }
    for (const char* key :
         {"timeline", "pending_restart", "pending_restart_reason", "scheduled_restart", "tags"}) {
      if (const Document* value = row.raw.find(key)) item.set(key, *value);
    }
    if (const Document* progress = row.raw.find("tanist_progress")) item.set("progress", *progress);
    if (const Document* error = row.raw.find("tanist_rejoin_error")) item.set("rejoin_error", *error);
    if (!row.is_leader) {
      put_position(item, "receive_lag", "receive_lsn", row.receive);
      put_position(item, "replay_lag", "replay_lsn", row.replay);
      put_position(item, "lag", "lsn", row.latest);
    }
    members.push_back(std::move(item));
  }
  Document out = Document::map();
  out.set("members", std::move(members));
  if (modes.pause) out.set("pause", true);
  if (cluster.failover.scheduled_at) {
    Document& planned = out.set("scheduled_switchover", Document::map());
    planned.set("at", iso8601(*cluster.failover.scheduled_at));
    if (!cluster.failover.leader.empty()) planned.set("from", cluster.failover.leader);
    if (!cluster.failover.candidate.empty()) planned.set("to", cluster.failover.candidate);
  }
  out.set("scope", scope);
  return out;
}

Document history_document(const History& history) {
  Document out = Document::list();
  for (const auto& line : history.lines) {
    Document row = Document::list();
    row.push_back(static_cast<std::int64_t>(line.parent.value));
    row.push_back(line.switch_lsn.value);
    row.push_back(line.reason);
    if (!line.timestamp.empty()) {
      row.push_back(line.timestamp);
      if (!line.new_leader.empty()) row.push_back(line.new_leader);
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace tanist::dcs
