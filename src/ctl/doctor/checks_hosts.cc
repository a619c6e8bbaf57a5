#include "core/format.h"
#include "core/text.h"
#include "ctl/doctor/configuration.h"
#include "ctl/doctor/findings.h"

/// Checks of what may be done to members, and of what hosts have room for.
namespace tanist::ctl::doctor {

namespace {

constexpr std::int64_t kOneGb = std::int64_t{1} << 30;

std::vector<KnownServer> servers_of(const Seen& seen) {
  std::vector<KnownServer> out;
  for (const auto& each : seen.members) {
    const Document* version = each.status ? each.status->find("server_version") : nullptr;
    const auto number = version != nullptr ? parse_int(*version) : std::nullopt;
    out.push_back({each.member.name, number ? static_cast<int>(*number) : 0});
  }
  return out;
}

const Server* asked(const MemberSeen& each) {
  return each.server && *each.server ? &**each.server : nullptr;
}

std::string gigabytes(std::int64_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / static_cast<double>(kOneGb));
}

}  // namespace

void check_configuration(const Seen& seen, Findings& out) {
  if (!seen.store->config.valid) return;
  const Document& config = seen.store->config.data;
  for (const auto& findings :
       {judge_keys(config), judge_synchronous(config), judge_failover_slots(config, servers_of(seen)),
        judge_access(config), judge_parameters(config, servers_of(seen))})
    for (auto finding : findings) {
      if (finding.advice.empty()) finding.advice = "`edit-config` sets it right";
      out.push_back(std::move(finding));
    }
}

void check_access(const Seen& seen, Findings& out) {
  for (const auto& each : seen.members) {
    const auto tell = [&](Grade grade, std::string what, std::string advice) {
      out.push_back({grade, each.member.name, std::move(what), std::move(advice)});
    };
    const bool tls = lower(each.member.api_url).starts_with("https:");
    if (each.door == Door::open)
      tell(Grade::warning,
           "its REST API takes orders from everybody who reaches it: switchover, restart, configuration",
           "restapi.authentication, restapi.verify_client or restapi.allowlist of the member keep them out");
    if (each.door == Door::guarded && !tls)
      tell(Grade::note, "passwords for its REST API travel in the clear", "restapi.certfile gives it TLS");
    const Server* server = asked(each);
    if (server == nullptr) continue;
    for (const auto& rule : server->rules) {
      if (rule.method == "trust") {
        tell(Grade::error, "pg_hba.conf lets other hosts in without a password: " + rule.text,
             "postgresql.pg_hba: scram-sha-256 or cert in the place of trust");
      } else if (rule.anywhere && (rule.method == "password" || rule.method == "md5")) {
        tell(Grade::warning,
             fmt::format("pg_hba.conf lets everybody try passwords by {}: {}", rule.method, rule.text),
             "scram-sha-256 is the safer method, the networks of the clients the safer address");
      } else if (rule.anywhere && rule.method != "reject") {
        tell(Grade::note, "pg_hba.conf lets hosts of every network try: " + rule.text,
             "the networks of the clients are the safer address");
      }
    }
  }
}

void check_rewind(const Seen& seen, Findings& out) {
  if (!seen.use_pg_rewind) {
    out.push_back(
        {Grade::note, "", "use_pg_rewind is off: a primary that was lost comes back as a new copy", ""});
    return;
  }
  for (const auto& each : seen.members) {
    const Server* server = asked(each);
    if (server == nullptr) continue;
    if (!server->checksums && !server->wal_log_hints)
      out.push_back(
          {Grade::error, each.member.name,
           "data checksums and wal_log_hints are off: pg_rewind refuses to work, a primary that was "
           "lost comes back as a new copy",
           "edit-config -p wal_log_hints=on, and restart"});
    // Rights are copied with the data: one who may tell is enough.
    if (each.member.name != seen.store->leader_name()) continue;
    if (server->rewind_role_missing)
      out.push_back({Grade::error, each.member.name,
                     fmt::format("there is no role {}, which pg_rewind is to connect as", seen.rewind_role),
                     "create it, or take postgresql.authentication.rewind out"});
    std::string lacks;
    for (const auto& function : server->rewind_lacks) lacks += (lacks.empty() ? "" : ", ") + function;
    if (!lacks.empty())
      out.push_back({Grade::error, each.member.name,
                     fmt::format("the role {} of pg_rewind may not call {}", seen.rewind_role, lacks),
                     fmt::format("GRANT EXECUTE ON FUNCTION {} TO {}", lacks, seen.rewind_role)});
  }
}

void check_space(const Seen& seen, Findings& out) {
  constexpr std::int64_t kTwentieth = 20;
  for (const auto& each : seen.members) {
    const Document* disk = each.status ? each.status->find("tanist_disk") : nullptr;
    const Document* free_bytes = disk != nullptr ? disk->find("free_bytes") : nullptr;
    const Document* size_bytes = disk != nullptr ? disk->find("size_bytes") : nullptr;
    const auto free = free_bytes != nullptr ? parse_int(*free_bytes) : std::nullopt;
    const auto size = size_bytes != nullptr ? parse_int(*size_bytes) : std::nullopt;
    if (!free || !size) continue;  // members of Patroni do not say
    if (*free < kOneGb || *free < *size / kTwentieth)
      out.push_back(
          {Grade::error, each.member.name,
           fmt::format("only {} are free where its data is: a rewind, and WAL that piles up, need more",
                       gigabytes(*free)),
           "make room, or a larger disk"});
    if (seen.data_bytes && *seen.data_bytes > *free)
      out.push_back(
          {Grade::warning, each.member.name,
           fmt::format("{} are free where its data is, the databases have {}: no new copy fits beside the "
                       "old one",
                       gigabytes(*free), gigabytes(*seen.data_bytes)),
           "make room before the next `reinit`"});
  }
}

}  // namespace tanist::ctl::doctor
