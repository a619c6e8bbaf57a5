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
  /// What is in the data directory is used, and stays after a failure.
  bool keep_data = false;
  /// Not beside the data directory: a script was given its name, or an option points into it.
  bool in_place = false;
  /// Data that is there may be removed first.
  bool replace = false;
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
};
std::expected<std::optional<CloneMark>, std::string> read_clone_mark(const std::string& mark);

/// Removes what earlier attempts left, writes the mark. Fails when there is data that may not be replaced.
std::expected<ClonePlace, std::string> prepare_clone(const ClonePlan& plan);

/// The clone takes its place when it is a whole cluster; else it is an error and nothing changes.
std::expected<void, std::string> finish_clone(const ClonePlace& place, const std::string& data_dir,
                                              const std::string& mark);

/// Removes what a failed attempt made: in linked WAL directories and tablespaces only what is not older than
/// its mark. What could not be removed is an error, and the mark stays.
std::expected<void, std::string> discard_clone(const ClonePlace& place, const std::string& data_dir,
                                               const std::string& mark);

}  // namespace tanist::postgres
