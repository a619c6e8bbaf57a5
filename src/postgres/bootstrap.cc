#include <exception>

#include "core/log.h"
#include "core/wait.h"
#include "postgres/local_server.h"
#include "postgres/progress.h"

/// A new cluster: initdb, then users and the script of the user.
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

struct RoleToMake {
  config::Credentials credentials;
  std::string attributes;
};

/// Passwords must not reach the server's log, nor wait for replicas that are not there yet.
constexpr const char* kQuietSession =
    "SET log_statement TO none; SET log_min_duration_statement TO -1; SET log_min_error_statement TO log; "
    "SET pg_stat_statements.track_utility TO off; SET pgaudit.log TO none; SET synchronous_commit TO local";

constexpr const char* kRewindFunctions[] = {
    "pg_catalog.pg_ls_dir(text, boolean, boolean)",
    "pg_catalog.pg_stat_file(text, boolean)",
    "pg_catalog.pg_read_binary_file(text)",
    "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
};

}  // namespace

Task<Result> LocalServer::initdb(Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"initdb: PostgreSQL runs"});
  auto looking = look(deadline);
  co_await std::move(looking);
  if (facts_.data_directory != DataDirectory::empty) {
    co_return std::unexpected(
        Failure{fmt::format("initdb: data directory \"{}\" is not empty", pg().data_dir)});
  }
  auto forgetting = forget_rewind(deadline);
  Result forgotten = co_await std::move(forgetting);
  if (!forgotten) co_return forgotten;
  const Rebuilding rebuilding(rebuilding_);
  std::vector<std::string> argv{tool("initdb")};
  for (const auto& option : settings_->bootstrap.initdb) argv.push_back(render_option(option));
  const auto& superuser = pg().superuser;
  if (!superuser.username.empty()) argv.push_back("--username=" + superuser.username);
  const std::string password_file = settings_->state_dir + "/initdb.password";
  if (!superuser.password.empty()) {
    argv.push_back("--pwfile=" + password_file);
    auto writing = disk_.write(password_file, superuser.password.reveal() + "\n", 0600, deadline);
    auto written = co_await std::move(writing);
    if (!written) co_return std::unexpected(Failure{"initdb: " + written.error()});
  }
  argv.push_back(pg().data_dir);
  // Locale and language of the new cluster come from the environment of the daemon.
  auto environment = script_environment();
  std::expected<process::Finished, std::string> finished;
  std::exception_ptr cancelled;
  try {
    auto running = run_tool(std::move(argv), std::move(environment), deadline);
    finished = co_await std::move(running);
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (cancelled) co_await shield_from_cancellation();
  auto removing = disk_.remove(password_file, clock_.now() + 5s);
  co_await std::move(removing);
  if (cancelled) std::rethrow_exception(cancelled);
  auto again = look(deadline);
  co_await std::move(again);
  if (!finished || !finished->success()) {
    co_return std::unexpected(Failure{fmt::format("initdb of \"{}\" failed: {}", pg().data_dir,
                                                  finished ? finished->describe() : finished.error())});
  }
  if (pg().pg_hba.empty() && !settings_->bootstrap.pg_hba.empty() && !pg().parameters.contains("hba_file")) {
    std::string lines;
    for (const auto& line : settings_->bootstrap.pg_hba) lines += line + "\n";
    const std::string path = pg().data_dir + "/pg_hba.conf";
    auto appending = disk_.append(path, "\n" + lines, file_mode(path), deadline);
    auto appended = co_await std::move(appending);
    if (!appended) co_return std::unexpected(Failure{appended.error()});
  }
  auto control = read_control(deadline);
  co_await std::move(control);
  co_return Result();
}

Task<Result> LocalServer::create_roles(Connection& connection, Instant deadline) {
  const auto& superuser = pg().superuser;
  std::vector<RoleToMake> roles;
  if (!superuser.username.empty() && !superuser.password.empty())
    roles.push_back({superuser, "SUPERUSER LOGIN"});
  if (!pg().replication.username.empty()) roles.push_back({pg().replication, "REPLICATION LOGIN"});
  const bool rewind = target_version() >= 110000 && !pg().rewind.username.empty() && pg().rewind != superuser;
  if (rewind) roles.push_back({pg().rewind, "LOGIN"});

  auto quieting = connection.command(kQuietSession, deadline);
  auto quiet = co_await std::move(quieting);
  if (!quiet)
    co_return std::unexpected(Failure{"could not prepare the creation of users: " + quiet.error().detail});
  for (const auto& role : roles) {
    const std::string& name = role.credentials.username;
    auto asking = connection.query("SELECT 1 FROM pg_catalog.pg_authid WHERE rolname = $1",
                                   std::vector<std::string>{name}, deadline);
    auto found = co_await std::move(asking);
    if (!found)
      co_return std::unexpected(
          Failure{fmt::format("could not look up user {}: {}", name, found.error().detail)});
    std::string sql = fmt::format("{} ROLE {} WITH {}", found->empty() ? "CREATE" : "ALTER",
                                  quote_identifier(name), role.attributes);
    if (!role.credentials.password.empty())
      sql += " PASSWORD " + quote_literal(role.credentials.password.reveal());
    auto making = connection.command(std::move(sql), deadline);
    auto made = co_await std::move(making);
    if (!made)
      co_return std::unexpected(
          Failure{fmt::format("could not create user {}: {}", name, made.error().detail)});
  }
  for (const char* function : kRewindFunctions) {
    if (!rewind) break;
    auto granting = connection.command(
        fmt::format("GRANT EXECUTE ON FUNCTION {} TO {}", function, quote_identifier(pg().rewind.username)),
        deadline);
    auto granted = co_await std::move(granting);
    if (!granted) {
      co_return std::unexpected(Failure{fmt::format("could not let user {} use {}: {}", pg().rewind.username,
                                                    function, granted.error().detail)});
    }
  }
  co_return Result();
}

Task<Result> LocalServer::post_bootstrap(Instant deadline) {
  Connection connection(clock_, resolver_);
  auto connecting = connection.connect(superuser_parameters("restapi", "0"), deadline);
  auto connected = co_await std::move(connecting);
  if (!connected) co_return std::unexpected(Failure{"post_bootstrap: " + connected.error().detail});
  auto creating = create_roles(connection, deadline);
  Result created = co_await std::move(creating);
  if (!created) co_return created;

  const std::string& script = settings_->bootstrap.post_bootstrap;
  if (script.empty()) co_return Result();
  auto parameters = local_parameters(*settings_, pg().superuser, false);
  parameters.erase("gssencmode");
  auto environment = script_environment();
  environment["PGOPTIONS"] = "-c synchronous_commit=local -c statement_timeout=0";
  auto for_pgpass = parameters;
  for_pgpass.try_emplace("host", "localhost");
  const std::string pgpass = pgpass_content(for_pgpass);
  if (!pgpass.empty()) environment["PGPASSFILE"] = pgpass_for("bootstrap");
  parameters.erase("password");
  std::vector<std::string> arguments{render_conninfo(parameters, target_version())};
  auto running = run_script("post_bootstrap", script, std::move(arguments), std::move(environment), deadline);
  auto holding = holding_pgpass(pgpass_for("bootstrap"), pgpass, std::move(running), deadline);
  auto held = co_await std::move(holding);
  if (!held) co_return std::unexpected(Failure{"post_bootstrap: " + held.error()});
  Result done = std::move(*held);
  co_return done;
}

}  // namespace tanist::postgres
