#include "ctl/commands/query.h"

#include <charconv>
#include <fstream>
#include <ostream>
#include <sstream>

#include "core/format.h"
#include "ctl/schedule.h"
#include "ctl/show/records.h"

namespace tanist::ctl {

namespace {

/// Types by their oid in pg_type, which never changes.
enum Oid : unsigned {
  kOidOfBool = 16,
  kOidOfInt8 = 20,
  kOidOfInt2 = 21,
  kOidOfInt4 = 23,
  kOidOfOid = 26,
  kOidOfFloat4 = 700,
  kOidOfFloat8 = 701,
  kOidOfTimestamp = 1114,
  kOidOfTimestampTz = 1184,
};

/// `10:00:00.5+00` → `10:00:00.500000+00:00`: fractions of six digits or none, offsets with minutes.
std::string python_time(const std::string& text, bool with_zone) {
  const auto clock = text.find(':');
  if (clock == std::string::npos) return text;  // infinity
  const auto sign = with_zone ? text.find_first_of("+-", clock) : std::string::npos;
  std::string time = text.substr(0, sign);
  if (const auto dot = time.find('.'); dot != std::string::npos) time.resize(dot + 7, '0');
  if (sign == std::string::npos) return time;
  std::string offset = text.substr(sign);
  if (offset.size() == 3) offset += ":00";
  return time + offset;
}

template <class Number>
Document number_or_text(const std::string& text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() ? Document(out) : Document(text);
}

/// As the original's driver reads a value.
Document value_of(const std::optional<std::string>& value, unsigned type) {
  if (!value) return {};
  switch (type) {
    case kOidOfBool: return *value == "t";
    case kOidOfInt8:
    case kOidOfInt2:
    case kOidOfInt4:
    case kOidOfOid: return number_or_text<std::int64_t>(*value);
    case kOidOfFloat4:
    case kOidOfFloat8: return number_or_text<double>(*value);
    case kOidOfTimestamp: return python_time(*value, false);
    case kOidOfTimestampTz: return python_time(*value, true);
    default: return *value;
  }
}

Records records_of(const postgres::Table& table) {
  Records out;
  for (const auto& column : table.columns) out.columns.push_back({column.name});
  for (const auto& row : table.rows) {
    auto& values = out.rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) values.push_back(value_of(row[i], table.columns[i].type));
  }
  return out;
}

std::string one_line(std::string text) {
  for (auto& c : text)
    if (c == '\n') c = ' ';
  return text;
}

class Query {
 public:
  Query(const QueryCommand& command, SqlClient& client, const Terminal& terminal)
      : command_(command), client_(client), terminal_(terminal) {}

  Ending run(const dcs::Cluster& cluster) {
    const auto members = members_wanted(cluster, command_.wanted);
    const dcs::Member* member = members.empty() ? nullptr : cluster.member(members.front());
    const auto address = member != nullptr ? member->host_port() : std::nullopt;
    if (!address) return no_connection();
    const auto answer = client_.ask(parameters(*address), recovery(), command_.sql);
    if (answer && !answer->has_rows) return failed("no results to fetch", Ending::done);
    if (answer) {
      print(records_of(*answer));
      return Ending::done;
    }
    const auto* error = std::get_if<postgres::QueryError>(&answer.error());
    if (error == nullptr) return no_connection();
    warn(terminal_, fmt::format("member {}: {}", member->name, error->detail));
    // invalid_authorization_specification, invalid_password; without a code: there is no password.
    const bool who = error->sqlstate == "28000" || error->sqlstate == "28P01" || error->needs_settings;
    if (who)
      terminal_.err
          << "HINT: -U names the user, --password asks for the password; PGUSER, PGPASSWORD and ~/.pgpass "
             "count, too\n";
    return failed(error->sqlstate.empty() ? one_line(error->detail) : error->sqlstate, Ending::failed);
  }

 private:
  postgres::ConnectionParameters parameters(const std::pair<std::string, int>& address) const {
    postgres::ConnectionParameters out = {{"host", address.first},
                                          {"port", std::to_string(address.second)},
                                          {"connect_timeout", "5"},
                                          {"fallback_application_name", "Patroni ctl"}};
    if (command_.user) out["user"] = *command_.user;
    if (command_.password) out["password"] = *command_.password;
    if (command_.database) out["dbname"] = *command_.database;
    return out;
  }

  /// The store knows the leader; what else a member is, it must say itself.
  SqlClient::Recovery recovery() const {
    const std::string role = command_.wanted.role.value_or("any");
    if (role == "primary") return SqlClient::Recovery::over;
    if (role == "replica" || role == "standby" || role == "standby-leader")
      return SqlClient::Recovery::running;
    return SqlClient::Recovery::any;
  }

  void print(const Records& records) {
    terminal_.out << format_records(records, command_.format, command_.delimiter) << std::flush;
  }
  void print_row(const std::string& text) {
    print({.columns = {}, .rows = {{local_time(terminal_.wall_now()), text}}});
  }

  Ending failed(const std::string& what, Ending ending) {
    print_row("ERROR, SQLSTATE: " + what);
    return ending;
  }

  Ending no_connection() {
    if (command_.wanted.member) {
      print_row(fmt::format("No connection to member {} is available", *command_.wanted.member));
    } else {
      print_row(
          fmt::format("No connection to role '{}' is available", command_.wanted.role.value_or("leader")));
    }
    return Ending::failed;
  }

  const QueryCommand& command_;
  SqlClient& client_;
  const Terminal& terminal_;
};

}  // namespace

Ending run_query(const QueryCommand& command, ClusterStore& store, SqlClient& client,
                 const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  Query query(command, client, terminal);
  for (;;) {
    const Instant begun = terminal.now();
    const Ending ending = query.run(*cluster);
    if (!command.every || !terminal.out) return ending;
    if (!terminal.sleep_until(begun + *command.every)) return ending;
  }
}

namespace {

constexpr cli::Option kSql{.names = "-c,--command", .help = "The SQL", .value = "SQL"};
constexpr cli::Option kFile{.names = "-f,--file",
                            .help = "A file with the SQL; - for standard input",
                            .value = "FILE",
                            .type = cli::Type::file};
constexpr cli::Option kUser{.names = "-U,--username", .help = "User of the database", .value = "USER"};
constexpr cli::Option kPassword{.names = "--password", .help = "Ask for the user's password"};
constexpr cli::Option kDatabase{.names = "-d,--dbname", .help = "Database to connect to", .value = "DBNAME"};
/// patronictl takes any word here and prints nothing for one that it does not know: a result nobody can want.
constexpr cli::Option kQueryFormat{.names = "--format",
                                   .help = "tsv (default), pretty, json or yaml",
                                   .value = "FORMAT",
                                   .choices = kFormats,
                                   .also_taken = kOtherFormats,
                                   .in_short = "Output format"};
constexpr cli::Option kDelimiter{
    .names = "--delimiter", .help = "Between the values of tsv (default: a tab)", .value = "TEXT"};

std::string sql_of(const Call& call) {
  const auto sql = call.given.text(kSql);
  const auto path = call.given.text(kFile);
  if (sql && path) throw Failure("--file and --command are mutually exclusive options");
  if (!sql && !path) throw Failure("You need to specify either --command or --file");
  if (sql) return *sql;
  if (*path == "-") return read_input(call.around.terminal);
  std::ifstream in(*path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) throw WrongUsage(fmt::format("Invalid value for '--file' / '-f': '{}': cannot be read", *path));
  return text.str();
}

Ending call_query(const Call& call) {
  QueryCommand command{.cluster = call.cluster(), .wanted = member_wanted(call.given)};
  if (command.wanted.role && command.wanted.member)
    throw Failure("--role and --member are mutually exclusive options");
  if (!command.wanted.role && !command.wanted.member) command.wanted.role = "leader";
  command.sql = sql_of(call);
  command.user = call.given.text(kUser);
  command.database = call.given.text(kDatabase);
  command.format = format_named(call.given.text(kQueryFormat, "tsv"));
  command.delimiter = call.given.text(kDelimiter, "\t");
  command.every = watch_interval(call.given);
  if (call.given.has(kPassword)) command.password = ask_secret(call.around.terminal, "Password");
  const auto store = call.around.open_store(call.settings);
  return run_query(command, *store, *open_sql_client(), call.around.terminal);
}

}  // namespace

Command query_command() {
  return {.line = {.name = "query",
                   .help = "Have a member carry out SQL",
                   .arguments = {kCluster},
                   .options = {kGroup, kRoleWanted, kMember, kSql, kFile, kUser, kPassword, kDatabase,
                               kQueryFormat, kDelimiter, kWatchAgain, kWatch},
                   .footer = "What is not given is up to libpq: PGUSER, PGPASSWORD, PGDATABASE, ~/.pgpass. A "
                             "query that fails is a\n"
                             "row of output, too; its message stands on standard error.\n\n"
                             "Examples:\n"
                             "  query shop -r replica -U postgres -c \"SELECT pg_last_wal_replay_lsn()\" -W\n"
                             "  query shop -m pgb -d app -f check.sql --format json"},
          .run = call_query};
}

}  // namespace tanist::ctl
