#include "postgres/local/programs.h"

#include <algorithm>

#include "log/log.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/version_names.h"
#include "postgres/local/context.h"
#include "postgres/parameters/config_files.h"
#include "postgres/parameters/parameters.h"
#include "process/command_line.h"

TANIST_LOGGER("patroni.postgresql.cancellable");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kToolBudget = 30s;
/// What a program that only tells something may overrun its deadline by: it has nothing to put in order.
constexpr Duration kAnswerGrace = 100ms;

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

Programs::Programs(Context& context, std::optional<std::string> bin_dir)
    : context_(context), bin_dir_(std::move(bin_dir)) {}

std::string Programs::path(const std::string& name) const {
  const auto named = context_.pg().tools.bin_name.find(name);
  const std::string base = named == context_.pg().tools.bin_name.end() ? name : named->second;
  const std::string& directory = bin_dir_ ? *bin_dir_ : context_.pg().tools.bin_dir;
  return directory.empty() ? base : directory + "/" + base;
}

int Programs::target_version() const {
  return context_.facts.major_version != 0 ? context_.facts.major_version : version_;
}

int Programs::exact_version() const {
  const Facts& facts = context_.facts;
  const int major = target_version();
  const int running = facts.running() && facts.probe ? facts.probe->server_version : 0;
  const int exact = running != 0 ? running : parse_binary_version(text_);
  const int minors = exact >= 100000 ? 10000 : 100;
  return exact / minors * minors == major ? exact : major;
}

std::string Programs::wal_path() const {
  return context_.pg().data_dir + "/" + wal_directory(target_version());
}

process::Environment Programs::script_environment() const {
  auto environment = process::without(process::environment(), {"PATRONI_", "TANIST_", "NOTIFY_SOCKET"});
  environment[kWorksFor] = context_.settings->state_dir;
  if (!context_.pg().krbsrvname.empty()) environment["PGKRBSRVNAME"] = context_.pg().krbsrvname;
  return environment;
}

process::Environment Programs::tool_environment() const {
  auto environment = script_environment();
  environment["LANG"] = "C";
  environment["LC_ALL"] = "C";
  return environment;
}

Task<std::expected<process::Finished, std::string>> Programs::run(std::vector<std::string> argv,
                                                                  process::Environment environment,
                                                                  Instant deadline, process::LineSink sink) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = std::move(environment);
  co_return co_await process::run(context_.clock, std::move(command), deadline, std::move(sink));
}

Task<std::expected<process::Finished, std::string>> Programs::ask(std::vector<std::string> argv,
                                                                  Instant deadline) {
  process::Command command;
  command.argv = std::move(argv);
  command.environment = tool_environment();
  command.grace = kAnswerGrace;
  command.after_kill = kAnswerGrace;
  co_return co_await process::run(context_.clock, std::move(command), deadline);
}

Task<Result> Programs::run_script(std::string what, std::string text, std::vector<std::string> arguments,
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
  auto finished = co_await process::run(context_.clock, std::move(command), deadline);
  if (!finished) co_return std::unexpected(Failure{fmt::format("{}: {}", what, finished.error())});
  if (!finished->success()) {
    co_return std::unexpected(Failure{fmt::format("{} \"{}\" failed: {}", what, text, finished->describe())});
  }
  co_return Result();
}

Task<Result> Programs::run_long_script(std::string what, std::string text, std::vector<std::string> arguments,
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
  auto finished = co_await process::run(context_.clock, std::move(command), deadline, std::move(sink));
  if (!finished) co_return std::unexpected(Failure{finished.error()});
  if (!finished->success())
    co_return std::unexpected(Failure{fmt::format("\"{}\" failed: {}", text, finished->describe())});
  co_return Result();
}

Task<Result> Programs::check(Instant deadline) {
  std::vector<std::string> argv{path("postgres"), "--version"};
  auto finished = co_await ask(std::move(argv), std::min(deadline, context_.clock.now() + kToolBudget));
  if (!finished || !finished->success()) {
    co_return std::unexpected(
        Failure{fmt::format("could not ask {} for its version: {}\nHINT: check postgresql.bin_dir",
                            path("postgres"), finished ? finished->describe() : finished.error())});
  }
  version_ = version_of(finished->out);
  text_ = finished->out;
  const bool other = context_.facts.major_version != 0 && context_.facts.major_version != version_;
  if (context_.facts.data_directory != DataDirectory::ok || !other || version_ == 0) co_return Result();
  const std::string text = fmt::format(
      "data directory \"{}\" was made by PostgreSQL {}, but {} is version {}\nHINT: check postgresql.bin_dir",
      context_.pg().data_dir, major_text(context_.facts.major_version), path("postgres"),
      major_text(version_));
  // A server that runs all the same is not abandoned.
  if (!context_.facts.running()) co_return std::unexpected(Failure{text});
  log::error("{}", text);
  co_return Result();
}

Task<std::string> Programs::parameter(std::string name, Instant deadline) {
  std::vector<std::string> argv{path("postgres"),
                                "-D",
                                context_.pg().data_dir,
                                "-C",
                                name,
                                "--config-file=" + main_file(context_.pg())};
  auto finished = co_await ask(std::move(argv), std::min(deadline, context_.clock.now() + kToolBudget));
  if (!finished || !finished->success()) co_return "?";
  std::string text = finished->out;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  co_return text;
}

}  // namespace tanist::postgres
