#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dcs/model.h"
#include "dcs/values.h"

/// Between the keys of the store and the model, the same for every backend that stores the values as text.
namespace tanist::dcs {

/// A key as stored.
struct KeyValue {
  std::string value;
  Version version;
  Claim claim;
  bool operator==(const KeyValue&) const = default;
};

/// The keys of one cluster, without its base path: `leader`, `members/pg-a`.
using Tree = std::map<std::string, KeyValue, std::less<>>;

/// A value that could not be read, and what was found in its place.
struct BrokenKey {
  std::string key;
  Version version;
  std::string why;
};

struct Decoded {
  Cluster cluster;
  std::vector<BrokenKey> broken;
};

/// Never fails: what cannot be read becomes what dcs.md §1.3 and §1.4 say, and is named in `broken`. Unknown
/// keys are left out. `linearizable` and `read_at` are the caller's, and `initialize.by_tanist` where one
/// transaction does not give all that it writes one version.
Decoded decode(const Tree& tree);

/// The keys of a scope, by Citus group (dcs.md §1.6): each group's below its number, `0/leader`. What stands
/// below no group is left out.
std::map<int, Tree> split_groups(const Tree& scope);

/// Key (without base path) and value of a record.
struct Encoded {
  std::string key;
  std::string value;
};
Encoded encode(const Record& record);
std::string encode_status(const Status& status);
/// Value of `tanist/bootstrap`.
/// `tanist/leadership`.
std::string encode_leadership(const std::string& name, const std::optional<LedFrom>& from);
std::string encode_bootstrap_note(const std::string& name, const std::string& incarnation);

/// `2031-05-01T10:00:00+00:00`, and the other ways of ISO 8601 to write a calendar date and a time: blank or
/// `T` in the middle, no separators at all, parts of the time or all of it left out (then midnight). The
/// offset, `Z` or `UTC` is mandatory.
std::optional<WallTime> parse_iso8601(std::string_view text);

/// Logs each broken value once: again only after the key was written anew.
class BrokenKeyLog {
 public:
  void report(const std::vector<BrokenKey>& broken);

 private:
  std::map<std::string, Version> reported_;
};

namespace key {
inline constexpr std::string_view kInitialize = "initialize";
inline constexpr std::string_view kConfig = "config";
inline constexpr std::string_view kLeader = "leader";
inline constexpr std::string_view kStatus = "status";
inline constexpr std::string_view kLegacyOptime = "optime/leader";
inline constexpr std::string_view kMembers = "members/";
inline constexpr std::string_view kFailover = "failover";
inline constexpr std::string_view kSync = "sync";
inline constexpr std::string_view kHistory = "history";
inline constexpr std::string_view kFailsafe = "failsafe";
inline constexpr std::string_view kBootstrapNote = "tanist/bootstrap";
inline constexpr std::string_view kInitializedBy = "tanist/initialized_by";
inline constexpr std::string_view kLeadership = "tanist/leadership";
}  // namespace key

}  // namespace tanist::dcs
