#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ha/ports.h"
#include "postgres/server.h"

namespace tanist::ha {

/// What stands in `<data_dir>.tanist/bootstrap.json` while this member makes a new cluster: after a crash
/// only what the attempt has made may be put aside. A note that outlived its time, or a directory that
/// somebody filled since, must not cost data: so it says what was made, not only where.
struct BootstrapNote {
  std::string data_dir;
  std::string name;
  /// When it began, in seconds of the epoch; 0: not known.
  std::int64_t begun = 0;
  /// Directory, cluster and server as the attempt saw them last.
  postgres::ClusterIdentity made;
  /// Once the cluster is there.
  std::string system_id;
  /// Its server is being started, and which process that is is not noted yet.
  bool starting = false;
  /// The store knows the cluster: the note is about nothing any more.
  bool finished = false;
  bool operator==(const BootstrapNote&) const = default;
};
std::string to_text(const BootstrapNote& note);
/// nullopt: it is none. One of an earlier version names the directory only.
std::optional<BootstrapNote> parse_bootstrap_note(const std::string& text);

enum class LeftBootstrap {
  /// Nothing is there, or it is a member's data by now: the note goes.
  nothing,
  /// What the attempt made, unfinished.
  ours,
  /// Certainly made by somebody else since.
  of_others,
  /// It cannot be told: nothing is touched.
  unknown,
};
struct LeftBootstrapSeen {
  LeftBootstrap what = LeftBootstrap::nothing;
  /// What was found, where it is not ours.
  std::string found;
};
/// `here` is what is there now; `stored_id` the system identifier in the store, if there is one.
LeftBootstrapSeen judge_left_bootstrap(const BootstrapNote& note, const postgres::Facts& facts,
                                       const postgres::ClusterIdentity& here, const std::string& stored_id);

/// The cluster that was made in `data_dir` is known to the store, or gone: nobody may take a later one for
/// that attempt's. What fails is logged.
Task<void> forget_bootstrap(Ports ports, std::string path, std::string data_dir);

}  // namespace tanist::ha
