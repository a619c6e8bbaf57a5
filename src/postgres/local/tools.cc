#include <algorithm>
#include <exception>

#include "async/wait.h"
#include "log/log.h"
#include "postgres/files/control_data.h"
#include "postgres/local/local_server.h"
#include "process/command_line.h"

TANIST_LOGGER("patroni.postgresql.cancellable");

/// PostgreSQL's programs, scripts of the user, and what all actions need.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kToolBudget = 30s;
/// What a program that only tells something may overrun its deadline by: it has nothing to put in order.
constexpr Duration kAnswerGrace = 100ms;
/// How often a script that runs before the stop is compared with the server that is to be stopped.
constexpr Duration kScriptLook = 100ms;

/// `postgres (PostgreSQL) 15.20 (Debian …)` → 150000.
int version_of(std::string_view text) {
  constexpr std::string_view kMark = "(PostgreSQL) ";
  const auto at = text.find(kMark);
  return at == std::string_view::npos ? 0 : parse_major_version(text.substr(at + kMark.size()));
}

std::string major_text(int version) {
  return version >= 100000 ? std::to_string(version / 10000)
                           : fmt::format("{}.{}", version / 10000, version / 100 % 100);
}
}  // namespace

std::string LocalServer::tool(const std::string& name) const {
  const auto named = pg().bin_name.find(name);
  const std::string base = named == pg().bin_name.end() ? name : named->second;
  return pg().bin_dir.empty() ? base : pg().bin_dir + "/" + base;
}

process::Environment LocalServer::script_environment() const {
  auto environment = process::without(process::environment(), {"PATRONI_", "TANIST_", "NOTIFY_SOCKET"});
  environment[kWorksFor] = settings_->state_dir;
  if (!pg().krbsrvname.empty()) environment["PGKRBSRVNAME"] = pg().krbsrvname;
  return environment;
}

process::Environment LocalServer::tool_environment() const {
  auto environment = script_environment();
  environment["LANG"] = "C";
  environment["LC_ALL"] = "C";
  return environment;
}

Task<std::expected<process::Finished, std::string>> LocalServer::run_tool(std::vector<std::string> argv,
                                                                          process::Environment environment,
                                                                          Instant deadline,
                                                                          process::LineSink sink) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = std::move(environment);
  co_return co_await process::run(clock_, std::move(command), deadline, std::move(sink));
}

Task<std::expected<process::Finished, std::string>> LocalServer::ask_tool(std::vector<std::string> argv,
                                                                          process::Environment environment,
                                                                          Instant deadline) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = std::move(environment);
  command.grace = kAnswerGrace;
  command.after_kill = kAnswerGrace;
  co_return co_await process::run(clock_, std::move(command), deadline);
}

Task<Result> LocalServer::run_script(std::string what, std::string text, std::vector<std::string> arguments,
                                     process::Environment environment, Instant deadline) {
  auto words = process::split_command(text);
  if (!words || words->empty()) {
    co_return std::unexpected(Failure{fmt::format("{} \"{}\" is no command: {}", what, text,
                                                  words ? std::string("it is empty") : words.error())});
  }
  process::Command command;
  command.argv = std::move(*words);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.environment = std::move(environment);
  command.out = process::Output::inherit;
  command.err = process::Output::inherit;
  auto finished = co_await process::run(clock_, std::move(command), deadline);
  if (!finished) co_return std::unexpected(Failure{fmt::format("{}: {}", what, finished.error())});
  if (!finished->success()) {
    co_return std::unexpected(Failure{fmt::format("{} \"{}\" failed: {}", what, text, finished->describe())});
  }
  co_return Result();
}

Task<Result> LocalServer::run_long_script(std::string what, std::string text,
                                          std::vector<std::string> arguments,
                                          process::Environment environment, Instant deadline) {
  /// Enough to see what it is doing; one that prints without end fills no log.
  constexpr int kLoggedLines = 500;
  constexpr std::size_t kLoggedWidth = 1000;
  auto words = process::split_command(text);
  if (!words || words->empty()) {
    co_return std::unexpected(Failure{
        fmt::format("\"{}\" is no command: {}", text, words ? std::string("it is empty") : words.error())});
  }
  process::Command command;
  command.argv = std::move(*words);
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.environment = std::move(environment);
  command.out = process::Output::as_error;
  auto sink = [what, lines = 0](std::string_view line) mutable {
    if (lines > kLoggedLines) return;
    if (++lines <= kLoggedLines) {
      log::info("{}: {}", what, line.substr(0, kLoggedWidth));
    } else {
      log::info("{}: (more is not logged)", what);
    }
  };
  auto finished = co_await process::run(clock_, std::move(command), deadline, std::move(sink));
  if (!finished) co_return std::unexpected(Failure{finished.error()});
  if (!finished->success())
    co_return std::unexpected(Failure{fmt::format("\"{}\" failed: {}", text, finished->describe())});
  co_return Result();
}

namespace {

Task<Result> run_on(DiskThread& disk, std::string what,
                    std::function<std::expected<void, std::string>()> work, Instant deadline) {
  using Outcome = std::expected<void, std::string>;
  std::expected<Outcome, std::string> done =
      co_await disk.call<Outcome>(std::move(what), std::move(work), deadline);
  if (!done) co_return std::unexpected(Failure{std::move(done.error())});
  if (!*done) co_return std::unexpected(Failure{std::move(done->error())});
  co_return Result();
}

}  // namespace

Task<Result> LocalServer::on_disk(std::string what, std::function<std::expected<void, std::string>()> work,
                                  Instant deadline) {
  return run_on(disk_, std::move(what), std::move(work), deadline);
}

Task<Result> LocalServer::on_long_disk(std::string what,
                                       std::function<std::expected<void, std::string>()> work,
                                       Instant deadline) {
  return run_on(long_disk_, std::move(what), std::move(work), deadline);
}

void LocalServer::name_secrets(process::Environment& environment, const std::string& purpose,
                               const SecretFiles& secrets) const {
  if (!secrets.pgpass.empty()) environment["PGPASSFILE"] = pgpass_for(purpose);
  if (!secrets.service.empty()) environment["PGSERVICEFILE"] = service_file_for(purpose);
}

template <class T>
Task<std::expected<T, std::string>> LocalServer::holding_secrets(std::string purpose, SecretFiles secrets,
                                                                 Task<T> op, Instant deadline) {
  constexpr Duration kRemoveBudget = 5s;
  std::map<std::string, std::string> files;
  if (!secrets.pgpass.empty()) files[pgpass_for(purpose)] = std::move(secrets.pgpass);
  if (!secrets.service.empty()) files[service_file_for(purpose)] = std::move(secrets.service);
  std::optional<T> result;
  std::string failure;
  std::exception_ptr cancelled;
  try {
    for (const auto& [path, content] : files) {
      auto written = co_await disk_.write(path, content, 0600, deadline);
      if (!written) failure = std::move(written.error());
    }
    if (failure.empty()) result.emplace(co_await std::move(op));
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (cancelled) co_await shield_from_cancellation();
  for (const auto& [path, content] : files) {
    auto removed = co_await disk_.remove(path, clock_.now() + kRemoveBudget);
    if (!removed) log::warning("{}", removed.error());
  }
  if (cancelled) std::rethrow_exception(cancelled);
  if (!failure.empty()) co_return std::unexpected(std::move(failure));
  co_return std::move(*result);
}

template Task<std::expected<std::expected<process::Finished, std::string>, std::string>>
    LocalServer::holding_secrets(std::string, SecretFiles,
                                 Task<std::expected<process::Finished, std::string>>, Instant);
template Task<std::expected<Result, std::string>> LocalServer::holding_secrets(std::string, SecretFiles,
                                                                               Task<Result>, Instant);

Task<Result> LocalServer::check_binaries(Instant deadline) {
  std::vector<std::string> argv{tool("postgres"), "--version"};
  auto finished =
      co_await ask_tool(std::move(argv), tool_environment(), std::min(deadline, clock_.now() + kToolBudget));
  if (!finished || !finished->success()) {
    co_return std::unexpected(
        Failure{fmt::format("could not ask {} for its version: {}\nHINT: check postgresql.bin_dir",
                            tool("postgres"), finished ? finished->describe() : finished.error())});
  }
  binary_version_ = version_of(finished->out);
  binary_text_ = finished->out;
  const bool other = facts_.major_version != 0 && facts_.major_version != binary_version_;
  if (facts_.data_directory != DataDirectory::ok || !other || binary_version_ == 0) co_return Result();
  const std::string text = fmt::format(
      "data directory \"{}\" was made by PostgreSQL {}, but {} is version {}\nHINT: check postgresql.bin_dir",
      pg().data_dir, major_text(facts_.major_version), tool("postgres"), major_text(binary_version_));
  // A server that runs all the same is not abandoned.
  if (!facts_.running()) co_return std::unexpected(Failure{text});
  log::error("{}", text);
  co_return Result();
}

Task<void> LocalServer::read_control(Instant deadline) {
  // postgres.md §8: where there is nothing, nothing is missing.
  if (facts_.data_directory == DataDirectory::empty) {
    facts_.control.reset();
    facts_.control_error.clear();
    co_return;
  }
  std::vector<std::string> argv{tool("pg_controldata"), pg().data_dir};
  auto running =
      ask_tool(std::move(argv), tool_environment(), std::min(deadline, clock_.now() + kToolBudget));
  const std::uint64_t generation = generation_;
  auto finished = co_await std::move(running);
  // What was read while a server came or went describes neither.
  if (generation_ != generation) co_return;
  auto data = finished && finished->success() ? parse_control_data(finished->out) : std::nullopt;
  if (!data) {
    facts_.control.reset();
    facts_.control_error = finished ? finished->describe() : finished.error();
    log::warning("could not read the control file of \"{}\": {}", pg().data_dir, facts_.control_error);
    co_return;
  }
  facts_.control_error.clear();
  data->seen_at = clock_.now();
  facts_.system_identifier = data->system_identifier;
  facts_.control = std::move(data);
}

Task<std::string> LocalServer::parameter_from_files(std::string name, Instant deadline) {
  std::vector<std::string> argv{
      tool("postgres"), "-D", pg().data_dir, "-C", name, "--config-file=" + main_file()};
  auto finished =
      co_await ask_tool(std::move(argv), tool_environment(), std::min(deadline, clock_.now() + kToolBudget));
  if (!finished || !finished->success()) co_return "?";
  std::string text = finished->out;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  co_return text;
}

Task<std::expected<Rows, QueryError>> LocalServer::work_query(std::string sql,
                                                              std::vector<std::string> parameters,
                                                              Instant deadline) {
  while (work_busy_) {
    work_free_.clear();
    auto wait = work_free_.wait();
    const bool in_time = co_await run_until(clock_, std::move(wait), deadline);
    if (!in_time) {
      co_return std::unexpected(QueryError{QueryError::Kind::timeout, {}, "the connection is in use"});
    }
  }
  struct Use {
    LocalServer& server;
    explicit Use(LocalServer& s) : server(s) { server.work_busy_ = true; }
    ~Use() {
      server.work_busy_ = false;
      server.work_free_.set();
    }
  };
  const Use use(*this);
  if (!work_connection_.open()) {
    auto connected = co_await work_connection_.connect(superuser_parameters("restapi", "2000"), deadline);
    if (!connected) co_return std::unexpected(std::move(connected.error()));
  }
  std::expected<Rows, QueryError> rows = co_await work_connection_.query(sql, parameters, deadline);
  const bool stale = !rows && rows.error().kind == QueryError::Kind::connection;
  if (!stale) co_return rows;
  auto connected = co_await work_connection_.connect(superuser_parameters("restapi", "2000"), deadline);
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return co_await work_connection_.query(std::move(sql), std::move(parameters), deadline);
}

Task<Result> LocalServer::checkpoint(Instant deadline) {
  if (!facts_.running()) co_return std::unexpected(Failure{"CHECKPOINT: PostgreSQL does not run"});
  Connection connection(clock_, resolver_);
  auto connected = co_await connection.connect(superuser_parameters("restapi", "0"),
                                               std::min(deadline, clock_.now() + 3s));
  if (!connected) co_return std::unexpected(Failure{"CHECKPOINT: " + connected.error().detail});
  auto done = co_await connection.command("CHECKPOINT", deadline);
  if (!done) co_return std::unexpected(Failure{"CHECKPOINT: " + done.error().detail});
  co_return Result();
}

Task<void> LocalServer::log_script(std::string what, std::string command, Instant deadline) {
  auto running = run_script(what, std::move(command), {}, script_environment(), deadline);
  Result done = co_await std::move(running);
  if (!done) log::warning("{}", done.error().detail);
}

/// A script that does not end is given up: it is ended beside the stop, which goes on.
Task<void> LocalServer::run_before_stop(Instant deadline) {
  if (pg().before_stop.empty() || !facts_.running()) co_return;
  auto script = spawn("before_stop", log_script("before_stop", pg().before_stop, deadline));
  while (script.running() && facts_.running() && clock_.now() < deadline) {
    auto ending = script.join();
    co_await run_until(clock_, std::move(ending), std::min(clock_.now() + kScriptLook, deadline));
  }
  if (script.running()) log::warning("before_stop \"{}\" is not waited for any longer", pg().before_stop);
  script.cancel();
}

void LocalServer::run_callback(std::string action, Role role) {
  const auto command = pg().callbacks.find(action);
  if (command == pg().callbacks.end() || command->second.empty()) return;
  const Role shown = role == Role::promoted ? Role::primary : role;
  Callbacks::Call call;
  call.command = command->second;
  call.action = std::move(action);
  call.role = to_string(shown);
  call.scope = settings_->scope;
  call.name = settings_->name;
  call.leader = leader_;
  // A promotion is told before the server is on its new timeline.
  const bool promoting = shown == Role::primary && facts_.probe && facts_.probe->in_recovery;
  if (facts_.probe && !promoting) call.timeline = facts_.probe->effective_timeline;
  if (!call.timeline && !facts_.probe && facts_.control) call.timeline = facts_.control->checkpoint_timeline;
  callbacks_.run(std::move(call));
}

}  // namespace tanist::postgres
