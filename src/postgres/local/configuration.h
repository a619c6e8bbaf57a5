#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "postgres/client/connection.h"
#include "postgres/parameters/parameters.h"
#include "postgres/parameters/recovery.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
struct DataDirectorySeen;
class ControlFile;
class Directory;
class Programs;

/// The configuration of the server: as it is wanted, as it was written to the files, and as it runs. Writes
/// the files; whether the server is to read them (apply.h) or to be started with them (start.h) is not
/// decided here. Owned by who puts the parts together; on the control thread, the files on the disk thread.
class Configuration {
 public:
  Configuration(Context& context, Programs& programs, Directory& directory, ControlFile& control_file);

  /// The role's part of the settings comes into force.
  void take_settings(config::SettingsPtr settings, Role role);
  void take_settings(config::SettingsPtr settings) { take_settings(std::move(settings), role_); }
  void take_role(Role role) { take_settings(configured_, role); }
  /// synchronous_standby_names in the place of the configured value; nullopt: the configured one.
  void set_standby_names(std::optional<std::string> names);
  /// In synchronous mode a primary that this daemon has never asked is started with the names that it had:
  /// others rely on them until a decision says otherwise.
  Task<Result> recall_standby_names(Instant deadline);
  /// What starts (`found` false) or was found running listens here; `port`: as its pid file says, 0: as the
  /// settings do.
  void take_arrival(bool found, int port);

  // As it is written.
  /// Asks the binary for names that only it can judge; once for each binary, and only when there are such
  /// names.
  Task<void> load_known_parameters(Instant deadline);
  /// Those that the server takes; what it does not is told in the log.
  Parameters valid_parameters();
  /// True: a file has changed.
  Task<std::expected<bool, std::string>> write_files(Parameters parameters, Instant deadline);
  /// All that a server which is started finds; returns the options of its command line.
  Task<std::expected<std::vector<std::string>, Failure>> write_for_start(StartRequest request,
                                                                         Instant deadline);
  /// It is launched: from now on it runs as it was written.
  void note_launch();
  /// The files of a running standby name another upstream; true: one of them has changed.
  Task<std::expected<bool, Failure>> write_for_upstream(std::optional<Upstream> upstream, Role role,
                                                        Instant deadline);
  /// The files of a running server have the standby names as they are wanted; true: one of them has changed.
  Task<std::expected<bool, Failure>> write_for_standby_names(Role role, Instant deadline);
  /// Recovery settings of nobody's standby, for a program that reads them.
  Task<std::expected<bool, std::string>> write_for_rewind(Instant deadline);
  const Parameters& written() const { return written_; }
  /// From the next time on that files are written pg_hba.conf has these lines; none: those that are
  /// configured.
  void keep_out(std::vector<std::string> lines) { narrowed_hba_ = std::move(lines); }
  /// Writes those that are configured.
  Task<std::expected<bool, Failure>> write_who_is_let_in(Instant deadline);
  /// pg_hba.conf is the one in our place, not a file of the user.
  bool has_own_hba() const;

  // As it runs.
  RecoveryDifference recovery_difference(const std::optional<Upstream>& upstream) const;
  /// The recovery settings of the running server are known, or it needs none.
  bool knows_recovery() const { return recovery_active_; }
  void take_password_file(std::string content) { running_recovery_.pgpass = std::move(content); }
  /// What the password file holds counts at the next connection. recovery.conf is the only witness of what a
  /// server before 12 was started with.
  void take_recovery_files(const DataDirectorySeen& seen);
  /// What an adopted server was given counts as written before (postgres.md §20). In synchronous mode the
  /// names that it waits for stay until a decision says otherwise: others rely on them.
  void take_adopted(Parameters parameters);
  /// Names for the query whose answer take_running() gets, separated by commas.
  static std::string names_to_read(int server_version);
  /// Recovery settings as they run, and what waits for a restart: after each start and reload, whoever asked
  /// for it.
  Task<void> take_running(Rows rows, int server_version, Instant deadline);
  /// Those of the written changes that wait for a restart.
  void expect_restart(std::map<std::string, PendingRestart> changes);

  // first_start.cc: from the script of `bootstrap.<method>` until its cluster is an ordinary one.
  bool custom_bootstrapping() const { return custom_bootstrapping_; }
  void begin_custom_bootstrap() { custom_bootstrapping_ = true; }
  void give_up_custom_bootstrap() { custom_bootstrapping_ = false; }
  /// Ordinary files again. The server has to read them, unless pg_hba.conf is the user's.
  Task<Result> end_custom_bootstrap(Instant deadline);

 private:
  void set_recovery(const std::optional<Upstream>& upstream);
  void raise(Parameters& parameters);
  /// Those that were raised stay as they were written.
  Parameters parameters_of_running();
  /// Signal files, recovery.conf of old servers, and the password file.
  Task<Result> write_recovery_files(bool as_standby, Instant deadline);
  void take_running_recovery(const Rows& rows);
  Task<void> take_pending_restart(Rows rows, int server_version, Instant deadline);
  void note_raised();
  /// The parameters of the first start after a custom bootstrap; sets the recovery settings and who is let
  /// in.
  Task<Parameters> first_start_parameters(Parameters parameters, Instant deadline);
  Task<Result> write_first_recovery_files(Instant deadline);
  Task<std::vector<std::string>> trust_lines(Instant deadline);
  bool keeps_recovery_conf() const;

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Role role_ = Role::uninitialized;
  /// The settings before the role's part; the context has those with it.
  config::SettingsPtr configured_;
  /// What `postgres --describe-config` told, and of which binary.
  std::optional<OtherParameters> other_parameters_;
  std::string others_of_;
  Parameters written_;
  /// The connection string that was published for what runs.
  std::string started_url_;
  /// Waiting for a restart because of a change that was told.
  std::map<std::string, PendingRestart> expected_restart_;
  std::optional<std::string> recovery_conf_seen_;
  bool recovery_active_ = false;
  RecoverySettings recovery_;
  RunningRecovery running_recovery_;
  /// Raised above the configured value because a standby needs it: name → configured value.
  Parameters raised_;
  bool custom_bootstrapping_ = false;
  /// pg_hba.conf meanwhile.
  std::vector<std::string> trust_hba_;
  /// Not empty: pg_hba.conf while clients are kept out (admission.h).
  std::vector<std::string> narrowed_hba_;
};

}  // namespace tanist::postgres
