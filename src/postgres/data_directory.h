#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/types.h"

/// The data directory on disk. Everything here blocks: for the disk thread only.
namespace tanist::postgres {

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
  /// With symbolic links resolved, as working directories are reported.
  std::string real_path;
  /// postmaster.pid, when there is one.
  std::optional<std::string> postmaster_pid;
};
DataDirectorySeen look_at_data_directory(const std::string& path);

/// `9.6` → 90600, `15` → 150000; 0 when unreadable.
int parse_major_version(std::string_view text);

/// Removes the directory with linked WAL and tablespaces; a symbolic link is only unlinked.
std::expected<void, std::string> remove_data_directory(const std::string& path);

/// Renames directory, linked WAL and tablespaces to `….failed`; an earlier one of that name is removed.
std::expected<void, std::string> rename_data_directory(const std::string& path);

/// Creates directories that settings name and checks that they can be written to. The error names the
/// setting.
std::expected<void, std::string> prepare_directories(const config::Settings& settings,
                                                     const std::string& data_dir, bool data_directory_empty);

/// Where a clone may be built: beside the data directory when it can take its name by a rename, else in it.
struct ClonePlace {
  std::string path;
  bool beside = false;
};
std::expected<ClonePlace, std::string> prepare_clone(const std::string& data_dir, const std::string& marker);
/// The clone is whole: it takes its place.
std::expected<void, std::string> finish_clone(const ClonePlace& place, const std::string& data_dir,
                                              const std::string& marker);
/// Removes what a failed clone left.
void discard_clone(const ClonePlace& place, const std::string& data_dir, const std::string& marker);

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
