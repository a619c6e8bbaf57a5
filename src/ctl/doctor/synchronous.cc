#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "config/modes.h"
#include "config/zones.h"
#include "core/format.h"
#include "core/text.h"
#include "ctl/doctor/configuration.h"
#include "ctl/doctor/findings.h"

/// Whether what synchronous replication promises is kept, and by whom.
namespace tanist::ctl::doctor {

namespace {

using SyncMode = config::Dynamic::SyncMode;

std::int64_t node_count(const Document& config) {
  const Document* count = config.find("synchronous_node_count");
  return std::max<std::int64_t>(1, count != nullptr ? parse_int(*count).value_or(1) : 1);
}

std::string field_of(const Document& row, const char* key) {
  const Document* value = row.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

/// The leader's status document.
const Document* status_of_leader(const Seen& seen) {
  for (const auto& each : seen.members)
    if (each.member.name == seen.store->leader_name() && each.status) return &*each.status;
  return nullptr;
}

/// How many connections of each name, in lower case, stream from the leader; nullopt: it does not tell.
std::optional<std::map<std::string, int>> streams_of_leader(const Seen& seen) {
  const Document* status = status_of_leader(seen);
  // Without positions its PostgreSQL has not answered.
  if (status == nullptr || status->find("xlog") == nullptr) return std::nullopt;
  std::map<std::string, int> out;
  const Document* rows = status->find("replication");
  if (rows == nullptr || !rows->is_list()) return out;
  for (const auto& row : rows->as_list())
    if (row.is_map() && field_of(row, "state") == "streaming")
      ++out[lower(field_of(row, "application_name"))];
  return out;
}

/// Who the store says is synchronous, and does not look so.
void check_voters(const Seen& seen, Findings& out) {
  const auto streams = streams_of_leader(seen);
  for (const auto& voter : seen.store->sync.voters) {
    const auto same = [&](const auto& entry) { return lower(entry.first) == lower(voter); };
    if (std::ranges::find_if(seen.store->members, same) == seen.store->members.end()) {
      out.push_back({Grade::warning, voter, "is synchronous by /sync, and is no member",
                     "start it, or see in the leader's log why it is not replaced"});
    } else if (streams && !streams->contains(lower(voter))) {
      out.push_back({Grade::warning, voter,
                     "is synchronous by /sync, and does not stream from the leader: commits may wait for it",
                     "its log and the leader's say why: user, pg_hba, slot, or WAL that is gone"});
    }
  }
}

/// PostgreSQL knows standbys by application_name alone.
void check_names(const Seen& seen, Findings& out) {
  const auto streams = streams_of_leader(seen);
  if (!streams) return;
  for (const auto& [name, member] : seen.store->members)
    if (const auto found = streams->find(lower(name)); found != streams->end() && found->second > 1)
      out.push_back(
          {Grade::error, name,
           fmt::format("{} connections stream from the leader under this name: either may count as the "
                       "synchronous standby",
                       found->second),
           "names of members have to differ in a cluster and all its standby clusters: rename one, and look "
           "for a foreign pg_receivewal"});
}

bool is_off(const Document& value) {
  const std::string text = lower(value.text());
  return text == "local" || parse_bool(value) == false;
}

}  // namespace

void check_sync(const Seen& seen, Findings& out) {
  const auto& cluster = *seen.store;
  if (seen.modes.synchronous == SyncMode::off || cluster.unlocked()) return;
  const dcs::SyncState& sync = cluster.sync;
  if (sync.active() && lower(sync.leader) != lower(cluster.leader_name()))
    out.push_back({Grade::warning, "",
                   fmt::format("/sync is that of {}, and {} leads", sync.leader, cluster.leader_name()),
                   "if it stays so, the leader's log says why it does not write its own"});
  const std::int64_t wanted = node_count(cluster.config.data);
  const auto voters = static_cast<std::int64_t>(sync.voters.size());
  if (voters == 0) {
    const bool strict = seen.modes.synchronous_strict;
    out.push_back({strict ? Grade::error : Grade::warning, "",
                   strict ? "synchronous_mode_strict is on, and no member is a synchronous standby: commits "
                            "wait"
                          : "synchronous_mode is on, and no member is a synchronous standby: what is "
                            "committed now is on the leader alone, and nobody would take over",
                   "it takes a replica that streams and has no tag nosync"});
  } else if (voters < wanted) {
    out.push_back({Grade::warning, "",
                   fmt::format("{} synchronous {}, and synchronous_node_count is {}", voters,
                               voters == 1 ? "standby" : "standbys", wanted),
                   "it takes as many replicas that stream and have no tag nosync"});
  }
  check_voters(seen, out);
  check_names(seen, out);
}

Findings judge_synchronous(const Document& config) {
  Findings out;
  const config::Modes modes = config::modes_of(config);
  if (modes.synchronous == SyncMode::off) {
    if (modes.synchronous_strict && !modes.standby_cluster)
      out.push_back(
          {Grade::warning, "synchronous_mode_strict", "has no effect while synchronous_mode is off", ""});
    if (config::zones_of(config).min_other_zones > 0 && !modes.standby_cluster)
      out.push_back({Grade::warning, "synchronous_zones.min_other_zones",
                     "has no effect while synchronous_mode is off", ""});
    return out;
  }
  for (const char* role : {"", "_primary"}) {
    const std::string path = fmt::format("postgresql.parameters{}", role);
    const Document* parameters = config.find_path(path);
    if (parameters == nullptr || !parameters->is_map()) continue;
    for (const auto& [name, value, line] : parameters->entries()) {
      if (value.is_null() || !value.is_scalar()) continue;
      if (lower(name) == "synchronous_standby_names")
        out.push_back({Grade::warning, path + "." + name,
                       "has no effect while synchronous_mode is on: the leader writes its own", ""});
      if (lower(name) == "synchronous_commit" && is_off(value))
        out.push_back({Grade::warning, path + "." + name,
                       fmt::format("is {}: clients are answered before a standby has what they wrote, "
                                   "whatever synchronous_mode says",
                                   value.text()),
                       "on, remote_apply or remote_write; sessions may still choose less"});
    }
  }
  return out;
}

}  // namespace tanist::ctl::doctor
