#include "postgres/local/local_server.h"

#include "log/log.h"
#include "postgres/files/lock_files.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kCallbackBudget = 1s;
/// Of what does not depend on how much there is to remove.
constexpr Duration kOpenBudget = 30s;
}  // namespace

LocalServer::LocalServer(Executor executor, Clock& clock, DiskThread& disk)
    : context_(executor, clock, disk) {
  directory_.on_look([this](const DataDirectorySeen& seen) {
    if (!postmaster_.running()) postmaster_.adopt_from(seen);
    take_recovery_files(seen);
  });
  postmaster_.on_arrival([this](Postmaster::Arrival arrival) { take_arrival(arrival); });
  postmaster_.on_end([this] { forget_answers(); });
}

void LocalServer::take_arrival(Postmaster::Arrival arrival) {
  if (arrival.found) {
    facts_.settings_role = Role::uninitialized;
    written_parameters_.clear();
  }
  expected_restart_.clear();
  note_address(arrival.port);
  forget_answers();
  settings_read_for_.clear();
  probe_wanted_.set();
}

void LocalServer::forget_answers() {
  failure_told_.reset();
  knock_failed_ = false;
}

LocalServer::~LocalServer() = default;

void LocalServer::on_event(std::function<void(ServerEvent)> listener) {
  context_.listener = std::move(listener);
}

Task<void> LocalServer::close() {
  context_.closing = true;
  // Callbacks outlive the daemon, if they have begun.
  co_await scripts_.close(clock_.now() + kCallbackBudget);
  co_await context_.scope.close();
  monitor_connection_.close();
  timeline_connection_.close();
  work_.close();
}

Task<Result> LocalServer::find(config::SettingsPtr settings) {
  take_settings(std::move(settings), role_);
  Result looked = co_await directory_.look_beside(clock_.now() + kOpenBudget);
  if (!looked || facts_.process != Process::none) co_return looked;
  co_return co_await postmaster_.find_without_pid_file();
}

Task<Result> LocalServer::open(config::SettingsPtr settings) {
  take_settings(std::move(settings), role_);
  Instant deadline = clock_.now() + kOpenBudget;
  co_await directory_.look(deadline);
  if (facts_.data_directory == DataDirectory::unreadable) {
    co_return std::unexpected(Failure{facts_.data_directory_error});
  }
  Result cleared = co_await clear_left_work(deadline);
  if (!cleared) co_return cleared;
  deadline = clock_.now() + kOpenBudget;
  auto half_rewound = co_await context_.disk.read(half_rewound_path(), deadline);
  if (!half_rewound) co_return std::unexpected(Failure{half_rewound.error()});
  facts_.half_rewound =
      half_rewound->has_value() && facts_.data_directory == DataDirectory::ok && !facts_.running();
  Result checked = co_await programs_.check(deadline);
  if (!checked) co_return checked;
  co_await check_rewind_works(deadline);
  if (!directory_.seen().permission_error.empty())
    co_return std::unexpected(Failure{directory_.seen().permission_error});
  const bool empty = facts_.data_directory != DataDirectory::ok;
  if (facts_.data_directory == DataDirectory::ok) {
    // Of a promotion that an earlier daemon gave up: a standby would promote itself without the lock.
    auto withdrawn = co_await context_.disk.remove(promote_trigger(context_.pg().data_dir), deadline);
    if (!withdrawn) co_return std::unexpected(Failure{withdrawn.error()});
  }
  auto preparing = context_.on_disk(
      "prepare directories",
      [settings = context_.settings, empty] {
        return prepare_directories(*settings, settings->postgresql.data_dir, empty);
      },
      deadline);
  Result prepared = co_await std::move(preparing);
  if (!prepared) co_return prepared;
  for (const auto& directory : socket_directories_inside(context_.pg())) {
    log::warning(
        "unix_socket_directories names \"{}\", which lies in the data directory: pg_rewind from this member "
        "fails on the sockets\nHINT: name a directory outside of the data directory",
        directory);
  }
  auto pgpass = co_await context_.disk.read(context_.pg().pgpass, deadline);
  if (pgpass && *pgpass) running_recovery_.pgpass = **pgpass;

  Result found = co_await postmaster_.find_left_processes();
  if (!found) co_return found;
  if (facts_.data_directory == DataDirectory::ok) {
    co_await control_file_.read(deadline);
  }
  context_.spawn("monitor of PostgreSQL", monitor());
  co_return Result();
}

}  // namespace tanist::postgres
