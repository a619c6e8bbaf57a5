#pragma once

#include <expected>
#include <string>
#include <vector>

#include "config/settings.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Apply;
class Bootstrap;
class Configuration;
class ControlFile;
class DataDirectoryLife;
class Directory;
class LeftWork;
class Programs;

/// Arguments of the script after the words of its command.
std::vector<std::string> bootstrap_arguments(const config::Settings& settings,
                                             const config::CustomBootstrap& custom);

/// A new cluster from a script of the user: a restored backup, most of all, with recovery to a point in time.
/// Keeps nothing itself: that it is under way, Configuration knows. On the control thread.
class CustomBootstrap {
 public:
  CustomBootstrap(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
                  Configuration& configuration, Apply& apply, DataDirectoryLife& life, LeftWork& left_work,
                  Bootstrap& bootstrap);

  /// The script fills the empty data directory.
  Task<Result> run(Instant deadline);
  /// Ordinary settings again, recovery settings gone; true: they need a restart.
  Task<std::expected<bool, Failure>> end(Instant deadline);

 private:
  Task<Result> run_script(config::CustomBootstrap custom, Instant deadline);

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Configuration& configuration_;
  Apply& apply_;
  DataDirectoryLife& life_;
  LeftWork& left_work_;
  Bootstrap& bootstrap_;
};

}  // namespace tanist::postgres
