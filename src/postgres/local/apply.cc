#include "postgres/local/apply.h"

#include <signal.h>

#include <algorithm>

#include "log/log.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/monitor.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/local/scripts.h"
#include "postgres/local/work_connection.h"
#include "postgres/parameters/config_files.h"

TANIST_LOGGER("patroni.postgresql.config");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How long a reload may take to show in a session.
constexpr Duration kReloadBudget = 1s;
constexpr Duration kCompareBudget = 5s;
constexpr Duration kNamesLook = 50ms;
/// From here on the server tells which process is the checkpointer.
constexpr int kTellsBackendType = 100000;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}
}  // namespace

Apply::Apply(Context& context, Programs& programs, Postmaster& postmaster, Configuration& configuration,
             Monitor& monitor, WorkConnection& work, Scripts& scripts)
    : context_(context),
      programs_(programs),
      postmaster_(postmaster),
      configuration_(configuration),
      monitor_(monitor),
      work_(work),
      scripts_(scripts) {}

Task<Result> Apply::apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) {
  configuration_.take_settings(std::move(settings), role);
  if (configuration_.custom_bootstrapping()) {
    log::info("Skipping PostgreSQL configuration update while in custom bootstrap.");
    co_return Result();
  }
  // A stopped server gets its files when it is started.
  if (!context_.facts.running() || context_.facts.data_directory != DataDirectory::ok) co_return Result();
  Result applied = co_await apply_to_running(role, force, deadline);
  // What could not be written is not what was asked for: the engine asks again.
  if (!applied) context_.facts.settings_stale = true;
  co_return applied;
}

Task<Result> Apply::apply_to_running(Role role, bool force, Instant deadline) {
  if (context_.facts.standby_signal && !configuration_.knows_recovery()) {
    // Files written without knowing the recovery settings of an adopted standby would cut it off from its
    // source.
    co_await monitor_.refresh(Duration::zero(), deadline);
    const bool in_recovery = !context_.facts.probe || context_.facts.probe->in_recovery;
    if (in_recovery && !configuration_.knows_recovery()) {
      co_return std::unexpected(Failure{"new settings wait until PostgreSQL tells its recovery settings"});
    }
  }
  if (configuration_.written().empty() && context_.facts.accepts()) {
    co_await load_adopted_parameters(deadline);
  }
  co_await configuration_.load_known_parameters(deadline);
  Parameters parameters = configuration_.valid_parameters();
  ParameterChanges changes;
  if (context_.facts.accepts()) {
    changes =
        co_await compare_with_running(parameters, std::min(deadline, context_.clock.now() + kCompareBudget));
  }
  auto written = co_await configuration_.write_files(std::move(parameters), deadline);
  if (!written) co_return std::unexpected(Failure{written.error()});
  for (const auto& line : changes.lines) log::info("{}", line);
  configuration_.expect_restart(std::move(changes.restart));
  if (!*written && !changes.changed && !force) {
    log::info("No PostgreSQL configuration items changed, nothing to reload.");
    co_return Result();
  }
  Result reloaded = co_await reload(role, true, deadline);
  if (reloaded && context_.facts.accepts()) {
    co_await tell_refused_lines(deadline);
  }
  co_return reloaded;
}

Task<void> Apply::tell_refused_lines(Instant deadline) {
  const int version = programs_.exact_version();
  if (version < 100000) co_return;
  std::string sql = "SELECT 'pg_hba.conf', line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL";
  if (version >= 150000)
    sql +=
        " UNION ALL SELECT 'pg_ident.conf', line_number, error FROM pg_ident_file_mappings WHERE error IS "
        "NOT NULL";
  auto asking = work_.query(std::move(sql), {}, std::min(deadline, context_.clock.now() + kCompareBudget));
  auto rows = co_await std::move(asking);
  if (!rows) co_return;
  for (const auto& row : *rows) {
    log::error("PostgreSQL refuses line {} of {} and keeps the rules that it had: {}", row[1].value_or("?"),
               row[0].value_or(""), row[2].value_or(""));
  }
}

/// A server that was found running: what it was given counts as written before (postgres.md §20).
Task<void> Apply::load_adopted_parameters(Instant deadline) {
  auto asking = work_.query(adopted_parameters_query(), {main_file(context_.pg())},
                            std::min(deadline, context_.clock.now() + kCompareBudget));
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::warning("could not read what PostgreSQL was started with: {}", rows.error().detail);
    co_return;
  }
  configuration_.take_adopted(parse_adopted_parameters(*rows));
}

Task<ParameterChanges> Apply::compare_with_running(Parameters& wanted, Instant deadline) {
  std::string names = joined(parameters_to_compare(wanted, configuration_.written()));
  auto asking = work_.query(running_parameters_query(), {std::move(names)}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) {
    log::warning("could not compare the settings with those that run: {}", rows.error().detail);
    co_return ParameterChanges();
  }
  ParameterChanges changes = compare_parameters(wanted, configuration_.written(), *rows);
  for (const auto& warning : changes.warnings) log::warning("{}", warning);
  co_return changes;
}

Task<Result> Apply::reload(Role role, bool callback, Instant deadline) {
  if (!postmaster_.signal(SIGHUP)) {
    co_return std::unexpected(Failure{"could not reload PostgreSQL: it does not run"});
  }
  log::info("Reloading PostgreSQL configuration.");
  const std::string before = monitor_.conf_load_time();
  co_await monitor_.wait_reloaded(before, std::min(deadline, context_.clock.now() + kReloadBudget));
  if (callback) scripts_.run_callback("on_reload", role);
  co_return Result();
}

Task<Result> Apply::follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) {
  if (!context_.facts.running())
    co_return std::unexpected(Failure{"could not follow: PostgreSQL does not run"});
  auto written = co_await configuration_.write_for_upstream(std::move(upstream), role, deadline);
  if (!written) co_return std::unexpected(std::move(written.error()));
  if (!*written) co_return Result();
  co_return co_await reload(role, true, deadline);
}

Task<Result> Apply::set_standby_names(std::optional<std::string> names, Role role, Instant deadline) {
  // What an adopted server waits for is known first: else it counted as what was there before.
  if (configuration_.written().empty() && context_.facts.accepts()) {
    co_await load_adopted_parameters(deadline);
  }
  const auto before = context_.facts.own_standby_names;
  const std::string shown = names.value_or("what is configured");
  if (names != before) log::info("Assigning synchronous_standby_names to {}", shown.empty() ? "None" : shown);
  configuration_.set_standby_names(names);
  if (!context_.facts.running() || context_.facts.data_directory != DataDirectory::ok) co_return Result();
  auto written = co_await configuration_.write_for_standby_names(role, deadline);
  if (!written) {
    configuration_.set_standby_names(before);
    co_return std::unexpected(std::move(written.error()));
  }
  const auto has = [this] {
    return context_.facts.probe ? context_.facts.probe->standby_names : std::string();
  };
  const bool changes = names && has() != *names;
  if (!*written && !changes && !names_unread_) co_return Result();
  names_unread_ = names && !names->empty() && (names_unread_ || has().empty());
  // Callbacks tell of a primary; a standby's names are only made ready.
  Result reloaded = co_await reload(role, is_leaderlike(role), deadline);
  if (!reloaded || !names || !context_.facts.accepts()) co_return reloaded;
  if (has() != *names) {
    co_return std::unexpected(
        Failure{fmt::format("synchronous_standby_names was set to '{}' and is '{}'\nHINT: ALTER SYSTEM RESET "
                            "synchronous_standby_names",
                            *names, has())});
  }
  Result read = co_await wait_names_read(deadline);
  if (!read) {
    configuration_.set_standby_names(before);
    co_return read;
  }
  co_await release_waiting_commits(deadline);
  co_return Result();
}

Task<Result> Apply::set_standby_slots(std::optional<std::string> slots, Role role, Instant deadline) {
  if (configuration_.written().empty() && context_.facts.accepts()) {
    co_await load_adopted_parameters(deadline);
  }
  const auto before = context_.facts.own_standby_slots;
  const std::string shown = slots.value_or("what is configured");
  if (slots != before)
    log::info("Assigning synchronized_standby_slots to {}", shown.empty() ? "None" : shown);
  context_.facts.own_standby_slots = slots;
  if (!context_.facts.running() || context_.facts.data_directory != DataDirectory::ok) co_return Result();
  auto written = co_await configuration_.write_for_standby_names(role, deadline);
  if (!written) {
    context_.facts.own_standby_slots = before;
    co_return std::unexpected(std::move(written.error()));
  }
  const auto has = [this] {
    return context_.facts.probe ? context_.facts.probe->standby_slots : std::string();
  };
  if (!*written && (!slots || has() == *slots)) co_return Result();
  Result reloaded = co_await reload(role, false, deadline);
  if (!reloaded || !slots || !context_.facts.accepts()) co_return reloaded;
  co_await monitor_.refresh(Duration::zero(), deadline);
  if (has() == *slots) co_return Result();
  context_.facts.own_standby_slots = before;
  co_return std::unexpected(
      Failure{fmt::format("synchronized_standby_slots was set to '{}' and is '{}'\nHINT: ALTER SYSTEM RESET "
                          "synchronized_standby_slots; PostgreSQL's log says which slot it refuses",
                          *slots, has())});
}

/// A commit that waits is released when a standby of the list says how far it is; with nothing new to say a
/// standby does so every ten seconds (wal_receiver_status_interval). A record of WAL that itself waits for
/// nobody makes it speak.
Task<void> Apply::release_waiting_commits(Instant deadline) {
  if (!context_.facts.probe || context_.facts.probe->in_recovery) co_return;
  auto writing = work_.query("SELECT set_config('synchronous_commit', 'local', true), txid_current()", {},
                             std::min(deadline, context_.clock.now() + kCompareBudget));
  auto written = co_await std::move(writing);
  if (!written) log::debug("no WAL could be written: {}", written.error().detail);
}

/// Each walsender releases what waits by the list that it has read: they take the signal the moment that they
/// run. Where there was no list, commits wait for nobody until the checkpointer has read that there is one;
/// it does not look while it waits for the disk.
Task<Result> Apply::wait_names_read(Instant deadline) {
  const Facts& facts = context_.facts;
  if (facts.major_version < kTellsBackendType) names_unread_ = false;
  for (;;) {
    co_await context_.clock.sleep_for(kNamesLook);
    co_await monitor_.refresh(Duration::zero(), deadline);
    const std::string waits_for = facts.probe ? facts.probe->checkpointer_wait : std::string();
    if (waits_for == "CheckpointerMain" || waits_for == "CheckpointWriteDelay") names_unread_ = false;
    if (!names_unread_) co_return Result();
    if (context_.clock.now() >= deadline) {
      co_return std::unexpected(
          Failure{"synchronous_standby_names is not in force yet: the checkpointer is busy"});
    }
  }
}

}  // namespace tanist::postgres
