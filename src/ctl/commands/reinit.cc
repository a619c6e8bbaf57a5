#include "ctl/commands/reinit.h"

#include <algorithm>
#include <map>

#include "core/format.h"
#include "ctl/members.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;

constexpr Duration kCopyingEvery = 2s;
/// A member answers once its old data may go: what it is busy with has ended by then, PostgreSQL, too.
constexpr Duration kStartPatience = 180s;
/// A server that is neither copied nor started for so long is not on its way.
constexpr Duration kIdlePatience = 60s;

std::string text_of(const Document& status, const char* key) {
  const Document* value = status.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

/// A member whose data is copied.
struct Copying {
  const dcs::Member* member;
  /// When PostgreSQL started that was there before; empty: none ran.
  std::string started_before;
  bool seen_copying = false;
  /// Since when neither a copy nor a start is under way; nullopt: one is.
  std::optional<Instant> idle_since = {};
};

class Waiting {
 public:
  Waiting(Members& members, const Terminal& terminal) : members_(members), terminal_(terminal) {}

  void add(const dcs::Member& member, std::string started_before) {
    copying_.push_back({&member, std::move(started_before)});
  }

  Ending until_done() {
    std::string shown;
    for (Instant next = terminal_.now() + kCopyingEvery; !copying_.empty(); next += kCopyingEvery) {
      if (const auto names = names_left(); names != shown) {
        tell("Waiting for reinitialize to complete on: " + names);
        shown = names;
      }
      if (!terminal_.sleep_until(next)) return Ending::unknown;
      std::erase_if(copying_, [&](Copying& one) { return over(one); });
    }
    return ending_;
  }

 private:
  void tell(const std::string& line) { terminal_.out << line << '\n' << std::flush; }

  std::string names_left() const {
    std::vector<std::string> names;
    for (const auto& one : copying_) names.push_back(one.member->name);
    return joined(names);
  }

  bool over(Copying& one) {
    const auto status = members_.status(*one.member);
    const std::string state = status ? text_of(*status, "state") : "no answer";
    const bool busy = state == "creating replica" || state == "starting" || state == "stopping";
    if (state == "creating replica") one.seen_copying = true;
    if (state == "running") {
      // The answer to the request comes before the old server stops.
      const std::string started = text_of(*status, "postmaster_start_time");
      const bool anew = one.seen_copying || (!started.empty() && started != one.started_before);
      if (anew) {
        tell("Reinitialize is completed on: " + one.member->name);
        return true;
      }
    }
    if (busy) {
      one.idle_since.reset();
      return false;
    }
    const Instant now = terminal_.now();
    if (!one.idle_since) one.idle_since = now;
    if (now - *one.idle_since < kIdlePatience) return false;
    tell(fmt::format("Failed: reinitialize on member {}: state is '{}' since {} seconds{}", one.member->name,
                     state, (now - *one.idle_since) / 1s, status ? "" : ": " + status.error().why));
    ending_ = graver(ending_, status ? Ending::failed : Ending::unknown);
    return true;
  }

  Members& members_;
  const Terminal& terminal_;
  std::vector<Copying> copying_;
  Ending ending_ = Ending::done;
};

std::vector<std::string> chosen_members(const ReinitCommand& command, const dcs::Cluster& cluster,
                                        const Terminal& terminal) {
  const auto replicas = members_of_role(cluster, "replica");
  auto chosen =
      choose_members(terminal, cluster, command.cluster, "replica", command.members, RoleFrom::command);
  if (!command.members.empty()) return chosen;
  if (command.force) return {};
  const std::string name =
      ask(terminal, fmt::format("Which member do you want to reinitialize [{}]?", joined(replicas)), "");
  if (std::ranges::find(replicas, name) == replicas.end())
    throw Failure(fmt::format("{} is not a member of cluster", name));
  return {name};
}

}  // namespace

Ending run_reinit(const ReinitCommand& command, ClusterStore& store, MemberApi& api,
                  const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  const auto members = chosen_members(command, *cluster, terminal);
  if (members.empty()) return Ending::done;
  if (!command.force &&
      !confirm(terminal, fmt::format("Are you sure you want to reinitialize members {}?", joined(members))))
    throw Failure("Aborted reinitialize");

  Members all(api, command.cluster);
  MemberAction reinitialize(all, terminal, "reinitialize");
  Waiting waiting(all, terminal);
  for (const auto& name : members) {
    const auto& member = cluster->members.at(name);
    std::string started_before;
    if (command.wait)
      if (const auto status = all.status(member)) started_before = text_of(*status, "postmaster_start_time");
    for (bool force = command.force;; force = true) {
      const auto answer = reinitialize.ask(
          member, {.method = "POST",
                   .endpoint = "reinitialize",
                   .body = Document::map({{"force", force}, {"from_leader", command.from_leader}}),
                   .patience = kStartPatience});
      if (!answer) break;
      if (reinitialize.judge(member, *answer)) {
        waiting.add(member, started_before);
        break;
      }
      const bool busy = answer->body.ends_with(" already in progress");
      if (!busy || force || !confirm(terminal, "Do you want to cancel it and reinitialize anyway?")) break;
    }
  }
  const Ending waited = command.wait ? waiting.until_done() : Ending::done;
  return graver(waited, reinitialize.end());
}

namespace {

constexpr cli::Argument kReplicas{.name = "MEMBERS",
                                  .help = "Names of replicas (default: asked for)",
                                  .many = true,
                                  .names_of = cli::Names::member};
constexpr cli::Option kFromLeader{.names = "--from-leader",
                                  .help = "Copy from the leader, not from a replica that may be copied from"};
constexpr cli::Option kWaitForCopies{.names = "--wait", .help = "Wait until the copies are there and run"};
constexpr cli::Option kNoQuestion{.names = "--force",
                                  .help = "Do not ask, and cancel what the member is busy with"};

Ending call_reinit(const Call& call) {
  const ReinitCommand command{.cluster = call.cluster(),
                              .members = call.given.texts(kReplicas),
                              .force = call.given.has(kNoQuestion),
                              .from_leader = call.given.has(kFromLeader),
                              .wait = call.given.has(kWaitForCopies)};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_reinit(command, *store, *api, call.around.terminal);
}

}  // namespace

Command reinit_command() {
  return {.line = {.name = "reinit",
                   .help = "Have replicas throw away their data directory and copy it anew",
                   .arguments = {kNamedCluster, kReplicas},
                   .options = {kGroup, kNoQuestion, kFromLeader, kWaitForCopies},
                   .footer = "The leader is never reinitialized. --wait tells of each member when it runs "
                             "again, or when it has\n"
                             "stood still for a minute."},
          .run = call_reinit};
}

}  // namespace tanist::ctl
