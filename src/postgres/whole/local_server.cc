#include "postgres/whole/local_server.h"

#include "log/log.h"
#include "postgres/copies/archive.h"
#include "postgres/copies/bootstrap.h"
#include "postgres/copies/clone.h"
#include "postgres/copies/compare.h"
#include "postgres/copies/custom_bootstrap.h"
#include "postgres/copies/data_directory_life.h"
#include "postgres/copies/left_work.h"
#include "postgres/copies/replica_methods.h"
#include "postgres/copies/rewind.h"
#include "postgres/copies/single_user.h"
#include "postgres/copies/slot_copies.h"
#include "postgres/files/data_directory.h"
#include "postgres/files/lock_files.h"
#include "postgres/local/admission.h"
#include "postgres/local/apply.h"
#include "postgres/local/configuration.h"
#include "postgres/local/context.h"
#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/history_files.h"
#include "postgres/local/marks.h"
#include "postgres/local/monitor.h"
#include "postgres/local/postmaster.h"
#include "postgres/local/programs.h"
#include "postgres/local/promote.h"
#include "postgres/local/scripts.h"
#include "postgres/local/slots.h"
#include "postgres/local/standby.h"
#include "postgres/local/start.h"
#include "postgres/local/work_connection.h"

TANIST_LOGGER("patroni.postgresql.postmaster");

namespace tanist::postgres {

using namespace std::chrono_literals;

namespace {
constexpr Duration kCallbackBudget = 1s;
constexpr Duration kLetInBudget = 2s;
/// Of what does not depend on how much there is to remove.
constexpr Duration kOpenBudget = 30s;
}  // namespace

/// In the order in which they need each other.
struct LocalServer::Parts {
  Parts(Executor executor, Clock& clock, DiskThread& disk) : context(executor, clock, disk) {}

  Context context;
  // What runs.
  Programs programs{context};
  WorkConnection work{context};
  Scripts scripts{context, programs};
  ControlFile control_file{context, programs};
  Directory directory{context};
  Postmaster postmaster{context, programs, directory};
  Configuration configuration{context, programs, directory, control_file};
  Standby standby{context, programs, postmaster, work};
  Monitor monitor{context, programs, directory, control_file, postmaster, configuration, standby};
  Apply apply{context, programs, postmaster, configuration, monitor, work, scripts};
  Admission admission{context, control_file, postmaster, configuration, monitor, apply};
  Start start{context, programs, directory, postmaster, configuration, admission};
  Promotion promotion{context, directory, postmaster, monitor, work};
  Slots slots{context, work, monitor};
  // What makes data directories.
  Archive archive{context, programs};
  WalComparison comparison{context, programs, control_file};
  Rewind rewind{context, programs, directory, control_file, configuration, archive, comparison};
  CrashRecovery crash_recovery{context, programs, directory, control_file, archive};
  DataDirectoryLife life{context, directory, postmaster, configuration};
  LeftWork left_work{context, directory};
  Clone clone{context, directory, left_work};
  ReplicaMethods replica_methods{context, programs, directory, control_file, clone};
  Bootstrap bootstrap{context, programs, directory, control_file, configuration, life};
  CustomBootstrap custom_bootstrap{context, programs, directory, control_file, configuration,
                                   apply,   life,     left_work, bootstrap};
  SlotCopies slot_copies{context, programs, directory};
};

LocalServer::LocalServer(Executor executor, Clock& clock, DiskThread& disk)
    : parts_(std::make_unique<Parts>(executor, clock, disk)) {
  // Who is told of what others see first.
  Parts& parts = *parts_;
  parts.directory.on_look([&parts](const DataDirectorySeen& seen) {
    if (!parts.postmaster.running()) parts.postmaster.adopt_from(seen);
    parts.configuration.take_recovery_files(seen);
  });
  parts.postmaster.on_arrival([&parts](Postmaster::Arrival arrival) {
    parts.configuration.take_arrival(arrival.found, arrival.port);
    parts.monitor.take_arrival();
  });
  parts.postmaster.on_end([&parts] { parts.monitor.take_end(); });
  parts.monitor.on_answer([&parts] { parts.slots.take_probe(); });
}

LocalServer::~LocalServer() = default;

void LocalServer::on_event(std::function<void(ServerEvent)> listener) {
  parts_->context.listener = std::move(listener);
}

Task<Result> LocalServer::find(config::SettingsPtr settings) {
  Context& context = parts_->context;
  parts_->configuration.take_settings(std::move(settings));
  Result looked = co_await parts_->directory.look_beside(context.clock.now() + kOpenBudget);
  if (!looked || context.facts.process != Process::none) co_return looked;
  co_return co_await parts_->postmaster.find_without_pid_file();
}

Task<Result> LocalServer::open(config::SettingsPtr settings) {
  Context& context = parts_->context;
  Facts& facts = context.facts;
  Directory& directory = parts_->directory;
  parts_->configuration.take_settings(std::move(settings));
  Instant deadline = context.clock.now() + kOpenBudget;
  co_await directory.look(deadline);
  if (facts.data_directory == DataDirectory::unreadable) {
    co_return std::unexpected(Failure{facts.data_directory_error});
  }
  Result cleared = co_await parts_->left_work.clear(deadline);
  if (!cleared) co_return cleared;
  deadline = context.clock.now() + kOpenBudget;
  auto half_rewound = co_await context.disk.read(rewind_mark(*context.settings), deadline);
  if (!half_rewound) co_return std::unexpected(Failure{half_rewound.error()});
  facts.half_rewound =
      half_rewound->has_value() && facts.data_directory == DataDirectory::ok && !facts.running();
  Result checked = co_await parts_->programs.check(deadline);
  if (!checked) co_return checked;
  co_await parts_->rewind.check(deadline);
  if (!directory.seen().permission_error.empty())
    co_return std::unexpected(Failure{directory.seen().permission_error});
  const bool empty = facts.data_directory != DataDirectory::ok;
  if (!empty) {
    // Of a promotion that an earlier daemon gave up: a standby would promote itself without the lock.
    auto withdrawn = co_await context.disk.remove(promote_trigger(context.pg().data_dir), deadline);
    if (!withdrawn) co_return std::unexpected(Failure{withdrawn.error()});
    Result let_in = co_await parts_->admission.clear(deadline);
    if (!let_in) co_return let_in;
  }
  auto preparing = context.on_disk(
      "prepare directories",
      [settings = context.settings, empty] {
        return prepare_directories(*settings, settings->postgresql.data_dir, empty);
      },
      deadline);
  Result prepared = co_await std::move(preparing);
  if (!prepared) co_return prepared;
  for (const auto& sockets : socket_directories_inside(context.pg())) {
    log::warning(
        "unix_socket_directories names \"{}\", which lies in the data directory: pg_rewind from this member "
        "fails on the sockets\nHINT: name a directory outside of the data directory",
        sockets);
  }
  auto pgpass = co_await context.disk.read(context.pg().pgpass, deadline);
  if (pgpass && *pgpass) parts_->configuration.take_password_file(std::move(**pgpass));

  Result found = co_await parts_->postmaster.find_left_processes();
  if (!found) co_return found;
  if (facts.data_directory == DataDirectory::ok) {
    co_await parts_->control_file.read(deadline);
  }
  context.spawn("monitor of PostgreSQL", parts_->monitor.run());
  co_return Result();
}

Task<void> LocalServer::close() {
  Context& context = parts_->context;
  co_await parts_->admission.close(context.clock.now() + kLetInBudget);
  context.closing = true;
  // Callbacks outlive the daemon, if they have begun.
  co_await parts_->scripts.close(context.clock.now() + kCallbackBudget);
  co_await context.scope.close();
  parts_->monitor.close();
  parts_->work.close();
}

const Facts& LocalServer::facts() const {
  return parts_->context.facts;
}

int LocalServer::postmaster_descriptor() const {
  return parts_->postmaster.descriptor();
}

Task<void> LocalServer::refresh(Duration max_age, Instant deadline) {
  return parts_->monitor.refresh(max_age, deadline);
}

Task<void> LocalServer::read_control(Instant deadline) {
  return parts_->control_file.read(deadline);
}

RecoveryDifference LocalServer::recovery_difference(const std::optional<Upstream>& upstream, Role) const {
  return parts_->configuration.recovery_difference(upstream);
}

Task<Result> LocalServer::apply(config::SettingsPtr settings, Role role, bool force, Instant deadline) {
  return parts_->apply.apply(std::move(settings), role, force, deadline);
}

Task<std::expected<ClusterIdentity, Failure>> LocalServer::identify(bool make, Instant deadline) {
  return parts_->life.identify(make, deadline);
}

Task<Result> LocalServer::initdb(Instant deadline) {
  return parts_->bootstrap.initdb(deadline);
}

Task<Result> LocalServer::custom_bootstrap(Instant deadline) {
  return parts_->custom_bootstrap.run(deadline);
}

Task<Result> LocalServer::post_bootstrap(Instant deadline) {
  return parts_->bootstrap.post_bootstrap(deadline);
}

Task<std::expected<bool, Failure>> LocalServer::end_custom_bootstrap(Instant deadline) {
  return parts_->custom_bootstrap.end(deadline);
}

Task<Result> LocalServer::start(StartRequest request, Instant deadline) {
  return parts_->start.start(std::move(request), deadline);
}

Task<StartOutcome> LocalServer::wait_started(Instant deadline) {
  return parts_->monitor.wait_started(deadline);
}

Task<Result> LocalServer::checkpoint(Instant deadline) {
  return parts_->work.checkpoint(deadline);
}

Task<void> LocalServer::run_before_stop(Instant deadline) {
  return parts_->scripts.run_before_stop(deadline);
}

void LocalServer::signal_stop(StopMode mode) {
  parts_->postmaster.signal_stop(mode);
}

Task<bool> LocalServer::wait_no_clients(Instant deadline) {
  return parts_->postmaster.wait_no_clients(deadline);
}

Task<std::optional<ControlData>> LocalServer::wait_shutdown_checkpoint(Instant deadline) {
  return parts_->control_file.wait_shutdown_checkpoint(deadline);
}

Task<void> LocalServer::archive_shutdown_checkpoint(Instant deadline) {
  return parts_->archive.archive_shutdown_checkpoint(deadline);
}

Task<Lsn> LocalServer::last_lsn(ControlData control, Instant deadline) {
  return parts_->control_file.last_lsn(std::move(control), deadline);
}

Task<bool> LocalServer::wait_down(Instant deadline) {
  return parts_->postmaster.wait_down(deadline);
}

Task<bool> LocalServer::kill_everything(Instant deadline) {
  return parts_->postmaster.kill_everything(deadline);
}

void LocalServer::kill_now() {
  parts_->postmaster.kill_now();
}

Task<Result> LocalServer::run_pre_promote(Instant deadline) {
  return parts_->scripts.run_pre_promote(deadline);
}

Task<Result> LocalServer::promote(Instant deadline) {
  parts_->slots.before_promotion();
  return parts_->promotion.promote(deadline);
}

Task<bool> LocalServer::wait_promoted(Instant deadline) {
  return parts_->promotion.wait_promoted(deadline);
}

void LocalServer::look_for_wal() {
  parts_->standby.look_for_wal();
}

Task<Result> LocalServer::set_standby_names(std::optional<std::string> names, Role role, Instant deadline) {
  return parts_->apply.set_standby_names(std::move(names), role, deadline);
}

Task<Result> LocalServer::set_standby_slots(std::optional<std::string> slots, Role role, Instant deadline) {
  return parts_->apply.set_standby_slots(std::move(slots), role, deadline);
}

Task<Result> LocalServer::follow_by_reload(std::optional<Upstream> upstream, Role role, Instant deadline) {
  return parts_->apply.follow_by_reload(std::move(upstream), role, deadline);
}

Task<Result> LocalServer::crash_recover(Instant deadline) {
  return parts_->crash_recovery.recover(deadline);
}

Task<DivergenceAnswer> LocalServer::compare_with(Upstream leader, Instant deadline) {
  co_await parts_->rewind.check(deadline);
  co_return co_await parts_->comparison.compare_with(std::move(leader), deadline);
}

Task<SourceAnswer> LocalServer::ask_source(Upstream source, Instant deadline) {
  return parts_->comparison.ask_source(std::move(source), deadline);
}

Task<Result> LocalServer::checkpoint_source(Upstream source, Instant deadline) {
  return parts_->rewind.checkpoint_source(std::move(source), deadline);
}

Task<Result> LocalServer::rewind(Upstream source, std::function<void(Progress)> progress, Instant deadline) {
  return parts_->rewind.rewind(std::move(source), std::move(progress), deadline);
}

Task<Result> LocalServer::create_replica(ReplicaRequest request, std::function<void(Progress)> progress,
                                         Instant deadline) {
  return parts_->replica_methods.create(std::move(request), std::move(progress), deadline);
}

Task<Result> LocalServer::remove_data_directory(std::string why, Instant begin_by, Instant deadline) {
  return parts_->life.remove(std::move(why), begin_by, deadline);
}

Task<Result> LocalServer::rename_data_directory(Instant deadline) {
  return parts_->life.rename(deadline);
}

Task<void> LocalServer::sync_slots(SlotsWanted wanted, Instant deadline) {
  return parts_->slots.sync(std::move(wanted), deadline);
}

Task<std::expected<std::vector<SlotCopy>, Failure>> LocalServer::fetch_slots(Upstream leader,
                                                                             std::vector<WantedSlot> slots,
                                                                             Instant deadline) {
  parts_->slots.stop_advancing();
  return parts_->slot_copies.fetch(std::move(leader), std::move(slots), deadline);
}

Task<Result> LocalServer::write_slots(std::vector<SlotCopy> slots, Instant deadline) {
  return parts_->slot_copies.write(std::move(slots), deadline);
}

void LocalServer::force_feedback(bool on) {
  parts_->context.facts.feedback_forced = on;
}

Task<std::vector<HistoryLine>> LocalServer::history(Timeline timeline, std::string new_leader,
                                                    Instant deadline) {
  return history_lines(parts_->context.disk, parts_->programs.wal_path(), timeline, std::move(new_leader),
                       deadline);
}

void LocalServer::run_callback(std::string action, Role role) {
  parts_->scripts.run_callback(std::move(action), role);
}

void LocalServer::note_leader(const std::string& name) {
  parts_->scripts.note_leader(name);
}

}  // namespace tanist::postgres
