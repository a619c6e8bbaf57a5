#include <signal.h>

#include <algorithm>

#include "core/document.h"
#include "core/log.h"
#include "core/wait.h"
#include "postgres/local_server.h"

/// New settings for a running server.
namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
/// How long a reload may take to show in a session.
constexpr Duration kReloadBudget = 1s;
constexpr Duration kReloadLook = 20ms;
}  // namespace

RecoveryDifference LocalServer::recovery_difference(const std::optional<Upstream>& upstream, Role) const {
  if (!facts_.running() || !settings_) return RecoveryDifference::none;
  const int version = target_version();
  // At the end of a promotion the signal file goes first: only an answer from after the look tells.
  const bool in_recovery = facts_.probe && facts_.probe->in_recovery && facts_.probe->asked_at > looked_at_;
  if (in_recovery && !facts_.standby_signal) return RecoveryDifference::restart;
  if (!running_recovery_.known) return RecoveryDifference::none;
  const std::string conninfo = facts_.probe ? facts_.probe->receiver_conninfo : std::string();
  const std::string slot = facts_.probe ? facts_.probe->receiver_slot : std::string();
  return compare_recovery(wanted_recovery(*settings_, upstream, version), running_recovery_, conninfo, slot,
                          version);
}

Task<Result> LocalServer::apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) {
  settings_ = std::move(settings);
  role_ = role;
  // A stopped server gets its files when it is started.
  if (!facts_.running() || facts_.data_directory != DataDirectory::ok) co_return Result();
  if (facts_.standby_signal && !recovery_active_) {
    // Files written without knowing the recovery settings of an adopted standby would cut it off from its
    // source.
    auto refreshing = refresh(Duration::zero(), deadline);
    co_await std::move(refreshing);
    const bool in_recovery = !facts_.probe || facts_.probe->in_recovery;
    if (in_recovery && !recovery_active_) {
      co_return std::unexpected(Failure{"new settings wait until PostgreSQL tells its recovery settings"});
    }
  }
  auto knowing = load_known_parameters(deadline);
  co_await std::move(knowing);
  const Parameters before = written_parameters_;
  auto writing = write_files(valid_parameters(target_version()), deadline);
  auto written = co_await std::move(writing);
  if (!written) co_return std::unexpected(Failure{written.error()});
  if (!before.empty()) log_changes(before, written_parameters_);
  if (!written->changed && !force) {
    log::info("No PostgreSQL configuration items changed, nothing to reload.");
    co_return Result();
  }
  auto reloading = reload(role, true, deadline);
  Result reloaded = co_await std::move(reloading);
  co_return reloaded;
}

void LocalServer::log_changes(const Parameters& before, const Parameters& after) const {
  const auto line = [](const std::string& name, const std::string& from, const std::string& to) {
    log::info("Changed {} from '{}' to '{}'", name, from, to);
  };
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old == before.end()) line(name, "", value);
    if (old != before.end() && old->second != value) line(name, old->second, value);
  }
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) line(name, value, "");
  }
}

Task<Result> LocalServer::reload(Role role, bool callback, Instant deadline) {
  if (!postmaster_ || !postmaster_->pidfd.signal(SIGHUP)) {
    co_return std::unexpected(Failure{"could not reload PostgreSQL: it does not run"});
  }
  log::info("Reloading PostgreSQL configuration.");
  const std::string before = conf_load_time_;
  auto waiting = wait_reloaded(before, std::min(deadline, clock_.now() + kReloadBudget));
  co_await std::move(waiting);
  if (callback) run_callback("on_reload", role);
  co_return Result();
}

/// Until the monitor's session has read the files anew (it then reads what runs, and what waits for a
/// restart).
Task<void> LocalServer::wait_reloaded(std::string before, Instant deadline) {
  while (facts_.running() && facts_.accepting == Accepting::accepting && settings_read_for_ == before) {
    auto napping = clock_.sleep_for(kReloadLook);
    co_await std::move(napping);
    auto refreshing = refresh(Duration::zero(), deadline);
    co_await std::move(refreshing);
    if (clock_.now() >= deadline) co_return;
  }
}

Task<Result> LocalServer::follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) {
  if (!facts_.running()) co_return std::unexpected(Failure{"could not follow: PostgreSQL does not run"});
  const RecoverySettings before = recovery_;
  const bool active_before = recovery_active_;
  set_recovery(upstream);
  role_ = role;
  auto recovering = write_recovery_files(true, deadline);
  Result recovery_written = co_await std::move(recovering);
  if (!recovery_written) {
    recovery_ = before;
    recovery_active_ = active_before;
    co_return recovery_written;
  }
  auto knowing = load_known_parameters(deadline);
  co_await std::move(knowing);
  Parameters parameters = valid_parameters(target_version());
  for (const auto& [name, configured] : raised_) {
    if (const auto as_written = written_parameters_.find(name); as_written != written_parameters_.end()) {
      parameters[name] = as_written->second;
    }
  }
  auto writing = write_files(std::move(parameters), deadline);
  auto written = co_await std::move(writing);
  if (!written) co_return std::unexpected(Failure{written.error()});
  if (!written->changed) co_return Result();
  auto reloading = reload(role, true, deadline);
  Result reloaded = co_await std::move(reloading);
  co_return reloaded;
}

Task<void> LocalServer::read_pending_restart(Rows rows, Instant deadline) {
  std::map<std::string, PendingRestart> pending;
  for (const auto& [name, configured] : raised_) {
    if (const auto found = facts_.pending_restart.find(name); found != facts_.pending_restart.end()) {
      pending[name] = found->second;
    }
  }
  for (const auto& row : rows) {
    const std::string& name = *row[0];
    if (row[4] != "t" || is_recovery_parameter(name) || name == "hot_standby") continue;
    const std::string unit = row[2].value_or("");
    const auto running = parse_int(Document(row[1].value_or("")));
    PendingRestart change;
    change.old_value = running && !unit.empty() ? human_value(*running, unit) : row[1].value_or("");
    std::string wanted;
    if (const auto written = written_parameters_.find(name); written != written_parameters_.end()) {
      wanted = written->second;
    } else {
      auto asking = parameter_from_files(name, deadline);
      wanted = co_await std::move(asking);
    }
    change.new_value = human_text(wanted, unit);
    pending[name] = std::move(change);
  }
  facts_.pending_restart = std::move(pending);
}

}  // namespace tanist::postgres
