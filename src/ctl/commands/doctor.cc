#include "ctl/commands/doctor.h"

#include <algorithm>
#include <ctime>
#include <ostream>
#include <sstream>

#include "core/format.h"
#include "ctl/members.h"
#include "ctl/show/records.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

/// Everything that is asked of a server (10 and later) in one statement: what a row is about, and two texts.
constexpr const char* kServerQuery =
    "SELECT 'setting', name, setting FROM pg_catalog.pg_settings WHERE name IN ('fsync', 'full_page_writes',"
    "  'data_checksums', 'max_slot_wal_keep_size', 'wal_log_hints')"
    " UNION ALL SELECT 'archive', last_failed_wal, '' FROM pg_catalog.pg_stat_archiver"
    "  WHERE last_failed_time > coalesce(last_archived_time, '-infinity')"
    " UNION ALL (SELECT CASE WHEN active THEN 'held' ELSE 'slot' END, slot_name::text, "
    "pg_catalog.pg_wal_lsn_diff("
    "  CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()"
    "  ELSE pg_catalog.pg_current_wal_lsn() END, restart_lsn)::bigint::text"
    "  FROM pg_catalog.pg_replication_slots WHERE restart_lsn IS NOT NULL ORDER BY slot_name)"
    " UNION ALL (SELECT 'rule', pg_catalog.concat_ws(' ', auth_method, coalesce(address, '-'),"
    "  coalesce(netmask, '-')), 'line ' || line_number || ': ' || pg_catalog.concat_ws(' ', type,"
    "  pg_catalog.array_to_string(database, ','), pg_catalog.array_to_string(user_name, ','), address, "
    "netmask,"
    "  auth_method) FROM pg_catalog.pg_hba_file_rules WHERE error IS NULL AND type <> 'local'"
    "  ORDER BY line_number)"
    " UNION ALL SELECT 'role', rolname::text, '' FROM pg_catalog.pg_roles WHERE rolname = {0}"
    " UNION ALL (SELECT 'lacks', p.oid::pg_catalog.regprocedure::text, ''"
    "  FROM pg_catalog.pg_roles r CROSS JOIN pg_catalog.pg_proc p"
    "  WHERE r.rolname = {0} AND NOT r.rolsuper"
    "  AND pg_catalog.current_setting('server_version_num')::int >= 110000"
    "  AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"
    "  AND ((p.proname = 'pg_ls_dir' AND p.pronargs = 3) OR (p.proname = 'pg_stat_file' AND p.pronargs = 2)"
    "  OR (p.proname = 'pg_read_binary_file' AND p.pronargs IN (1, 4)))"
    "  AND NOT pg_catalog.has_function_privilege(r.oid, p.oid, 'EXECUTE') ORDER BY p.proname, p.pronargs)";

constexpr const char* kSizeQuery =
    "SELECT pg_catalog.sum(pg_catalog.pg_database_size(oid))::bigint FROM pg_catalog.pg_database";

constexpr std::int64_t kOldestAsked = 100000;

/// Members that are dead hold a run up for so long, whatever their number.
constexpr Duration kLookPatience = 5s;
constexpr Duration kSqlPatience = 10s;

std::string literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

/// From this host alone.
bool is_local(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost" || address == "samehost";
}

/// `trust 0.0.0.0 0.0.0.0`, and the line itself.
std::optional<doctor::Server::Rule> rule_of(const std::string& how, const std::string& line) {
  std::istringstream words(how);
  std::string method;
  std::string address;
  std::string mask;
  words >> method >> address >> mask;
  if (is_local(address)) return std::nullopt;
  const bool anywhere = address == "all" || mask == "0.0.0.0" || mask == "::";
  return doctor::Server::Rule{.text = line, .method = method, .anywhere = anywhere};
}

doctor::Server server_of(const postgres::Table& table, const std::string& rewind_role) {
  doctor::Server out{.slots_unbounded = true, .rewind_role_missing = !rewind_role.empty()};
  for (const auto& row : table.rows) {
    if (row.size() != 3) continue;
    const std::string what = row[0].value_or("");
    const std::string name = row[1].value_or("");
    const std::string value = row[2].value_or("");
    if (what == "setting") {
      if (name == "fsync") out.fsync = value == "on";
      if (name == "full_page_writes") out.full_page_writes = value == "on";
      if (name == "data_checksums") out.checksums = value == "on";
      if (name == "wal_log_hints") out.wal_log_hints = value == "on";
      if (name == "max_slot_wal_keep_size") out.slots_unbounded = value == "-1";
    } else if (what == "archive") {
      out.archive_fails_at = name;
    } else if (what == "slot") {
      out.idle_slots.push_back({.name = name, .bytes = parse_int(Document(value)).value_or(0)});
    } else if (what == "held") {
      out.busy_slots.push_back({.name = name, .bytes = parse_int(Document(value)).value_or(0)});
    } else if (what == "rule") {
      if (auto rule = rule_of(name, value)) out.rules.push_back(*std::move(rule));
    } else if (what == "role") {
      out.rewind_role_missing = false;
    } else if (what == "lacks") {
      out.rewind_lacks.push_back(name);
    }
  }
  return out;
}

std::optional<postgres::ConnectionParameters> address_of(const dcs::Member& member,
                                                         postgres::ConnectionParameters to) {
  const auto address = member.host_port();
  if (!address) return std::nullopt;
  to["host"] = address->first;
  to["port"] = std::to_string(address->second);
  to["dbname"] = "postgres";
  to["application_name"] = "Patroni ctl";
  to["options"] = "-c statement_timeout=4000";
  return to;
}

std::string why_not(const std::variant<postgres::QueryError, SqlClient::OtherRole>& error) {
  const auto* query = std::get_if<postgres::QueryError>(&error);
  return query != nullptr ? query->detail : "it is in another role";
}

/// Each server that runs, at a time.
void ask_servers(doctor::Seen& seen, SqlClient& client, const postgres::ConnectionParameters& login) {
  std::vector<doctor::MemberSeen*> asked;
  std::vector<postgres::ConnectionParameters> addresses;
  for (auto& each : seen.members) {
    const auto address = each.member.state == "running" ? address_of(each.member, login) : std::nullopt;
    if (!address) continue;
    const Document* version = each.status ? each.status->find("server_version") : nullptr;
    if (version != nullptr && parse_int(*version).value_or(kOldestAsked) < kOldestAsked) {
      each.server = std::unexpected("it is older than PostgreSQL 10");
      continue;
    }
    asked.push_back(&each);
    addresses.push_back(*address);
  }
  const auto answers = client.ask_each(
      addresses, fmt::format(fmt::runtime(kServerQuery), literal(seen.rewind_role)), kSqlPatience);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) {
      asked[i]->server = server_of(*answers[i], seen.rewind_role);
    } else {
      asked[i]->server = std::unexpected(why_not(answers[i].error()));
    }
  }
}

/// How much a new copy is, by the leader, or whoever runs: it is the same on all.
std::optional<std::int64_t> size_of_data(const doctor::Seen& seen, SqlClient& client,
                                         const postgres::ConnectionParameters& login) {
  const doctor::MemberSeen* asked = nullptr;
  for (const auto& each : seen.members)
    if (each.server && *each.server && (asked == nullptr || each.member.name == seen.store->leader_name()))
      asked = &each;
  const auto address = asked != nullptr ? address_of(asked->member, login) : std::nullopt;
  if (!address) return std::nullopt;
  const auto answer = std::move(client.ask_each({*address}, kSizeQuery, kSqlPatience).front());
  if (!answer || answer->rows.size() != 1 || answer->rows[0].size() != 1) return std::nullopt;
  return parse_int(Document(answer->rows[0][0].value_or("")));
}

/// What is no JSON object is refused by every member, who first looks at who asks: nothing comes of it.
const MemberCall kKnock{.method = "PATCH",
                        .endpoint = "config",
                        .body = Document(""),
                        .patience = kLookPatience,
                        .anonymous = true};

doctor::Door door_of(const std::expected<net::HttpResponse, NoAnswer>& answer) {
  if (!answer) return doctor::Door::unknown;
  if (answer->status == 401 || answer->status == 403) return doctor::Door::guarded;
  return answer->status == 400 ? doctor::Door::open : doctor::Door::unknown;
}

/// Of APIs that other hosts can reach.
void knock(doctor::Seen& seen, MemberApi& api) {
  std::vector<doctor::MemberSeen*> asked;
  std::vector<std::string> urls;
  for (auto& each : seen.members) {
    const auto url = net::parse_url(each.member.api_url);
    if (!each.status || !url || is_local(url->endpoint.host)) continue;
    asked.push_back(&each);
    urls.push_back(each.member.api_url);
  }
  const auto answers = api.ask_each(urls, kKnock);
  for (std::size_t i = 0; i < answers.size(); ++i) asked[i]->door = door_of(answers[i]);
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

doctor::Seen examine(const DoctorCommand& command, ClusterStore& store, MemberApi& api, SqlClient* client,
                     const Terminal& terminal) {
  doctor::Seen out{
      .cluster = command.cluster, .store = store.read(command.cluster), .now = terminal.wall_now()};
  out.modes = config::modes_of(out.store->config.data);
  const Document* shared = out.store->config.data.find_path("postgresql.use_pg_rewind");
  out.use_pg_rewind = command.use_pg_rewind.value_or(shared != nullptr && shared->truthy());
  if (out.use_pg_rewind) out.rewind_role = command.rewind_role;
  Members members(api, command.cluster);
  std::vector<const dcs::Member*> all;
  for (const auto& [name, member] : out.store->members) all.push_back(&member);
  auto looks = members.look_at_each(all, kLookPatience);
  for (std::size_t i = 0; i < all.size(); ++i) {
    doctor::MemberSeen seen{.member = *all[i], .status = {}, .clock_ahead = {}, .server = {}};
    if (looks[i]) {
      seen.clock_ahead = clock_ahead(looks[i]->headers, terminal);
      seen.status = std::move(looks[i]->status);
    } else {
      seen.status = std::unexpected(looks[i].error().why);
    }
    out.members.push_back(std::move(seen));
  }
  knock(out, api);
  if (client != nullptr) {
    ask_servers(out, *client, command.login);
    out.data_bytes = size_of_data(out, *client, command.login);
  }
  return out;
}

namespace {

/// What is said alike of several members, said once.
doctor::Findings together(doctor::Findings findings) {
  doctor::Findings out;
  for (auto& finding : findings) {
    const auto same = std::ranges::find_if(out, [&](const doctor::Finding& other) {
      return !other.about.empty() && !finding.about.empty() && other.grade == finding.grade &&
             other.what == finding.what && other.advice == finding.advice;
    });
    if (same == out.end()) {
      out.push_back(std::move(finding));
    } else {
      same->about += ", " + finding.about;
    }
  }
  return out;
}

}  // namespace

Ending tell_findings(const doctor::Seen& seen, Format format, const Terminal& terminal) {
  Records records{.columns = {{"Check"}, {"Grade"}, {"About"}, {"Finding"}, {"Advice"}}};
  std::string text;
  std::string sound;
  auto worst = doctor::Grade::note;
  for (const auto& check : doctor::checks()) {
    doctor::Findings findings;
    check.run(seen, findings);
    // Programs have a row a member; people read the same once.
    if (format == Format::pretty) findings = together(std::move(findings));
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

postgres::ConnectionParameters login_of(const Document& user) {
  postgres::ConnectionParameters out;
  for (const auto& [key, parameter] :
       {std::pair("username", "user"), std::pair("password", "password"), std::pair("sslmode", "sslmode"),
        std::pair("sslrootcert", "sslrootcert"), std::pair("sslcert", "sslcert"),
        std::pair("sslkey", "sslkey")})
    if (const Document* value = user.find(key); value != nullptr && !value->is_null())
      out[parameter] = value->text();
  return out;
}

std::string configured_text(const Document& document, const char* path) {
  const Document* value = document.find_path(path);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

/// With what a daemon's own configuration says of itself, where it is one.
DoctorCommand command_of(const Call& call) {
  const Document& own = call.settings.document;
  DoctorCommand out{.cluster = call.cluster()};
  if (const Document* user = own.find_path("postgresql.authentication.superuser"); user && user->is_map())
    out.login = login_of(*user);
  if (const Document* rewind = own.find_path("postgresql.use_pg_rewind"))
    out.use_pg_rewind = rewind->truthy();
  out.rewind_role = configured_text(own, "postgresql.authentication.rewind.username");
  return out;
}

Ending call_doctor(const Call& call) {
  const auto command = command_of(call);
  const auto client = command.login.empty() ? nullptr : open_sql_client();
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  const auto seen = examine(command, *store, *api, client.get(), call.around.terminal);
  return tell_findings(seen, format_named(call.given.text(kFormat, "pretty")), call.around.terminal);
}

}  // namespace

Command doctor_command() {
  return {.line = {.name = "doctor",
                   .help = "Look for what is wrong or unwise with a cluster",
                   .arguments = {kCluster},
                   .options = {kGroup, kFormat},
                   .footer =
                       "It asks the store, the members' REST API and, with a daemon's own configuration, "
                       "their PostgreSQL;\n"
                       "it changes nothing. Members that are dead hold it up for some seconds, however many "
                       "they are.\n"
                       "Exit code: 0 sound, 5 something is unwise (warning), 6 something is wrong (error)."},
          .run = call_doctor};
}

}  // namespace tanist::ctl
