#include <algorithm>
#include <charconv>

#include "core/log.h"
#include "core/wait.h"
#include "postgres/config_files.h"
#include "postgres/control_data.h"
#include "postgres/history.h"
#include "postgres/local_server.h"
#include "postgres/progress.h"

/// Whether this server's WAL has left the leader's, and bringing it back (postgres.md §24, §25).
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {

/// The settings of the last run, so that what the WAL needs is there; nothing is archived meanwhile.
std::vector<std::string> single_user_options(std::string_view postmaster_opts) {
  Parameters options;
  // One line: the program, then "-D" "/data" "--name=value" …, each quoted.
  for (std::size_t at = postmaster_opts.find("\"--"); at != std::string_view::npos;
       at = postmaster_opts.find("\"--", at + 1)) {
    const auto end = postmaster_opts.find('"', at + 1);
    const auto item = postmaster_opts.substr(at + 3, end == std::string_view::npos ? end : end - at - 3);
    const auto equals = item.find('=');
    if (equals != std::string_view::npos)
      options[std::string(item.substr(0, equals))] = item.substr(equals + 1);
  }
  options["archive_mode"] = "on";
  options["archive_command"] = "false";
  std::vector<std::string> argv;
  for (const auto& [name, value] : options) {
    argv.insert(argv.end(), {"-c", name + "=" + value});
  }
  return argv;
}

bool is_segment_name(std::string_view name) {
  if (name.ends_with(".partial")) name.remove_suffix(8);
  return name.size() == 24 && name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

/// `%p` and `%f` of archive_command and the like.
std::string expand(std::string_view command, const std::string& path, const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (command[i] != '%' || i + 1 == command.size()) {
      text += command[i];
      continue;
    }
    const char what = command[++i];
    if (what == 'p') text += path;
    if (what == 'f') text += name;
    if (what == '%') text += '%';
  }
  return text;
}

bool is_true(const std::string& value) {
  return value == "on" || value == "always" || value == "true";
}

}  // namespace

Task<std::optional<std::string>> LocalServer::is_writable(Upstream leader, Instant deadline) {
  Connection connection(clock_, resolver_);
  auto parameters = source_parameters(*settings_, leader, rewind_credentials(*settings_, target_version()));
  parameters["options"] = "-c statement_timeout=2000 -c search_path=pg_catalog";
  auto connecting = connection.connect(std::move(parameters), deadline);
  auto connected = co_await std::move(connecting);
  if (!connected) co_return connected.error().detail;
  auto asking = connection.query("SELECT pg_is_in_recovery()", {}, deadline);
  auto rows = co_await std::move(asking);
  if (!rows) co_return rows.error().detail;
  if (rows->size() != 1 || rows->front()[0] != "f") co_return leader.member + " is still in recovery";
  co_return std::nullopt;
}

Task<DivergenceAnswer> LocalServer::compare_with(Upstream leader, Instant deadline) {
  DivergenceAnswer answer;
  bool in_recovery = true;
  if (facts_.running()) {
    if (facts_.probe) {
      in_recovery = facts_.probe->in_recovery;
      answer.local_timeline = facts_.probe->effective_timeline;
      answer.local_lsn = in_recovery ? facts_.probe->replay : facts_.probe->wal;
    }
  } else {
    if (!facts_.control) {
      auto reading = read_control(deadline);
      co_await std::move(reading);
    }
    if (facts_.control) {
      const ControlData& control = *facts_.control;
      const bool recovering =
          control.cluster_state == "shut down in recovery" || control.cluster_state == "in archive recovery";
      const bool known_end = control.min_recovery_end && control.min_recovery_timeline;
      if (recovering && known_end) {
        answer.local_timeline = control.min_recovery_timeline;
        answer.local_lsn = control.min_recovery_end;
      } else if (recovering || control.cluster_state == "shut down") {
        in_recovery = false;
        answer.local_timeline = control.checkpoint_timeline;
        answer.local_lsn = control.latest_checkpoint;
      }
    }
  }
  if (!answer.local_timeline || !answer.local_lsn) {
    answer.detail = "the local timeline or position is not known";
    co_return answer;
  }
  auto writable = is_writable(leader, deadline);
  const auto why_not = co_await std::move(writable);
  if (why_not) {
    answer.detail = *why_not;
    co_return answer;
  }
  auto comparing = compare_within(std::move(leader), std::move(answer), in_recovery, deadline);
  co_return co_await std::move(comparing);
}

Task<DivergenceAnswer> LocalServer::compare_within(Upstream leader, DivergenceAnswer answer, bool in_recovery,
                                                   Instant deadline) {
  Connection connection(clock_, resolver_);
  auto parameters = source_parameters(*settings_, leader, pg().replication);
  parameters["dbname"] = "replication";
  parameters["replication"] = "1";
  auto connecting = connection.connect(std::move(parameters), deadline);
  auto connected = co_await std::move(connecting);
  if (!connected) {
    answer.detail = "IDENTIFY_SYSTEM on " + leader.member + ": " + connected.error().detail;
    co_return answer;
  }
  auto identifying = connection.command("IDENTIFY_SYSTEM", deadline);
  auto identity = co_await std::move(identifying);
  if (!identity || identity->empty() || identity->front().size() < 2 || !identity->front()[1]) {
    answer.detail =
        "IDENTIFY_SYSTEM on " + leader.member + ": " + (identity ? "no answer" : identity.error().detail);
    co_return answer;
  }
  const std::string& text = *identity->front()[1];
  std::from_chars(text.data(), text.data() + text.size(), answer.leader_timeline.value);
  const auto decide = [&](Divergence verdict, std::string why) {
    answer.verdict = verdict;
    answer.detail = std::move(why);
    log::info("Local timeline={} lsn={}, primary timeline={}: {}", answer.local_timeline.value,
              to_string(answer.local_lsn), answer.leader_timeline.value, answer.detail);
    return answer;
  };
  if (answer.local_timeline > answer.leader_timeline) {
    co_return decide(Divergence::diverged, "the local timeline is newer");
  }
  if (answer.local_timeline == answer.leader_timeline) co_return decide(Divergence::none, "same timeline");

  auto reading =
      connection.command(fmt::format("TIMELINE_HISTORY {}", answer.leader_timeline.value), deadline);
  auto history = co_await std::move(reading);
  if (!history || history->empty() || history->front().size() < 2) {
    answer.detail = fmt::format("TIMELINE_HISTORY {} on {}: {}", answer.leader_timeline.value, leader.member,
                                history ? "no answer" : history.error().detail);
    co_return answer;
  }
  for (const auto& line : parse_history(history->front()[1].value_or(""))) {
    if (line.parent < answer.local_timeline) continue;
    if (line.parent > answer.local_timeline) break;
    const std::string at = "the leader left this timeline at " + to_string(line.switch_lsn);
    if (in_recovery) {
      co_return decide(answer.local_lsn > line.switch_lsn ? Divergence::diverged : Divergence::none, at);
    }
    if (answer.local_lsn >= line.switch_lsn) co_return decide(Divergence::diverged, at);
    if (!facts_.control) break;
    // Nothing follows the shutdown checkpoint, and the leader went on exactly there.
    auto ending = end_of_checkpoint(*facts_.control, deadline);
    const Lsn end = co_await std::move(ending);
    co_return decide(end == line.switch_lsn ? Divergence::none : Divergence::diverged,
                     fmt::format("{}, the shutdown checkpoint ends at {}", at, to_string(end)));
  }
  co_return decide(Divergence::diverged, "the leader's history does not know the local timeline");
}

Task<Lsn> LocalServer::end_of_checkpoint(ControlData control, Instant deadline) {
  std::vector<std::string> argv{tool("pg_waldump"),
                                "-p",
                                pg().data_dir + "/pg_wal",
                                "-t",
                                std::to_string(control.checkpoint_timeline.value),
                                "-s",
                                to_string(control.latest_checkpoint),
                                "-n",
                                "2"};
  auto running = run_tool(std::move(argv), tool_environment(), deadline);
  auto finished = co_await std::move(running);
  if (!finished) co_return Lsn{};
  co_return end_of_last_record(finished->out, finished->err);
}

/// WAL that was not archived yet may be what others need, and a rewind removes it.
Task<void> LocalServer::archive_ready_wal(Instant deadline) {
  const Parameters parameters = effective_parameters(*settings_, target_version());
  const auto mode = parameters.find("archive_mode");
  const auto command = parameters.find("archive_command");
  if (mode == parameters.end() || !is_true(mode->second) || command == parameters.end() ||
      command->second.empty()) {
    co_return;
  }
  using Names = std::vector<std::string>;
  const std::string wal = pg().data_dir + "/pg_wal";
  auto listing = disk_.call<Names>(
      "list WAL to archive",
      [wal]() -> Names {
        Names names;
        for (const auto& name : names_of_directory(wal + "/archive_status")) {
          if (!name.ends_with(".ready")) continue;
          const std::string segment = name.substr(0, name.size() - 6);
          if (is_segment_name(segment) && file_exists(wal + "/" + segment)) names.push_back(segment);
        }
        std::ranges::sort(names);
        return names;
      },
      deadline);
  auto names = co_await std::move(listing);
  if (!names) co_return;
  for (const auto& name : *names) {
    std::vector<std::string> argv{"/bin/sh", "-c", expand(command->second, "pg_wal/" + name, name)};
    process::Command archive;
    archive.argv = std::move(argv);
    archive.environment = tool_environment();
    archive.directory = pg().data_dir;
    auto running = process::run(clock_, std::move(archive), deadline);
    auto finished = co_await std::move(running);
    if (!finished || !finished->success()) {
      log::error("Failed to archive WAL segment {}: {}", name,
                 finished ? finished->describe() : finished.error());
      co_return;
    }
    const std::string status = wal + "/archive_status/" + name;
    auto renaming = on_disk(
        "mark " + name + " as archived",
        [status] { return rename_file(status + ".ready", status + ".done"); }, deadline);
    Result renamed = co_await std::move(renaming);
    if (!renamed) log::warning("{}", renamed.error().detail);
    log::info("Archived WAL segment {}", name);
  }
}

Task<Result> LocalServer::crash_recover(Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"crash recovery: PostgreSQL runs"});
  if (facts_.half_rewound) co_return std::unexpected(Failure{"crash recovery: pg_rewind has not finished"});
  const Rebuilding rebuilding(rebuilding_);
  auto archiving = archive_ready_wal(deadline);
  co_await std::move(archiving);
  const std::string data_dir = pg().data_dir;
  auto cleaning = on_disk(
      "prepare single-user recovery",
      [data_dir]() -> std::expected<void, std::string> {
        const std::string status = data_dir + "/pg_wal/archive_status";
        for (const auto& name : names_of_directory(status)) (void)blocking::remove_file(status + "/" + name);
        for (const char* name : {"recovery.conf", "recovery.signal", "standby.signal"}) {
          if (auto removed = blocking::remove_file(data_dir + "/" + name); !removed) return removed;
        }
        return {};
      },
      deadline);
  Result cleaned = co_await std::move(cleaning);
  if (!cleaned) co_return cleaned;
  auto reading = disk_.read(data_dir + "/postmaster.opts", deadline);
  auto options = co_await std::move(reading);
  std::vector<std::string> argv{tool("postgres"), "--single", "-D", data_dir};
  for (auto& option : single_user_options(options && *options ? **options : std::string())) {
    argv.push_back(std::move(option));
  }
  argv.push_back("template1");
  auto running = run_tool(std::move(argv), tool_environment(), deadline);
  auto finished = co_await std::move(running);
  facts_.control.reset();
  if (!finished || !finished->success()) {
    co_return std::unexpected(Failure{
        fmt::format("Crash recovery finished with {}", finished ? finished->describe() : finished.error())});
  }
  log::info("crash recovery of \"{}\" in single-user mode is done", data_dir);
  auto looking = look(deadline);
  co_await std::move(looking);
  auto control = read_control(deadline);
  co_await std::move(control);
  co_return Result();
}

Task<Result> LocalServer::rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) {
  if (!stopped()) co_return std::unexpected(Failure{"pg_rewind: PostgreSQL runs"});
  const Rebuilding rebuilding(rebuilding_);
  auto archiving = archive_ready_wal(deadline);
  co_await std::move(archiving);

  const int version = target_version();
  auto parameters = source_parameters(*settings_, source, rewind_credentials(*settings_, version));
  const std::string pgpass = pgpass_content(parameters);
  parameters.erase("password");
  const bool own_directory = !pg().config_dir.empty() && pg().config_dir != pg().data_dir;
  const auto recovery = wanted_recovery(*settings_, std::nullopt, version).parameters;
  const bool restores =
      recovery.contains("restore_command") && (version >= 150000 || (version >= 130000 && !own_directory));
  std::vector<std::string> argv{tool("pg_rewind")};
  if (restores) argv.push_back("--restore-target-wal");
  if (restores && own_directory) argv.push_back("--config-file=" + main_file());
  argv.insert(argv.end(),
              {"--progress", "-D", pg().data_dir, "--source-server", render_conninfo(parameters, version)});
  for (const auto& option : pg().rewind_options) argv.push_back(render_option(option));

  auto environment = tool_environment();
  environment["PGOPTIONS"] = "-c statement_timeout=0";
  if (!pgpass.empty()) environment["PGPASSFILE"] = pgpass_for("rewind");
  // A target that was rewound half-way may start and be corrupt: until pg_rewind has ended well nothing starts on it.
  auto marking = disk_.write(half_rewound_path(), pg().data_dir + "\n", 0600, deadline);
  auto marked = co_await std::move(marking);
  if (!marked) co_return std::unexpected(Failure{"pg_rewind: " + marked.error()});
  facts_.half_rewound = true;
  log::info("running pg_rewind from {}", source.member);
  facts_.control.reset();
  auto running =
      run_tool(std::move(argv), std::move(environment), deadline, [this, progress](std::string_view line) {
        if (const auto seen = parse_progress(line)) {
          if (progress) progress(*seen);
          changed(ServerEvent::progress);
        }
      });
  auto holding = holding_pgpass(pgpass_for("rewind"), pgpass, std::move(running), deadline);
  auto held = co_await std::move(holding);
  if (!held) co_return std::unexpected(Failure{"pg_rewind: " + held.error()});
  const auto& finished = *held;
  if (!finished || !finished->success()) {
    co_return std::unexpected(Failure{fmt::format("pg_rewind from {} failed: {}", source.member,
                                                  finished ? finished->describe() : finished.error())});
  }
  log::info("pg_rewind exit code=0");
  auto unmarking = disk_.remove(half_rewound_path(), deadline);
  auto unmarked = co_await std::move(unmarking);
  if (!unmarked) co_return std::unexpected(Failure{"pg_rewind: " + unmarked.error()});
  facts_.half_rewound = false;
  auto looking = look(deadline);
  co_await std::move(looking);
  auto control = read_control(deadline);
  co_await std::move(control);
  co_return Result();
}

Task<std::vector<HistoryLine>> LocalServer::history(Timeline timeline, std::string new_leader,
                                                    Instant deadline) {
  const std::string path = pg().data_dir + "/pg_wal/" + history_file_name(timeline);
  auto reading =
      disk_.call<std::optional<DatedFile>>("read " + path, [path] { return read_dated(path); }, deadline);
  auto file = co_await std::move(reading);
  if (!file || !*file) co_return std::vector<HistoryLine>{};
  auto lines = parse_history((*file)->content);
  if (!lines.empty() && lines.back().parent.value + 1 == timeline.value) {
    lines.back().timestamp = iso8601((*file)->modified);
    lines.back().new_leader = std::move(new_leader);
  }
  co_return lines;
}

}  // namespace tanist::postgres
