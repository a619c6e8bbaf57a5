#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/modes.h"
#include "core/document.h"
#include "core/time.h"
#include "dcs/model.h"

/// What `doctor` sees of a cluster, and what it thinks of it. The checks are pure: values in, values out.
namespace tanist::ctl::doctor {

/// What a PostgreSQL server says of itself.
struct Server {
  bool fsync = true;
  bool full_page_writes = true;
  bool checksums = true;
  /// Slots may hold any amount of WAL.
  bool slots_unbounded = false;
  /// The last file that could not be archived, when none was since; empty: archiving works, or is off.
  std::string archive_fails_at;
  struct Slot {
    std::string name;
    std::int64_t bytes = 0;
  };
  /// Slots that nobody reads from, and how much WAL each holds.
  std::vector<Slot> idle_slots;
  /// The same of slots that somebody reads from.
  std::vector<Slot> busy_slots;
  bool wal_log_hints = true;
  /// A line of pg_hba.conf that lets in from other hosts.
  struct Rule {
    /// `line 7: host all all 0.0.0.0 0.0.0.0 trust`
    std::string text;
    std::string method;
    /// From anywhere.
    bool anywhere = false;
  };
  std::vector<Rule> rules;
  /// Functions that the role of pg_rewind may not call, though it has to.
  std::vector<std::string> rewind_lacks;
  /// There is no such role.
  bool rewind_role_missing = false;
};

/// What a REST API answers somebody who has neither user nor certificate and asks for a change.
enum class Door { unknown, open, guarded };

struct MemberSeen {
  dcs::Member member;
  /// Its status document; the error says why there is none.
  std::expected<Document, std::string> status;
  /// Its clock against the clock of this host; nullopt: not known.
  std::optional<Duration> clock_ahead;
  /// nullopt: not asked; the error says why it did not answer.
  std::optional<std::expected<Server, std::string>> server;
  Door door = Door::unknown;
};

struct Seen {
  std::string cluster;
  dcs::ClusterPtr store;
  config::Modes modes;
  std::vector<MemberSeen> members;
  WallTime now{};
  /// By the configuration of the tool, or the shared one.
  bool use_pg_rewind = false;
  std::string rewind_role = {};
  /// Of all databases; nullopt: not known.
  std::optional<std::int64_t> data_bytes = {};
};

/// The graver the later.
enum class Grade { note, warning, error };
/// `note`, `warning`, `error`
const char* name_of(Grade grade);

struct Finding {
  Grade grade = Grade::note;
  /// A member, or empty: the cluster.
  std::string about;
  std::string what;
  /// What to do; may be empty.
  std::string advice;
};
using Findings = std::vector<Finding>;

struct Check {
  const char* name;
  /// What it looks at, in a few words.
  const char* looks_at;
  /// What is asked for it: `store`, `REST API`, `PostgreSQL`.
  const char* asks;
  void (*run)(const Seen& seen, Findings& out);
};

/// Every check, in the order they are told.
const std::vector<Check>& checks();

// In checks_cluster.cc.
void check_leader(const Seen& seen, Findings& out);
void check_candidates(const Seen& seen, Findings& out);
void check_timing(const Seen& seen, Findings& out);
void check_modes(const Seen& seen, Findings& out);
void check_requests(const Seen& seen, Findings& out);
void check_hosts(const Seen& seen, Findings& out);
// In synchronous.cc.
void check_sync(const Seen& seen, Findings& out);
// In zones.cc.
void check_zones(const Seen& seen, Findings& out);
// In checks_members.cc.
void check_answers(const Seen& seen, Findings& out);
void check_clocks(const Seen& seen, Findings& out);
void check_versions(const Seen& seen, Findings& out);
void check_identity(const Seen& seen, Findings& out);
void check_replication(const Seen& seen, Findings& out);
void check_restarts(const Seen& seen, Findings& out);
void check_troubles(const Seen& seen, Findings& out);
void check_postgres(const Seen& seen, Findings& out);
// In checks_hosts.cc.
void check_configuration(const Seen& seen, Findings& out);
void check_access(const Seen& seen, Findings& out);
void check_rewind(const Seen& seen, Findings& out);
void check_space(const Seen& seen, Findings& out);
// In slots.cc.
void check_slots(const Seen& seen, Findings& out);

}  // namespace tanist::ctl::doctor
