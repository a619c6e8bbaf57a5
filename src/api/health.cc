#include "api/health.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <optional>

#include "core/format.h"
#include "core/text.h"
#include "net/http.h"

/// Which health check a path asks for, and the answer to it.
namespace tanist::api {

namespace {

using Parameters = std::map<std::string, std::string>;

/// The first value of each name; empty values do not count.
Parameters parameters_of(std::string_view target) {
  Parameters out;
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return out;
  for (auto& [name, value] : net::parse_query(target.substr(mark + 1))) {
    if (!value.empty()) out.emplace(std::move(name), std::move(value));
  }
  return out;
}

std::optional<std::int64_t> bytes_parameter(const Parameters& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return std::nullopt;
  return parse_int(Document(found->second), "B");
}

/// The last position of the leader that is known here: by the store, or by the WAL receiver.
Lsn leader_position(const MemberStatus& o) {
  Lsn out;
  if (o.view != nullptr) out = o.view->status.optime;
  if (o.probe != nullptr) out = std::max(out, o.probe->latest_end);
  return out;
}

/// How far `position` is behind the leader; negative when it is ahead.
std::int64_t bytes_behind(const MemberStatus& o, Lsn position) {
  return leader_position(o) - position;
}

struct Leadership {
  bool leader = false;
  bool primary = false;
  bool standby_leader = false;
  /// The holder of a standby cluster's lock is no replica for clients.
  bool never_replica = false;
};

Leadership leadership(const MemberStatus& o) {
  Leadership out;
  const auto role = o.snapshot->role;
  using postgres::Role;
  // Who is sent here would be refused: it stops, recovers from the crash of a backend, or waits for its
  // standbys after one.
  const auto& facts = o.snapshot->facts;
  const bool refuses =
      facts.refuses() || (facts.running() && facts.stopping) || (facts.running() && facts.clients_held);
  if (o.view == nullptr && o.snapshot->paused) {
    out.primary = role == Role::primary && !o.stale && !refuses;
    out.standby_leader = role == Role::standby_leader && !o.stale;
    out.leader = out.primary || out.standby_leader;
    return out;
  }
  if (!o.lease_held) return out;
  if (o.standby_cluster) {
    out.never_replica = true;
    if (o.stale) return out;
    out.standby_leader = role == Role::replica || role == Role::standby_leader;
    out.leader = out.standby_leader;
  } else {
    out.primary = role == Role::primary && !o.stale && !refuses;
    out.leader = out.primary;
  }
  return out;
}

bool replica_ok(const MemberStatus& o, const Leadership& who, const Parameters& parameters) {
  if (who.never_replica || o.snapshot->settings->tags.noloadbalance) return false;
  if (o.role != "replica" || o.state != "running") return false;
  if (const auto limit = bytes_parameter(parameters, "lag"); limit && leader_position(o)) {
    if (bytes_behind(o, o.probe != nullptr ? o.probe->replay : Lsn{}) > *limit) return false;
  }
  const auto wanted = parameters.find("replication_state");
  return wanted == parameters.end() || wanted->second == o.replication_state;
}

std::string tag_text(const Document& value) {
  return value.is_string() ? value.as_string() : lower(value.text());
}

bool tags_match(const MemberStatus& o, const Parameters& parameters) {
  constexpr std::string_view kPrefix = "tag_";
  return std::ranges::all_of(parameters, [&](const auto& parameter) {
    if (!parameter.first.starts_with(kPrefix)) return true;
    const Document* tag = o.snapshot->settings->tags.configured.find(parameter.first.substr(kPrefix.size()));
    return tag != nullptr && !tag->is_null() && tag_text(*tag) == parameter.second;
  });
}

}  // namespace

int health_status(std::string_view target, const MemberStatus& o) {
  std::string_view path = target.substr(0, target.find('?'));
  if (path == "/") path = "/primary";
  const Parameters parameters = parameters_of(target);
  const Leadership who = leadership(o);
  const auto status = [](bool good) { return good ? 200 : 503; };
  const auto has = [&](std::string_view part) { return path.find(part) != std::string_view::npos; };
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, path) != names.end();
  };

  // rest-api.md §4.2, in its order: the first rule that fits decides.
  if (has("standby_leader") || has("standby-leader")) return status(who.standby_leader);
  if (has("leader")) return status(who.leader);
  if (has("master") || has("primary") || has("read-write")) return status(who.primary);

  const auto replica = [&] { return replica_ok(o, who, parameters); };
  const bool writable = who.primary || who.standby_leader;
  bool good = false;
  if (has("replica")) {
    good = replica();
  } else if (has("read-only") && !has("sync") && !has("quorum")) {
    good = writable || replica();
  } else if (has("health")) {
    good = o.state == "running";
  } else if (o.view == nullptr) {
    good = false;
  } else if (is({"/sync", "/synchronous"})) {
    good = o.sync_standby && replica();
  } else if (is({"/quorum"})) {
    good = o.quorum_standby && replica();
  } else if (is({"/async", "/asynchronous"})) {
    good = !o.sync_standby && !o.quorum_standby && replica();
  } else if (is({"/read-only-quorum"})) {
    good = writable || (o.quorum_standby && replica());
  } else if (is({"/read-only-sync", "/read-only-synchronous"})) {
    good = writable || (o.sync_standby && replica());
  }
  return status(good && tags_match(o, parameters));
}

Verdict liveness(const MemberStatus& o, Instant now) {
  const ha::Snapshot& s = *o.snapshot;
  if (o.stale) {
    return {503,
            fmt::format("the control thread was last heard of {:.1f} s ago", seconds(now - s.published_at))};
  }
  if (s.paused) return {};
  const Duration ttl = s.settings->dynamic.timing.ttl;
  const Duration patience = s.role == postgres::Role::primary && s.facts.running() ? ttl : 2 * ttl;
  if (s.next_run + patience > now) return {};
  return {503, fmt::format("the cycle due {:.1f} s ago has not begun", seconds(now - s.next_run))};
}

Verdict readiness(std::string_view target, const MemberStatus& o) {
  if (o.lease_held && !o.stale) return {};
  if (o.snapshot->state != postgres::State::running) {
    return {503, "PostgreSQL is " + std::string(postgres::to_string(o.snapshot->state))};
  }
  if (o.replication_state != "streaming") {
    return {503, fmt::format("replication state is {}",
                             o.replication_state.empty() ? "unknown" : o.replication_state)};
  }
  if (o.view == nullptr && !o.probe->latest_end && o.failsafe) return {};
  if (o.view == nullptr && !o.probe->latest_end) return {503, "the position of the leader is not known"};
  const Parameters parameters = parameters_of(target);
  const auto mode = parameters.find("mode");
  const bool write = mode != parameters.end() && mode->second == "write";
  const Lsn position = write ? (o.probe->receive ? o.probe->receive : o.probe->replay) : o.probe->replay;
  const std::int64_t limit =
      bytes_parameter(parameters, "lag").value_or(o.snapshot->settings->dynamic.maximum_lag_on_failover);
  const std::int64_t behind = bytes_behind(o, position);
  if (behind <= limit) return {};
  return {503, fmt::format("{} {} bytes behind the leader, the limit is {}",
                           write ? "received WAL is" : "replay is", behind, limit)};
}

}  // namespace tanist::api
