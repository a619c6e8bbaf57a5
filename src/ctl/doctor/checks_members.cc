#include <map>
#include <set>

#include "core/format.h"
#include "ctl/doctor/findings.h"

/// Checks of what members and their servers say.
namespace tanist::ctl::doctor {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kGigabyte = std::int64_t{1} << 30;
constexpr int kMajor = 10000;

std::string text_at(const Document& status, const char* path) {
  const Document* value = status.find_path(path);
  return value == nullptr || value->is_null() ? std::string() : value->text();
}

/// Which values there are, and who has them: `4.1.4 (pga), 4.1.5 (pgb)`; empty: one value, or none.
std::string differing(const Seen& seen, const char* path) {
  std::map<std::string, std::string> who;
  for (const auto& each : seen.members) {
    if (!each.status) continue;
    const std::string value = text_at(*each.status, path);
    if (value.empty()) continue;
    auto& names = who[value];
    names += (names.empty() ? "" : ", ") + each.member.name;
  }
  if (who.size() < 2) return {};
  std::string out;
  for (const auto& [value, names] : who)
    out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", value, names);
  return out;
}

}  // namespace

void check_answers(const Seen& seen, Findings& out) {
  for (const auto& each : seen.members) {
    if (each.status) continue;
    out.push_back({Grade::error, each.member.name,
                   "its REST API does not answer as it should: " + each.status.error(),
                   "load balancers and peers ask it, too: is the daemon alive, is the port open?"});
  }
}

void check_clocks(const Seen& seen, Findings& out) {
  // The header counts whole seconds, and the answer takes its time.
  constexpr Duration kTolerated = 3s;
  for (const auto& each : seen.members) {
    if (!each.clock_ahead) continue;
    const Duration off = *each.clock_ahead < 0s ? -*each.clock_ahead : *each.clock_ahead;
    if (off <= kTolerated) continue;
    out.push_back({Grade::warning, each.member.name,
                   fmt::format("its clock is about {} s {} this host's", off / 1s,
                               *each.clock_ahead < 0s ? "behind" : "ahead of"),
                   "scheduled switchovers and logs go by the clock: synchronize it"});
  }
}

void check_versions(const Seen& seen, Findings& out) {
  if (const auto versions = differing(seen, "patroni.version"); !versions.empty())
    out.push_back({Grade::warning, "", "members speak different levels of Patroni: " + versions,
                   "bring all to one version"});
  if (const auto versions = differing(seen, "tanist_version"); !versions.empty())
    out.push_back({Grade::warning, "", "members run different versions of Tanist: " + versions,
                   "bring all to one version"});
  std::set<std::int64_t> majors;
  for (const auto& each : seen.members) {
    const Document* version = each.status ? each.status->find("server_version") : nullptr;
    if (const auto number = version != nullptr ? parse_int(*version) : std::nullopt;
        number && *number >= kMajor)
      majors.insert(*number >= 10 * kMajor ? *number / kMajor : *number / 100);
  }
  const auto servers = differing(seen, "server_version");
  if (majors.size() > 1) {
    out.push_back({Grade::error, "", "servers of different major versions: " + servers,
                   "one cannot replicate from the other"});
  } else if (!servers.empty()) {
    out.push_back({Grade::warning, "", "servers of different minor versions: " + servers,
                   "bring all to the newer one, replicas first"});
  }
}

void check_identity(const Seen& seen, Findings& out) {
  const auto& initialize = seen.store->initialize;
  if (!initialize.valid_system_id()) return;
  for (const auto& each : seen.members) {
    const std::string own = each.status ? text_at(*each.status, "database_system_identifier") : std::string();
    if (!own.empty() && own != initialize.value)
      out.push_back({Grade::error, each.member.name,
                     fmt::format("its database is another one: system identifier {}, the cluster's is {}",
                                 own, initialize.value),
                     "it was not copied from this cluster: `reinit` copies it anew"});
  }
}

void check_replication(const Seen& seen, Findings& out) {
  const dcs::Member* leader = seen.store->leader_member();
  if (leader == nullptr) return;
  for (const auto& each : seen.members) {
    const auto& member = each.member;
    if (member.name == leader->name) continue;
    if (member.state != "running") {
      out.push_back({Grade::error, member.name, fmt::format("its PostgreSQL is '{}'", member.state),
                     "its log and PostgreSQL's say why it does not run"});
    } else if (member.timeline && leader->timeline && member.timeline != leader->timeline) {
      out.push_back(
          {Grade::error, member.name,
           fmt::format("is on timeline {}, the leader on {}", member.timeline.value, leader->timeline.value),
           "if it stays so, its log says why it cannot follow; `reinit` copies it anew"});
    } else if (member.replication_state != "streaming" && !member.nostream()) {
      out.push_back({Grade::warning, member.name,
                     member.replication_state.empty() ? "does not stream"
                                                      : "does not stream: " + member.replication_state,
                     "its log and the leader's say why: user, pg_hba, slot, or WAL that is gone"});
    }
  }
}

void check_restarts(const Seen& seen, Findings& out) {
  for (const auto& each : seen.members) {
    if (!each.member.pending_restart) continue;
    std::string names;
    if (const Document* reasons = each.member.raw.find("pending_restart_reason");
        reasons && reasons->is_map())
      for (const auto& [name, value, line] : reasons->entries()) names += (names.empty() ? "" : ", ") + name;
    out.push_back({Grade::warning, each.member.name,
                   "waits for a restart" + (names.empty() ? std::string() : " to apply " + names),
                   "`restart --pending`"});
  }
}

void check_troubles(const Seen& seen, Findings& out) {
  for (const auto& each : seen.members) {
    if (!each.status) continue;
    const auto tell = [&](const char* path, Grade grade, const std::string& what, const char* advice) {
      const std::string text = text_at(*each.status, path);
      if (!text.empty() && text != "False")
        out.push_back({grade, each.member.name, what + (text == "True" ? "" : text), advice});
    };
    tell("rejoin_error", Grade::error, "cannot rejoin: ", "`reinit` copies it anew");
    tell("tanist_diverged", Grade::error, "has what the leader has not: it diverged",
         "it is rewound or copied anew, where the configuration allows that: its log says what it waits for");
    tell("postgres_failing.why", Grade::error, "its PostgreSQL fails: ", "PostgreSQL's log says more");
    tell("watchdog_failed", Grade::error, "its watchdog is required and cannot be used",
         "is the device there, and may the daemon open it?");
    tell("tanist_watchdog.problem", Grade::warning,
         "its watchdog does not watch: ", "`watchdog.mode: off` does without");
    if (text_at(*each.status, "tanist_guardian") == "missing")
      out.push_back({Grade::warning, each.member.name,
                     "has no guardian: nobody stops its PostgreSQL where its daemon cannot run",
                     "its log says why none could be started; `guard.mode: off` does without"});
    tell("failsafe_mode_is_active", Grade::warning, "failsafe mode is active: the store cannot be reached",
         "bring the store back");
    tell("stale", Grade::warning, "its daemon has not looked at PostgreSQL for a while",
         "is its host overloaded, or its disk stuck?");
    tell("cluster_unlocked", Grade::warning, "sees no leader, or nothing of the store",
         "can it reach the store? its log says what came back");
    tell("logger_records_lost", Grade::warning, "has lost lines of its log: ",
         "where the log goes is too slow: log.dir, or a larger log.max_queue_size");
  }
}

void check_postgres(const Seen& seen, Findings& out) {
  bool asked = false;
  for (const auto& each : seen.members) {
    if (!each.server) continue;
    asked = true;
    if (!*each.server) {
      out.push_back({Grade::warning, each.member.name,
                     "its PostgreSQL could not be asked: " + each.server->error(),
                     "does it let this host in (pg_hba), are user and password of the configuration right?"});
      continue;
    }
    const Server& server = **each.server;
    const auto tell = [&](Grade grade, std::string what, std::string advice = {}) {
      out.push_back({grade, each.member.name, std::move(what), std::move(advice)});
    };
    if (!server.fsync)
      tell(Grade::error, "fsync is off: a crash of the host loses the database", "set it to on");
    if (!server.full_page_writes)
      tell(Grade::error, "full_page_writes is off: a crash of the host may leave torn pages", "set it to on");
    if (!server.checksums)
      tell(Grade::note,
           "data checksums are off: damage on the disk stays unnoticed, and pg_rewind needs wal_log_hints");
    if (server.slots_unbounded && each.member.name == seen.store->leader_name())
      tell(Grade::note,
           "max_slot_wal_keep_size is unlimited: a replica that is gone may fill the disk with WAL",
           "edit-config -p max_slot_wal_keep_size=…");
    if (!server.archive_fails_at.empty())
      tell(Grade::error, "archiving fails: " + server.archive_fails_at + " could not be archived",
           "WAL stays on the disk until it can: look at PostgreSQL's log for archive_command");
    for (const auto& slot : server.idle_slots)
      if (slot.bytes > kGigabyte)
        tell(Grade::warning,
             fmt::format("nobody reads from slot {}, and it holds {} GB of WAL", slot.name,
                         slot.bytes / kGigabyte),
             "drop it, or start who reads from it");
    for (const auto& slot : server.busy_slots)
      if (slot.bytes > kGigabyte)
        tell(Grade::warning,
             fmt::format("slot {} holds {} GB of WAL: who reads from it is that far behind", slot.name,
                         slot.bytes / kGigabyte),
             "why is it slow? max_slot_wal_keep_size bounds what it may hold");
  }
  if (!asked)
    out.push_back({Grade::note, "", "PostgreSQL itself was not asked",
                   "postgresql.authentication.superuser of a daemon's own configuration lets it be"});
}

}  // namespace tanist::ctl::doctor
