#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

/// Where replicas are built, and the mark on disk that tells an unfinished one from a whole one. Everything
/// here blocks: for the disk thread only.
namespace tanist::postgres {

/// How an attempt uses the data directory.
struct ClonePlan {
  std::string data_dir;
  /// The file that names the place while it is not whole.
  std::string mark;
  /// The file that names what is removed before (remove_cluster).
  std::string removal_mark;
  /// What is in the data directory is used, and stays after a failure.
  bool keep_data = false;
  /// Not beside the data directory: a script was given its name, or an option points into it.
  bool in_place = false;
  /// Not empty: data that is there may be removed first, and why; logged.
  std::string why_replace;
  /// Directories that the tool was told to use besides: tablespaces, WAL.
  std::vector<std::string> outside;
};

/// Beside the data directory when it can take its name by a rename, else in it.
struct ClonePlace {
  std::string path;
  bool beside = false;
};

/// What the mark says of an attempt that was not finished.
struct CloneMark {
  std::string path;
  bool keep_data = false;
  std::vector<std::string> outside;
  /// Which PG_VERSION was in the data directory while the attempt ran, for one that was made there; empty:
  /// none was seen.
  std::string made;
};
std::expected<std::optional<CloneMark>, std::string> read_clone_mark(const std::string& mark);

/// Notes in the mark, where it is there, which cluster an attempt in the data directory has made so far: what
/// somebody puts there after it is another one.
void note_made(const std::string& data_dir, const std::string& mark);

/// Removes what earlier attempts left, writes the mark. Fails when there is data that may not be replaced.
std::expected<ClonePlace, std::string> prepare_clone(const ClonePlan& plan);

/// The clone takes its place when it is a whole cluster; else it is an error and nothing changes.
std::expected<void, std::string> finish_clone(const ClonePlace& place, const std::string& data_dir,
                                              const std::string& mark);

/// Removes what a failed attempt made: in linked WAL directories and tablespaces only what is not older than
/// its mark, and nothing that the data directory uses beside which it was made. What could not be removed is
/// an error, and the mark stays.
std::expected<void, std::string> discard_clone(const ClonePlace& place, const std::string& data_dir,
                                               const std::string& mark);

/// Removes what the mark says was left; true: it is kept for another attempt, and no server until then. An
/// error also where a whole cluster is in the data directory that may be somebody else's.
std::expected<bool, std::string> clear_left_clone(const std::string& data_dir, const std::string& mark);

/// Beside a server that runs: of a clone that has taken its place only the mark is left, and removed. True:
/// there is a mark of another one.
bool marks_unfinished_clone(const std::string& data_dir, const std::string& mark);

}  // namespace tanist::postgres
