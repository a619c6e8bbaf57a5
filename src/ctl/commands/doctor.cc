#include "ctl/commands/doctor.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <ostream>

#include "core/format.h"
#include "ctl/members.h"
#include "ctl/show/records.h"

namespace tanist::ctl {

namespace {

/// One row of text, whatever the version (10 and later).
constexpr const char* kServerQuery =
    "SELECT pg_catalog.current_setting('fsync'), pg_catalog.current_setting('full_page_writes'),"
    " pg_catalog.current_setting('data_checksums'),"
    " coalesce(pg_catalog.current_setting('max_slot_wal_keep_size', true), '-1'),"
    " coalesce((SELECT last_failed_wal FROM pg_catalog.pg_stat_archiver"
    "  WHERE last_failed_time > coalesce(last_archived_time, '-infinity')), ''),"
    " coalesce((SELECT pg_catalog.string_agg(slot_name || '=' || pg_catalog.pg_wal_lsn_diff("
    "  CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    "  ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn)::bigint, ',' ORDER BY slot_name)"
    "  FROM pg_catalog.pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL), '')";

std::vector<doctor::Server::Slot> slots_of(std::string_view text) {
  std::vector<doctor::Server::Slot> out;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    doctor::Server::Slot slot{.name = std::string(part.substr(0, equals))};
    std::from_chars(part.data() + equals + 1, part.data() + part.size(), slot.bytes);
    out.push_back(std::move(slot));
  }
  return out;
}

std::optional<std::expected<doctor::Server, std::string>> server_of(const dcs::Member& member,
                                                                    SqlClient& client,
                                                                    postgres::ConnectionParameters to) {
  const auto address = member.host_port();
  if (!address) return std::nullopt;
  to["host"] = address->first;
  to["port"] = std::to_string(address->second);
  to["dbname"] = "postgres";
  to["application_name"] = "Patroni ctl";
  to["options"] = "-c statement_timeout=5000";
  const auto answer = client.ask(to, SqlClient::Recovery::any, kServerQuery);
  if (!answer) {
    const auto* error = std::get_if<postgres::QueryError>(&answer.error());
    return std::unexpected(error != nullptr ? error->detail : "it is in another role");
  }
  if (answer->rows.size() != 1) return std::unexpected(std::string("no row came back"));
  const auto text = [&](std::size_t i) { return answer->rows[0].at(i).value_or(""); };
  return doctor::Server{.fsync = text(0) == "on",
                        .full_page_writes = text(1) == "on",
                        .checksums = text(2) == "on",
                        .slots_unbounded = text(3) == "-1",
                        .archive_fails_at = text(4),
                        .idle_slots = slots_of(text(5))};
}

/// `Thu, 01 Jan 2031 10:00:00 GMT`
std::optional<WallTime> http_date(const std::string& text) {
  std::tm fields{};
  if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields) == nullptr) return std::nullopt;
  return WallTime(std::chrono::seconds(::timegm(&fields)));
}

std::optional<Duration> clock_ahead(const net::Headers& headers, const Terminal& terminal) {
  const std::string* date = headers.find("Date");
  const auto there = date != nullptr ? http_date(*date) : std::nullopt;
  if (!there) return std::nullopt;
  return *there - std::chrono::floor<std::chrono::seconds>(terminal.wall_now());
}

}  // namespace

doctor::Seen examine(const std::string& name, ClusterStore& store, MemberApi& api, SqlClient* client,
                     const postgres::ConnectionParameters& login, const Terminal& terminal) {
  doctor::Seen out{.cluster = name, .store = store.read(name), .now = terminal.wall_now()};
  out.modes = config::modes_of(out.store->config.data);
  Members members(api, name);
  for (const auto& [each, member] : out.store->members) {
    doctor::MemberSeen seen{.member = member, .status = {}, .clock_ahead = {}, .server = {}};
    const auto looked = members.look(member);
    if (looked) {
      seen.status = looked->status;
      seen.clock_ahead = clock_ahead(looked->headers, terminal);
    } else {
      seen.status = std::unexpected(looked.error().why);
    }
    if (client != nullptr && member.state == "running") seen.server = server_of(member, *client, login);
    out.members.push_back(std::move(seen));
  }
  return out;
}

Ending tell_findings(const doctor::Seen& seen, Format format, const Terminal& terminal) {
  Records records{.columns = {{"Check"}, {"Grade"}, {"About"}, {"Finding"}, {"Advice"}}};
  std::string text;
  std::string sound;
  auto worst = doctor::Grade::note;
  for (const auto& check : doctor::checks()) {
    doctor::Findings findings;
    check.run(seen, findings);
    if (findings.empty()) sound += fmt::format("ok       {}: {}\n", check.name, check.looks_at);
    for (const auto& finding : findings) {
      worst = std::max(worst, finding.grade);
      const char* grade = doctor::name_of(finding.grade);
      records.rows.push_back({check.name, grade, finding.about, finding.what, finding.advice});
      text += fmt::format("{:<8} {}: {}{}{}\n", grade, check.name, finding.about,
                          finding.about.empty() ? "" : " ", finding.what);
      if (!finding.advice.empty()) text += "         HINT: " + finding.advice + "\n";
    }
  }
  terminal.out << (format == Format::pretty ? text + sound : format_records(records, format)) << std::flush;
  switch (worst) {
    case doctor::Grade::note: return Ending::done;
    case doctor::Grade::warning: return Ending::unwise;
    case doctor::Grade::error: break;
  }
  return Ending::wrong;
}

namespace {

/// The superuser of a daemon's own configuration.
postgres::ConnectionParameters superuser(const Settings& settings) {
  postgres::ConnectionParameters out;
  const Document* user = settings.document.find_path("postgresql.authentication.superuser");
  if (user == nullptr || !user->is_map()) return out;
  for (const auto& [key, parameter] :
       {std::pair("username", "user"), std::pair("password", "password"), std::pair("sslmode", "sslmode"),
        std::pair("sslrootcert", "sslrootcert"), std::pair("sslcert", "sslcert"),
        std::pair("sslkey", "sslkey")})
    if (const Document* value = user->find(key); value != nullptr && !value->is_null())
      out[parameter] = value->text();
  return out;
}

Ending call_doctor(const Call& call) {
  const auto cluster = call.cluster();
  const auto login = superuser(call.settings);
  const auto client = login.empty() ? nullptr : open_sql_client();
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  const auto seen = examine(cluster, *store, *api, client.get(), login, call.around.terminal);
  return tell_findings(seen, format_named(call.given.text(kFormat, "pretty")), call.around.terminal);
}

}  // namespace

Command doctor_command() {
  return {
      .line = {.name = "doctor",
               .help = "Look for what is wrong or unwise with a cluster",
               .arguments = {kCluster},
               .options = {kGroup, kFormat},
               .footer = "It asks the store, the members' REST API and, with a daemon's own configuration, "
                         "their PostgreSQL;\n"
                         "it changes nothing. Exit code: 0 sound, 5 something is unwise (warning), 6 "
                         "something is wrong (error)."},
      .run = call_doctor};
}

}  // namespace tanist::ctl
