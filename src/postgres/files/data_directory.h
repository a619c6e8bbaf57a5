#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/files/pid_file.h"
#include "postgres/types.h"
#include "process/data_directory_processes.h"

/// The data directory on disk. Everything here blocks: for the disk thread only.
namespace tanist::postgres {

/// From this version on PostgreSQL lets the group read its data directory.
inline constexpr int kGroupAccess = 110000;

/// What one look at it found.
struct DataDirectorySeen {
  DataDirectory kind = DataDirectory::empty;
  /// Why it is foreign or unreadable.
  std::string error;
  /// Wrong owner or permissions: PostgreSQL would refuse to start. Empty: fine.
  std::string permission_error;
  /// 150000 for `15`; 0 unknown.
  int major_version = 0;
  bool standby_signal = false;
  bool recovery_signal = false;
  bool backup_label = false;
  /// Files of the cluster are readable by the group.
  bool group_access = false;
  /// nullopt: it could not be told.
  std::optional<DiskSpace> disk;
  /// Where WAL is written, which may be another file system.
  std::optional<DiskSpace> wal_disk;
  /// By which the processes that work in it are known.
  process::WorkPlace place;
  /// The password file of a standby, when it could be read; the caller's to fill.
  std::optional<std::string> pgpass;
  /// recovery.conf of servers before 12, when there is one.
  std::optional<std::string> recovery_conf;
  /// postmaster.pid, when there is one.
  std::optional<std::string> postmaster_pid;
  /// The process that it names, when that was asked for; the caller's to fill.
  std::optional<PidFileProcess> pid_file_process;
};
DataDirectorySeen look_at_data_directory(const std::string& path);

/// WAL directory and tablespaces that are symbolic links to elsewhere; targets are resolved.
struct LinkedDirectory {
  std::string link;
  std::string target;
  /// Only `PG_<major>_<catalog version>` in it is of this cluster.
  bool tablespace = false;
};
std::vector<LinkedDirectory> linked_directories(const std::string& data_dir);

/// The file that makes a standby promote itself.
inline std::string promote_trigger(const std::string& data_dir) {
  return data_dir + "/promote";
}

/// Nothing but what administrators and file systems leave: dot-files and `lost+found`.
bool counts_as_data(const std::string& name);

/// `9.6` → 90600, `15` → 150000; 0 when unreadable.
int parse_major_version(std::string_view text);

/// `path`, or where it leads to when it is a symbolic link, also one to nowhere.
std::string without_links(const std::string& path);

bool leads_elsewhere(const std::string& path);

/// An empty one where there is none, also behind a symbolic link to nowhere.
std::expected<void, std::string> make_data_directory(const std::string& path);

/// One file or directory for good, whatever it is named: a number that is used again, and when it was
/// created. Empty: there is none.
std::expected<std::string, std::string> file_identity(const std::string& path);

/// Removes the directory with linked WAL and what is of this cluster in its tablespaces. Of a symbolic link
/// the directory that it leads to is emptied, so that the next one is made in the same place.
std::expected<void, std::string> remove_data_directory(const std::string& path);

/// Removes everything in a directory, which stays.
std::expected<void, std::string> empty_directory(const std::string& path);

/// Renames directory, linked WAL and what is of this cluster in its tablespaces to `….failed`, or to the
/// first `….failed.N` that is free. Behind a symbolic link that is done where it leads to, and an empty
/// directory takes the place. Only an earlier one that the file `mark` names is removed: with `may_give_way`
/// this one is noted there, for the next. Returns the new name; empty: there was nothing.
std::expected<std::string, std::string> rename_data_directory(const std::string& path,
                                                              const std::string& mark, bool may_give_way);

/// `/run/postgresql, /tmp` as its items, without blanks around them; empty ones are left out.
std::vector<std::string> directories_of(std::string_view list);

/// Creates directories that settings name and checks that they can be written to. The error names the
/// setting.
std::expected<void, std::string> prepare_directories(const config::Settings& settings,
                                                     const std::string& data_dir, bool data_directory_empty);

/// Copies configuration files to `<data_dir>/<file>.backup`, so that clones bring them along.
void back_up_configuration(const config::Postgresql& postgresql);
/// Puts back those that are missing; pg_ident.conf is created empty.
void restore_configuration(const config::Postgresql& postgresql);

struct DatedFile {
  std::string content;
  WallTime modified;
};
std::optional<DatedFile> read_dated(const std::string& path);
std::vector<std::string> names_of_directory(const std::string& path);
bool file_exists(const std::string& path);
std::expected<void, std::string> rename_file(const std::string& from, const std::string& to);

}  // namespace tanist::postgres
