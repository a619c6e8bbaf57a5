#include "postgres/copies/bootstrap.h"

#include <algorithm>
#include <map>

#include "log/log.h"
#include "postgres/client/connection.h"
#include "postgres/copies/data_directory_life.h"
#include "postgres/copies/progress.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "postgres/local/secret_files.h"
#include "postgres/local/statements.h"
#include "postgres/local/work_connection.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.bootstrap");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

std::string quote_identifier(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"') text += c;
    text += c;
  }
  return text + "\"";
}

/// With E'' backslashes mean the same whatever standard_conforming_strings says.
std::string quote_literal(const std::string& value) {
  std::string text = "E'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += c;
    text += c;
  }
  return text + "'";
}

/// Passwords must not reach the server's log, nor wait for replicas that are not there yet.
constexpr const char* kQuietSession =
    "SET log_statement TO none; SET log_min_duration_statement TO -1; SET log_min_error_statement TO log; "
    "SET pg_stat_statements.track_utility TO off; SET pgaudit.log TO none; SET synchronous_commit TO local";

constexpr Duration kConnectBudget = 10s;

constexpr const char* kRewindFunctions[] = {
    "pg_catalog.pg_ls_dir(text, boolean, boolean)",
    "pg_catalog.pg_stat_file(text, boolean)",
    "pg_catalog.pg_read_binary_file(text)",
    "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
};

}  // namespace

Bootstrap::Bootstrap(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
                     Configuration& configuration, DataDirectoryLife& life)
    : context_(context),
      programs_(programs),
      directory_(directory),
      control_file_(control_file),
      configuration_(configuration),
      life_(life) {}

Task<Result> Bootstrap::initdb(Instant deadline) {
  Result begun = co_await life_.begin_new("initdb", deadline);
  if (!begun) co_return begun;
  const Directory::Rebuilding rebuilding(directory_);
  std::vector<std::string> argv{programs_.path("initdb")};
  for (const auto& option : context_.settings->bootstrap.initdb) argv.push_back(render_option(option));
  const auto& superuser = context_.pg().accounts.superuser;
  if (!superuser.username.empty()) argv.push_back("--username=" + superuser.username);
  const std::string password_file = context_.settings->state_dir + "/initdb.password";
  std::map<std::string, std::string> secrets;
  if (!superuser.password.empty()) {
    argv.push_back("--pwfile=" + password_file);
    secrets[password_file] = superuser.password.reveal() + "\n";
  }
  argv.push_back(context_.pg().data_dir);
  const HeldSecrets password(context_, std::move(secrets));
  // Locale and language of the new cluster come from the environment of the daemon.
  auto running = programs_.run(std::move(argv), programs_.script_environment(), deadline);
  auto ran = co_await password.during(std::move(running), deadline);
  if (!ran) co_return std::unexpected(Failure{"initdb: " + ran.error()});
  auto& finished = *ran;
  co_await directory_.look(deadline);
  if (!finished || !finished->success()) {
    if (finished) {
      finished->out = without_statements(std::move(finished->out));
      finished->err = without_statements(std::move(finished->err));
    }
    co_return std::unexpected(Failure{fmt::format("initdb of \"{}\" failed: {}", context_.pg().data_dir,
                                                  finished ? finished->describe() : finished.error())});
  }
  Result appended = co_await append_hba(deadline);
  if (!appended) co_return appended;
  co_await control_file_.read(deadline);
  co_return Result();
}

Task<Result> Bootstrap::append_hba(Instant deadline) {
  if (!context_.pg().pg_hba.empty() || context_.settings->bootstrap.pg_hba.empty() ||
      !configuration_.has_own_hba())
    co_return Result();
  std::string lines;
  for (const auto& line : context_.settings->bootstrap.pg_hba) lines += line + "\n";
  const std::string path = config_directory(context_.pg()) + "/pg_hba.conf";
  auto appended = co_await context_.disk.append(path, "\n" + lines, directory_.file_mode(path), deadline);
  if (!appended) co_return std::unexpected(Failure{appended.error()});
  co_return Result();
}

Task<Result> Bootstrap::make_role(Connection& connection, config::Credentials credentials,
                                  std::string attributes, Instant deadline) {
  const std::string name = credentials.username;
  auto asking = connection.query("SELECT 1 FROM pg_catalog.pg_authid WHERE rolname = $1",
                                 std::vector<std::string>{name}, deadline);
  auto found = co_await std::move(asking);
  if (!found) {
    co_return std::unexpected(
        Failure{fmt::format("could not look up user {}: {}", name, found.error().detail)});
  }
  std::string sql = fmt::format("{} ROLE {} WITH {}", found->empty() ? "CREATE" : "ALTER",
                                quote_identifier(name), attributes);
  if (!credentials.password.empty()) sql += " PASSWORD " + quote_literal(credentials.password.reveal());
  auto made = co_await connection.command(std::move(sql), deadline);
  if (!made)
    co_return std::unexpected(
        Failure{fmt::format("could not create user {}: {}", name, made.error().detail)});
  co_return Result();
}

Task<Result> Bootstrap::make_superuser(Connection& connection, Instant deadline) {
  auto quiet = co_await connection.command(kQuietSession, deadline);
  if (!quiet)
    co_return std::unexpected(Failure{"could not prepare the creation of users: " + quiet.error().detail});
  if (context_.pg().accounts.superuser.username.empty() || context_.pg().accounts.superuser.password.empty())
    co_return Result();
  Result made = co_await make_role(connection, context_.pg().accounts.superuser, "SUPERUSER LOGIN", deadline);
  co_return made;
}

Task<Result> Bootstrap::make_other_roles(Connection& connection, Instant deadline) {
  if (!context_.pg().accounts.replication.username.empty()) {
    Result made =
        co_await make_role(connection, context_.pg().accounts.replication, "REPLICATION LOGIN", deadline);
    if (!made) co_return made;
  }
  const bool rewind = programs_.target_version() >= 110000 &&
                      !context_.pg().accounts.rewind.username.empty() &&
                      context_.pg().accounts.rewind != context_.pg().accounts.superuser;
  if (!rewind) co_return Result();
  Result made = co_await make_role(connection, context_.pg().accounts.rewind, "LOGIN", deadline);
  if (!made) co_return made;
  for (const char* function : kRewindFunctions) {
    auto granted =
        co_await connection.command(fmt::format("GRANT EXECUTE ON FUNCTION {} TO {}", function,
                                                quote_identifier(context_.pg().accounts.rewind.username)),
                                    deadline);
    if (!granted) {
      co_return std::unexpected(
          Failure{fmt::format("could not let user {} use {}: {}", context_.pg().accounts.rewind.username,
                              function, granted.error().detail)});
    }
  }
  co_return Result();
}

Task<Result> Bootstrap::run_script(Instant deadline) {
  const std::string& script = context_.settings->bootstrap.post_bootstrap;
  if (script.empty()) co_return Result();
  auto parameters =
      local_parameters(*context_.settings, context_.address, context_.pg().accounts.superuser, false);
  parameters.erase("gssencmode");
  auto environment = programs_.script_environment();
  environment["PGOPTIONS"] = "-c synchronous_commit=local -c statement_timeout=0";
  auto for_pgpass = parameters;
  for_pgpass.try_emplace("host", "localhost");
  SecretFiles secrets = take_secrets(parameters, programs_.target_version());
  secrets.pgpass = pgpass_content(for_pgpass);
  const HeldSecrets held(context_, "bootstrap", std::move(secrets));
  held.name_in(environment);
  std::vector<std::string> arguments{render_conninfo(parameters, programs_.target_version())};
  auto running = programs_.run_long_script("post_bootstrap", script, std::move(arguments),
                                           std::move(environment), deadline);
  auto ran = co_await held.during(std::move(running), deadline);
  if (!ran) co_return std::unexpected(Failure{"post_bootstrap: " + ran.error()});
  if (!*ran) co_return std::unexpected(Failure{"post_bootstrap " + ran->error().detail});
  co_return Result();
}

Task<Result> Bootstrap::post_bootstrap(Instant deadline) {
  Connection connection(context_.clock, *context_.resolver);
  auto connected = co_await connection.connect(superuser_session(context_, "restapi", "0"),
                                               std::min(deadline, context_.clock.now() + kConnectBudget));
  if (!connected) {
    std::string why = "post_bootstrap: " + connected.error().detail + connection_hint(connected.error());
    // Found out at a fresh cluster's first connection, and hard to guess from what the server says.
    const int version = programs_.target_version();
    if (version >= 100000 && version < 140000 && why.find("authentication failed") != std::string::npos) {
      why +=
          "\nHINT: before PostgreSQL 14 initdb stores passwords as md5; where pg_hba asks for scram-sha-256, "
          "add "
          "auth-host: scram-sha-256 to bootstrap.initdb";
    }
    co_return std::unexpected(Failure{std::move(why)});
  }
  Result founded = co_await make_superuser(connection, deadline);
  if (!founded) co_return founded;
  Result ran = co_await run_script(deadline);
  if (!ran) co_return ran;
  Result made = co_await make_other_roles(connection, deadline);
  if (!made) co_return made;
  if (context_.settings->bootstrap.users_configured) {
    log::error(
        "User creation is not be supported starting from v4.0.0. Please use \"bootstrap.post_bootstrap\" "
        "script to "
        "create users.");
  }
  co_return Result();
}

}  // namespace tanist::postgres
