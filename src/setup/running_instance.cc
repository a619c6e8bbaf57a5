// The configuration of a PostgreSQL that runs (config.md §9): read through a superuser's connection.

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "async/clock.h"
#include "async/task_scope.h"
#include "config/addresses.h"
#include "config/sections/controlled.h"
#include "core/format.h"
#include "net/resolver.h"
#include "postgres/client/connection.h"
#include "postgres/client/dsn.h"
#include "postgres/parameters/hba.h"
#include "setup/generate.h"
#include "setup/template.h"

namespace tanist::setup {
namespace {

namespace fs = std::filesystem;
using postgres::ConnectionParameters;

constexpr Duration kLoginBudget = std::chrono::seconds(15);
constexpr Duration kQueryBudget = std::chrono::seconds(15);

/// A key of `postgresql.authentication`, libpq's keyword and variable, and the first version that knows it.
struct AuthenticationKey {
  std::string_view key;
  std::string_view keyword;
  std::string_view variable;
  int since = 0;
};
constexpr AuthenticationKey kKeys[] = {
    {"username", "user", "PGUSER"},
    {"password", "password", "PGPASSWORD"},
    {"sslmode", "sslmode", "PGSSLMODE"},
    {"sslcert", "sslcert", "PGSSLCERT"},
    {"sslkey", "sslkey", "PGSSLKEY"},
    {"sslpassword", "sslpassword", "", 130000},
    {"sslrootcert", "sslrootcert", "PGSSLROOTCERT"},
    {"sslcrl", "sslcrl", "PGSSLCRL"},
    {"sslcrldir", "sslcrldir", "PGSSLCRLDIR", 140000},
    {"gssencmode", "gssencmode", "PGGSSENCMODE", 120000},
    {"channel_binding", "channel_binding", "PGCHANNELBINDING", 130000},
    {"sslnegotiation", "sslnegotiation", "PGSSLNEGOTIATION", 170000},
};

/// Of this host only, so they stay in the local configuration.
constexpr std::array<std::string_view, 7> kLocalParameters = {"archive_command",
                                                              "restore_command",
                                                              "archive_cleanup_command",
                                                              "recovery_end_command",
                                                              "ssl_passphrase_command",
                                                              "hba_file",
                                                              "ident_file"};

/// Written by the daemon itself, with a password inside.
constexpr std::array<std::string_view, 2> kOwnParameters = {"primary_conninfo", "primary_slot_name"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

struct Answers {
  int version = 0;
  bool superuser = false;
  std::map<std::string, std::string> settings;
  std::string failure;
};

std::string settings_query() {
  std::string names = "'hba_file','ident_file','config_file','data_directory'";
  for (const auto& parameter : config::controlled_parameters()) names += fmt::format(",'{}'", parameter.name);
  return fmt::format(
      "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings WHERE (context <> "
      "'internal' "
      "AND source IN ('configuration file', 'command line', 'environment variable') "
      "AND category <> 'Write-Ahead Log / Recovery Target' AND setting <> '(disabled)') OR name IN ({}) "
      "ORDER BY name",
      names);
}

Task<void> ask(SystemClock* clock, net::Resolver* resolver, ConnectionParameters parameters, Answers* out) {
  postgres::Connection connection(*clock, *resolver);
  auto connected = co_await connection.connect(std::move(parameters), clock->now() + kLoginBudget);
  if (!connected) {
    out->failure = "Failed to establish PostgreSQL connection: " + connected.error().detail;
    co_return;
  }
  out->version = connection.server_version();
  auto asking =
      connection.query("SELECT pg_catalog.current_setting('is_superuser')", {}, clock->now() + kQueryBudget);
  auto superuser = co_await std::move(asking);
  if (!superuser) {
    out->failure = "Unexpected exception: " + superuser.error().detail;
    co_return;
  }
  out->superuser = !superuser->empty() && superuser->front().front() == "on";
  if (!out->superuser) {
    out->failure = "The provided user does not have superuser privilege";
    co_return;
  }
  auto reading = connection.query(settings_query(), {}, clock->now() + kQueryBudget);
  auto rows = co_await std::move(reading);
  if (!rows) {
    out->failure = "Unexpected exception: " + rows.error().detail;
    co_return;
  }
  for (const auto& row : *rows) out->settings[row[0].value_or("")] = row[1].value_or("");
}

Answers answers_of(ConnectionParameters parameters) {
  boost::asio::io_context io(1);
  SystemClock clock;
  TaskScope scope(io.get_executor());
  net::Resolver resolver(io.get_executor());
  Answers out;
  scope.spawn("ask PostgreSQL", ask(&clock, &resolver, std::move(parameters), &out));
  io.run();
  if (!out.failure.empty()) throw GenerateFailed(out.failure);
  return out;
}

std::string text_at(const Document& config, std::string_view path) {
  const Document* value = config.find_path(path);
  return value && value->is_scalar() && !value->is_null() ? value->text() : std::string();
}

/// Whom libpq would connect as.
std::string account_name() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found)
    return entry.pw_name;
  return "postgres";
}

/// From the weakest to the strongest: what the environment configures, libpq's variables, the DSN.
ConnectionParameters parameters_of(const std::optional<std::string>& dsn,
                                   const config::Environment& environment, const Document& overlay) {
  ConnectionParameters out;
  for (const auto& key : kKeys) {
    const std::string configured =
        text_at(overlay, fmt::format("postgresql.authentication.superuser.{}", key.key));
    if (!configured.empty()) out[std::string(key.keyword)] = configured;
    const auto variable = environment.find(std::string(key.variable));
    if (!key.variable.empty() && variable != environment.end() && !variable->second.empty())
      out[std::string(key.keyword)] = variable->second;
  }
  const auto database = environment.find("PGDATABASE");
  out["dbname"] = database == environment.end() ? "postgres" : database->second;
  if (!dsn) return out;
  const auto given = postgres::parse_dsn(*dsn);
  if (!given) throw GenerateFailed("Failed to parse DSN string");
  for (const auto& [keyword, value] : *given) out[keyword] = value;
  return out;
}

class Description {
 public:
  Description(Document config, const Answers& answers) : config_(std::move(config)), answers_(answers) {}

  /// Everything that `pg_settings` says.
  void settings() {
    Document local = Document::map();
    Document dynamic = Document::map();
    for (const auto& [name, value] : answers_.settings) {
      if (name == "data_directory") {
        set_path(config_, "postgresql.data_dir", value);
      } else if (name == "cluster_name") {
        if (!value.empty()) config_.set("scope", value);
      } else if (name == "config_file" || among(kLocalParameters, name)) {
        local.set(name, value);
      } else if (name != "listen_addresses" && name != "port" && !among(kOwnParameters, name)) {
        dynamic.set(name, number_or_text(value));
      }
    }
    set_path(config_, "postgresql.parameters", std::move(local));
    set_path(config_, "bootstrap.dcs.postgresql.parameters", std::move(dynamic));
  }

  void addresses(const ConnectionParameters& given, const config::Environment& environment,
                 const std::optional<std::string>& own_address) {
    set_path(config_, "postgresql.listen",
             fmt::format("{}:{}", bracketed(setting("listen_addresses")), setting("port")));
    std::string port = setting("port");
    if (const auto variable = environment.find("PGPORT");
        variable != environment.end() && !variable->second.empty())
      port = variable->second;
    if (const auto named = given.find("port"); named != given.end() && !named->second.empty())
      port = named->second;
    const std::string host = own_address.value_or(std::string(kFixMe));
    const bool ipv6 = host.find(':') != std::string::npos;
    set_path(config_, "postgresql.connect_address",
             ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port));
  }

  void users(const ConnectionParameters& given, const Document& overlay) {
    Document superuser = Document::map();
    for (const auto& key : kKeys) {
      const auto value = given.find(std::string(key.keyword));
      if (value != given.end() && answers_.version >= key.since) superuser.set(key.key, value->second);
    }
    if (!superuser.find("password")) superuser.set("password", kFixMe);
    Document replication = Document::map({{"username", kFixMe}, {"password", kFixMe}});
    if (const Document* configured = overlay.find_path("postgresql.authentication.replication"))
      patch(replication, *configured);
    set_path(config_, "postgresql.authentication",
             Document::map({{"superuser", std::move(superuser)}, {"replication", std::move(replication)}}));
    if (const Document* rewind = overlay.find_path("postgresql.authentication.rewind"))
      set_path(config_, "postgresql.authentication.rewind", *rewind);
  }

  /// Lines of files that lie where PostgreSQL puts them; others are named by their parameters.
  void access_files() {
    const int version = answers_.version;
    lines("hba_file", "pg_hba.conf", "postgresql.pg_hba",
          [version](const std::string& line) { return postgres::is_hba_record(line, version >= 160000); });
    lines("ident_file", "pg_ident.conf", "postgresql.pg_ident", [](const std::string& line) {
      const auto text = config::trim(line);
      return !text.empty() && text.front() != '#';
    });
  }

  /// Where the running postmaster was started from.
  void programs() {
    const std::string file = setting("data_directory") + "/postmaster.pid";
    std::ifstream in(file);
    if (!in)
      throw GenerateFailed(
          fmt::format("Error while reading postmaster.pid file: {}: {}", file, std::strerror(errno)));
    std::string line;
    std::getline(in, line);
    const auto text = config::trim(line);
    int pid = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (ec != std::errc() || pid <= 0)
      throw GenerateFailed("Failed to obtain postmaster pid from postmaster.pid file");
    std::error_code missing;
    const fs::path program = fs::read_symlink(fmt::format("/proc/{}/exe", pid), missing);
    if (missing == std::errc::no_such_file_or_directory)
      throw GenerateFailed("Obtained postmaster pid doesn't exist.");
    if (missing)
      throw GenerateFailed(fmt::format("Unexpected exception: /proc/{}/exe: {}", pid, missing.message()));
    set_path(config_, "postgresql.bin_dir", program.parent_path().string());
  }

  Document take() { return std::move(config_); }

 private:
  std::string setting(const std::string& name) const {
    const auto found = answers_.settings.find(name);
    return found == answers_.settings.end() ? std::string() : found->second;
  }

  static Document number_or_text(const std::string& value) {
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool whole = ec == std::errc() && end == value.data() + value.size();
    return whole && std::to_string(number) == value ? Document(number) : Document(value);
  }

  static std::string bracketed(const std::string& addresses) {
    if (addresses.find(':') == std::string::npos) return addresses;
    std::string out;
    for (std::string_view rest = addresses;;) {
      const auto comma = rest.find(',');
      const auto one = config::trim(rest.substr(0, comma));
      if (!out.empty()) out += ',';
      out += one.find(':') == std::string_view::npos ? std::string(one) : fmt::format("[{}]", one);
      if (comma == std::string_view::npos) return out;
      rest.remove_prefix(comma + 1);
    }
  }

  template <class Wanted>
  void lines(const std::string& parameter, const std::string& name, const char* path, Wanted wanted) {
    const std::string file = setting(parameter);
    if (file != fmt::format("{}/{}", setting("data_directory"), name)) return;
    std::ifstream in(file);
    if (!in) throw GenerateFailed(fmt::format("Failed to read {}: {}: {}", name, file, std::strerror(errno)));
    Document found = Document::list();
    for (std::string line; std::getline(in, line);)
      if (wanted(line)) found.push_back(std::string(config::trim(line)));
    if (found.size() > 0) set_path(config_, path, std::move(found));
  }

  Document config_;
  const Answers& answers_;
};

}  // namespace

Document running_config(const config::EnvironmentConfig& variables, const config::Environment& environment,
                        const std::optional<std::string>& dsn, World& world) {
  const Document overlay = environment_overlay(variables);
  Document base = config_template(world);
  patch(base, overlay);
  ConnectionParameters parameters = parameters_of(dsn, environment, overlay);
  if (!parameters.contains("user")) parameters["user"] = account_name();
  if (!parameters.contains("password"))
    if (auto typed = world.ask_password("Please enter the user password: "); typed && !typed->empty())
      parameters["password"] = *std::move(typed);
  const Answers answers = answers_of(parameters);
  Description description(std::move(base), answers);
  description.settings();
  description.addresses(parameters, environment, world.own_address());
  description.users(parameters, overlay);
  description.access_files();
  description.programs();
  return description.take();
}

}  // namespace tanist::setup
