#pragma once

#include <string>

#include "config/settings.h"
#include "postgres/server.h"

namespace tanist::postgres {

struct Context;
class Configuration;
class Connection;
class ControlFile;
class DataDirectoryLife;
class Directory;
class Programs;

/// A new cluster: initdb, then users and the script of the user. Keeps nothing itself. On the control thread.
class Bootstrap {
 public:
  Bootstrap(Context& context, Programs& programs, Directory& directory, ControlFile& control_file,
            Configuration& configuration, DataDirectoryLife& life);

  /// Into the empty data directory, with users' password file; leaves nothing running.
  Task<Result> initdb(Instant deadline);
  /// postgres.md §21: the script finds the superuser, and may have made the other users itself.
  Task<Result> post_bootstrap(Instant deadline);
  /// What `bootstrap.pg_hba` adds to the file that came with the cluster.
  Task<Result> append_hba(Instant deadline);

 private:
  Task<Result> make_role(Connection& connection, config::Credentials credentials, std::string attributes,
                         Instant deadline);
  Task<Result> make_superuser(Connection& connection, Instant deadline);
  Task<Result> make_other_roles(Connection& connection, Instant deadline);
  Task<Result> run_script(Instant deadline);

  Context& context_;
  Programs& programs_;
  Directory& directory_;
  ControlFile& control_file_;
  Configuration& configuration_;
  DataDirectoryLife& life_;
};

}  // namespace tanist::postgres
