#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "postgres/server.h"
#include "process/child.h"

namespace tanist::postgres {

struct Context;

/// PostgreSQL's programs of one directory of binaries, and scripts of the user: how they are named, what they
/// find in their environment, which version they are, and running them. Owned by whoever works with that
/// version: the server has one for the configured directory, an operation may make another one beside it. On
/// the control thread.
class Programs {
 public:
  /// In the environment of all that is run for this data directory; its value is the state directory.
  static constexpr const char* kWorksFor = "TANIST_WORKS_FOR";

  /// `bin_dir`: the programs there, whatever is configured; nullopt: where the settings say at the time.
  explicit Programs(Context& context, std::optional<std::string> bin_dir = std::nullopt);

  /// Of `postgres`, `initdb` and the like; without a directory it is looked up in PATH.
  std::string path(const std::string& name) const;
  process::Environment script_environment() const;
  /// The same in English, for output that is read.
  process::Environment tool_environment() const;

  /// Asks `postgres` for its version and compares it with that of the data directory. The failure names the
  /// setting that is wrong.
  Task<Result> check(Instant deadline);
  /// 150000; 0: not asked yet, or it cannot be read.
  int binary_version() const { return version_; }
  /// What `postgres --version` says.
  const std::string& binary_text() const { return text_; }
  /// Of the data directory, or of the binaries where there is none.
  int target_version() const;
  /// With the minor version, where that is known.
  int exact_version() const;
  /// The directory of WAL.
  std::string wal_path() const;

  /// Runs a program to its end.
  Task<std::expected<process::Finished, std::string>> run(std::vector<std::string> argv,
                                                          process::Environment environment, Instant deadline,
                                                          process::LineSink sink = {});
  /// For a program that only tells something (in English): it is not waited for after the deadline, and
  /// killed.
  Task<std::expected<process::Finished, std::string>> ask(std::vector<std::string> argv, Instant deadline);
  /// What the files say of a parameter, by `postgres -C`; `?`: it could not be asked.
  Task<std::string> parameter(std::string name, Instant deadline);

  Task<Result> run_script(std::string what, std::string command, std::vector<std::string> arguments,
                          process::Environment environment, Instant deadline);
  /// The same for one that makes a data directory: its output is logged (its first lines) and told in the
  /// failure.
  Task<Result> run_long_script(std::string what, std::string command, std::vector<std::string> arguments,
                               process::Environment environment, Instant deadline);

 private:
  Context& context_;
  std::optional<std::string> bin_dir_;
  int version_ = 0;
  std::string text_;
};

}  // namespace tanist::postgres
