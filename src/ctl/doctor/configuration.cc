#include "ctl/doctor/configuration.h"

#include <algorithm>
#include <map>

#include "config/keys/keys.h"
#include "config/sections/controlled.h"
#include "config/sections/dynamic.h"
#include "core/format.h"
#include "core/text.h"
#include "postgres/parameters/hba.h"
#include "postgres/parameters/judgement.h"
#include "postgres/server_version.h"

namespace tanist::ctl::doctor {

namespace {

constexpr std::string_view kParameters = "postgresql.parameters";

std::int64_t seconds_of(const Document& config, std::string_view name) {
  const Document* given = config.find(name);
  const auto fallback = parse_int(Document(config::find_key(name, config::Scope::dynamic)->fallback));
  return given != nullptr ? parse_int(*given).value_or(*fallback) : *fallback;
}

Grade grade_of(postgres::Remark::Kind kind) {
  using Kind = postgres::Remark::Kind;
  switch (kind) {
    case Kind::note: return Grade::note;
    case Kind::not_taken: return Grade::warning;
    case Kind::unsafe:
    case Kind::fatal: break;
  }
  return Grade::error;
}

/// Every replica streams through one of each.
void judge_room(const Document& parameters, std::size_t members, Findings& out) {
  for (const char* name : {"max_wal_senders", "max_replication_slots"}) {
    const auto& entries = parameters.entries();
    const auto given = std::ranges::find_if(entries, [&](const auto& e) { return lower(e.key) == name; });
    const auto number = given != entries.end() ? parse_int(given->value) : std::nullopt;
    if (number && *number < static_cast<std::int64_t>(members))
      out.push_back({Grade::warning, fmt::format("{}.{}", kParameters, name),
                     fmt::format("is {} for {} members: each replica takes one, and copies take more",
                                 *number, members),
                     ""});
  }
}

/// What the servers say of one map of parameters, each remark once.
void judge_map(const std::string& path, const Document& parameters, const std::vector<KnownServer>& servers,
               Findings& out) {
  struct Said {
    postgres::Remark remark;
    std::vector<KnownServer> by;
  };
  std::vector<Said> all;
  std::size_t known = 0;
  std::map<int, std::vector<postgres::Remark>> judged;
  for (const auto& server : servers) {
    if (server.version <= 0) continue;
    ++known;
    if (!judged.contains(server.version))
      judged[server.version] = postgres::judge_parameters(parameters, server.version);
    for (const auto& remark : judged[server.version]) {
      auto said = std::ranges::find(all, remark, &Said::remark);
      if (said == all.end()) said = all.insert(all.end(), {remark, {}});
      said->by.push_back(server);
    }
  }
  for (const auto& [remark, by] : all)
    out.push_back({grade_of(remark.kind), fmt::format("{}.{}", path, remark.name),
                   remark.text + (by.size() == known ? "" : fmt::format(" on {}", named_versions(by))),
                   remark.hint});
}

}  // namespace

std::string named_versions(const std::vector<KnownServer>& servers) {
  std::map<int, std::string> names;
  for (const auto& server : servers)
    if (server.version > 0)
      names[server.version] += (names[server.version].empty() ? "" : ", ") + server.member;
  std::string out;
  for (const auto& [version, members] : names)
    out += fmt::format("{}{} ({})", out.empty() ? "PostgreSQL " : ", ",
                       postgres::server_version_text(version), members);
  return out;
}

Findings judge_timing(const Document& config) {
  Findings out;
  const auto adjusted = config::accept_dynamic(config);
  if (!adjusted) return out;
  std::map<std::string, std::int64_t> raised;
  for (const char* name : {"ttl", "loop_wait", "retry_timeout"}) {
    const auto given = seconds_of(config, name);
    const auto least = config::find_key(name, config::Scope::dynamic)->min.value_or(0);
    if (given < least)
      out.push_back({Grade::warning, name,
                     fmt::format("is {}, less than {}: members use {}", given, least, least),
                     fmt::format("edit-config -s {}={}, or more", name, least)});
    raised[name] = std::max(given, least);
  }
  const auto sum = raised["loop_wait"] + 2 * raised["retry_timeout"];
  if (sum > raised["ttl"])
    out.push_back(
        {Grade::warning, "",
         fmt::format("loop_wait + 2 * retry_timeout is {}, more than ttl ({}): members use loop_wait {} and "
                     "retry_timeout {}",
                     sum, raised["ttl"], seconds_of(*adjusted, "loop_wait"),
                     seconds_of(*adjusted, "retry_timeout")),
         fmt::format("edit-config -s ttl={}, or a smaller loop_wait or retry_timeout", sum)});
  return out;
}

Findings judge_keys(const Document& config) {
  Findings out;
  config::Problems notes;
  const auto accepted = config::accept_dynamic(config, notes);
  if (!accepted) {
    out.push_back({Grade::error, "", accepted.error(), "members keep what they had before"});
    return out;
  }
  // Those without a key are about times: judge_timing() says them in its own words.
  for (const auto& note : notes)
    if (!note.key.empty()) out.push_back({Grade::warning, note.key, note.text, note.hint});
  const Document* lag = config.find("maximum_lag_on_failover");
  if (const auto bytes = lag != nullptr ? parse_int(*lag) : std::nullopt; bytes && *bytes < 0)
    out.push_back({Grade::warning, "maximum_lag_on_failover", "is below 0: no replica may take over", ""});
  return out;
}

Findings judge_parameters(const Document& config, const std::vector<KnownServer>& servers) {
  Findings out;
  for (const char* role : {"", "_primary", "_replica", "_standby_leader"}) {
    const std::string path = fmt::format("{}{}", kParameters, role);
    const Document* parameters = config.find_path(path);
    if (parameters == nullptr || !parameters->is_map()) continue;
    if (*role == '\0') {
      judge_map(path, *parameters, servers, out);
      judge_room(*parameters, servers.size(), out);
      continue;
    }
    Document others = Document::map();
    for (const auto& entry : parameters->entries()) {
      if (config::is_controlled(entry.key)) {
        out.push_back({Grade::warning, fmt::format("{}.{}", path, entry.key),
                       "must be the same on all members: it has no effect here", ""});
      } else {
        others.set(entry.key, entry.value);
      }
    }
    judge_map(path, others, servers, out);
  }
  return out;
}

Findings judge_access(const Document& config) {
  Findings out;
  for (const char* role : {"", "_primary", "_replica", "_standby_leader"}) {
    const auto lines = [&](const char* file) {
      const std::string path = fmt::format("postgresql.{}{}", file, role);
      const Document* list = config.find_path(path);
      return std::pair(path, list != nullptr && list->is_list() ? list->as_list() : Document::List());
    };
    bool replication = false;
    const auto [hba, hba_lines] = lines("pg_hba");
    for (const auto& line : hba_lines) {
      if (!line.is_string()) continue;
      const std::string& text = line.as_string();
      if (const auto why = postgres::hba_problem(text))
        out.push_back({Grade::error, hba,
                       fmt::format("the line \"{}\" {}: PostgreSQL reads none of the file then", text, *why),
                       ""});
      if (postgres::lets_strangers_in(text))
        out.push_back({Grade::warning, hba,
                       fmt::format("the line \"{}\" lets other hosts in without a password", text), ""});
      replication = replication || postgres::is_for_replication(text) || text.starts_with("include") ||
                    text.starts_with('@');
    }
    if (!hba_lines.empty() && !replication)
      out.push_back({Grade::warning, hba, "no line is about replication: replicas are not let in",
                     "host replication USER ADDRESS scram-sha-256; `all` does not mean it"});
    const auto [ident, ident_lines] = lines("pg_ident");
    for (const auto& line : ident_lines)
      if (const auto why = line.is_string() ? postgres::ident_problem(line.as_string()) : std::nullopt)
        out.push_back({Grade::error, ident, fmt::format("the line \"{}\" {}", line.as_string(), *why), ""});
  }
  return out;
}

Findings judge_configuration(const Document& config, const std::vector<KnownServer>& servers) {
  Findings out = judge_timing(config);
  for (auto& finding : judge_keys(config)) out.push_back(std::move(finding));
  for (auto& finding : judge_synchronous(config)) out.push_back(std::move(finding));
  for (auto& finding : judge_failover_slots(config, servers)) out.push_back(std::move(finding));
  for (auto& finding : judge_access(config)) out.push_back(std::move(finding));
  for (auto& finding : judge_parameters(config, servers)) out.push_back(std::move(finding));
  return out;
}

}  // namespace tanist::ctl::doctor
