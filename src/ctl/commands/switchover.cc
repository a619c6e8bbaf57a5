#include "ctl/commands/switchover.h"

#include <algorithm>
#include <ostream>

#include "config/modes.h"
#include "core/format.h"
#include "core/text.h"
#include "ctl/listening.h"
#include "ctl/members.h"
#include "ctl/schedule.h"
#include "ctl/timing.h"

namespace tanist::ctl {

namespace {

using namespace std::chrono_literals;
using Kind = SwitchoverCommand::Kind;

constexpr Duration kLookEvery = 1s;
/// Of the answer: for how long nobody could write (docs/rest-api.md). Members of Patroni do not tell.
constexpr const char* kWriteGapHeader = "Tanist-Write-Gap-Ms";

/// `['pga', 'pgb']`
std::string listed(const std::vector<std::string>& names) {
  Document out = Document::list();
  for (const auto& name : names) out.push_back(name);
  return out.text();
}

/// What is to happen, chosen and confirmed.
struct Request {
  std::string leader;
  std::string candidate;
  /// Nobody named one, nobody was asked: it is sent as null.
  bool no_candidate = false;
  std::optional<Schedule> at;
};

class Switchover {
 public:
  Switchover(const SwitchoverCommand& command, ClusterStore& store, MemberApi& api, const Terminal& terminal)
      : command_(command), store_(store), api_(api), members_(api, command.cluster), terminal_(terminal) {}

  Ending run() {
    cluster_ = store_.read(command_.cluster);
    modes_ = config::modes_of(cluster_->config.data);
    leader_ = cluster_->leader_name();
    say("Current cluster topology");
    show_members(terminal_, *cluster_, command_.cluster);
    const Request request = chosen();
    ask_whether(request);
    const auto answer = send(request);
    if (answer) return told(request, *answer);
    if (answer.error().sent) return nothing_heard(request, answer.error().why);
    return by_store(request, answer.error().why);
  }

 private:
  bool is_switchover() const { return command_.kind == Kind::switchover; }
  const char* action() const { return is_switchover() ? "switchover" : "failover"; }
  const char* title() const { return is_switchover() ? "Switchover" : "Failover"; }

  void say(const std::string& line) { terminal_.out << line << '\n' << std::flush; }
  void say_now(const std::string& line) { say(local_timestamp(terminal_.wall_now()) + " " + line); }

  Request chosen() {
    Request out;
    if (is_switchover()) out.leader = chosen_leader();
    const auto candidates = possible_candidates();
    if (candidates.empty()) throw Failure(fmt::format("No candidates found to {} to", action()));
    out.no_candidate = !command_.candidate && command_.force;
    out.candidate = command_.candidate.value_or("");
    if (!command_.candidate && !command_.force)
      out.candidate = ask(terminal_, "Candidate " + listed(candidates), "");
    check_candidate(out.candidate, candidates);
    if (is_switchover()) out.at = chosen_time();
    return out;
  }

  std::string chosen_leader() {
    if (leader_.empty()) throw Failure("This cluster has no leader");
    std::string out = command_.leader.value_or(leader_);
    if (!command_.leader && !command_.force)
      out = ask(terminal_, modes_.standby_cluster ? "Standby Leader" : "Primary", leader_);
    if (out != leader_)
      throw Failure(fmt::format("Member {} is not the leader of cluster {}", out, command_.cluster));
    return out;
  }

  std::vector<std::string> possible_candidates() const {
    std::vector<std::string> out;
    for (const auto& [name, member] : cluster_->members)
      if (name != leader_ && !member.nofailover()) out.push_back(name);
    return out;
  }

  void check_candidate(const std::string& candidate, const std::vector<std::string>& candidates) {
    if (!is_switchover() && candidate.empty())
      throw Failure("Failover could be performed only to a specific candidate");
    if (candidate.empty()) return;
    if (candidate == leader_)
      throw Failure(
          fmt::format("Member {} is already the leader of cluster {}", candidate, command_.cluster));
    if (std::ranges::find(candidates, candidate) == candidates.end())
      throw Failure(fmt::format("Member {} does not exist in cluster {} or is tagged as nofailover",
                                candidate, command_.cluster));
    // Members see to that when it is due: one that is scheduled is not refused before.
    if (is_switchover() && modes_.synchronous == config::Dynamic::SyncMode::on &&
        !cluster_->sync.is_voter(candidate))
      warn(terminal_,
           fmt::format("{} is no synchronous standby now: a switchover goes only to one", candidate));
    const bool synchronous = modes_.synchronous != config::Dynamic::SyncMode::off;
    if (is_switchover() || command_.force || !synchronous || !cluster_->sync.active() ||
        cluster_->sync.is_member(candidate))
      return;
    if (!confirm(terminal_,
                 fmt::format("Are you sure you want to failover to the asynchronous node {}?", candidate)))
      throw Failure("Aborting failover");
  }

  std::optional<Schedule> chosen_time() {
    std::string text = command_.scheduled.value_or("");
    if (!command_.scheduled && !command_.force)
      text = ask(terminal_,
                 fmt::format("When should the switchover take place (e.g. {} ) ",
                             an_hour_from(terminal_.wall_now())),
                 "now");
    auto at = parse_schedule(text, terminal_.wall_now());
    if (at && modes_.pause) throw Failure("Can't schedule switchover in the paused state");
    return at;
  }

  void ask_whether(const Request& request) {
    if (command_.force) return;
    const std::string demoting =
        leader_.empty() ? std::string() : fmt::format(", demoting current leader {}", leader_);
    if (request.at) {
      if (!confirm(terminal_,
                   fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}?",
                               command_.cluster, request.at->iso, demoting)))
        throw Failure("Aborting scheduled switchover");
    } else if (!confirm(terminal_, fmt::format("Are you sure you want to {} cluster {}{}?", action(),
                                               command_.cluster, demoting))) {
      throw Failure(fmt::format("Aborting {}", action()));
    }
  }

  std::expected<net::HttpResponse, NoAnswer> send(const Request& request) {
    const dcs::Member* asked = cluster_->member(leader_.empty() ? request.candidate : leader_);
    if (asked == nullptr)
      return std::unexpected(
          NoAnswer{fmt::format("the leader {} has no member key, and so no API", leader_)});
    Document body = Document::map({{"candidate", request.no_candidate ? Document() : request.candidate}});
    if (is_switchover()) body.set("leader", request.leader);
    if (request.at) body.set("scheduled_at", request.at->iso);
    MemberCall call{.method = "POST",
                    .endpoint = action(),
                    .body = std::move(body),
                    .patience = switchover_patience(*cluster_, command_.local)};
    auto answer = members_.ask(*asked, call);
    // Members of releases that know failovers only.
    const bool too_old = answer && answer->status == 501 && is_switchover() &&
                         answer->body.find("Server does not support this operation") != std::string::npos;
    if (!too_old) return answer;
    call.endpoint = "failover";
    return members_.ask(*asked, call);
  }

  Ending told(const Request& request, const net::HttpResponse& answer) {
    if (answer.status == 200 || answer.status == 202) {
      say_now(answer.body);
      if (const std::string* gap = answer.headers.find(kWriteGapHeader); gap)
        say(fmt::format("Nobody could write for {} ms", *gap));
      cluster_ = store_.read(command_.cluster);
      const Ending ending = command_.wait && !request.at ? wait_for_followers() : Ending::done;
      show_members(terminal_, *cluster_, command_.cluster);
      return ending;
    }
    const bool unknown = lower(answer.body).find("status unknown") != std::string::npos;
    say(fmt::format("{} {}, details: {}, {}", title(), unknown ? "result unknown" : "failed", answer.status,
                    answer.body));
    hint_at_refusal(terminal_, answer.status);
    return unknown ? watch(request) : Ending::failed;
  }

  /// The request was sent, and no answer came: it may be carried out now, so nothing else is written.
  Ending nothing_heard(const Request& request, const std::string& why) {
    say(fmt::format("{} result unknown, details: {}", title(), why));
    return watch(request);
  }

  /// What the store tells of a request of unknown fate, as long as it may be under way.
  Ending watch(const Request& request) {
    if (request.at) return Ending::unknown;
    say(fmt::format("Watching the store for what becomes of the {}", action()));
    const Instant end = terminal_.now() + switchover_patience(*cluster_, command_.local);
    Changes changes(&api_, terminal_);
    changes.seen(command_.cluster, *cluster_);
    for (;;) {
      if (terminal_.now() >= end || !changes.wait(terminal_.now() + kLookEvery)) break;
      const auto seen = store_.read(command_.cluster);
      if (!seen->unlocked() && seen->leader_name() != leader_) {
        say_now(fmt::format("The leader is now {}", seen->leader_name()));
        show_members(terminal_, *seen, command_.cluster);
        return Ending::done;
      }
      if (!seen->failover.present() && !seen->unlocked()) {
        say_now(
            fmt::format("The store holds no request for a {}, the leader is still {}", action(), leader_));
        return Ending::failed;
      }
    }
    say_now(fmt::format("The {} has neither succeeded nor failed so far", action()));
    return Ending::unknown;
  }

  Ending by_store(const Request& request, const std::string& why) {
    warn(terminal_, why);
    warn(terminal_, "Failing over to DCS");
    say_now(fmt::format("Could not {} using Patroni api, falling back to DCS", action()));
    dcs::FailoverRecord record{.leader = request.leader, .candidate = request.candidate};
    if (request.at) record.scheduled_at = request.at->at;
    require_done(store_.write_failover(command_.cluster, record, cluster_->failover.version),
                 fmt::format("write the request for a {} into the store", action()));
    show_members(terminal_, *cluster_, command_.cluster);
    return command_.wait ? watch(request) : Ending::done;
  }

  /// Members that run and do not stream from the leader that `cluster_` has now.
  std::vector<std::string> lagging() const {
    std::vector<std::string> out;
    const dcs::Member* leader = cluster_->leader_member();
    for (const auto& [name, member] : cluster_->members) {
      const bool follows = member.state == "running" && member.replication_state == "streaming" &&
                           leader != nullptr && member.timeline == leader->timeline;
      if (&member != leader && !member.nostream() && !follows) out.push_back(name);
    }
    return out;
  }

  Ending wait_for_followers() {
    const Instant end = terminal_.now() + switchover_patience(*cluster_, command_.local);
    std::string shown;
    Changes changes(&api_, terminal_);
    changes.seen(command_.cluster, *cluster_);
    for (;;) {
      const std::string left = joined(lagging());
      if (left.empty()) return Ending::done;
      if (left != shown) say("Waiting for members to follow the new leader: " + left);
      shown = left;
      if (terminal_.now() >= end || !changes.wait(terminal_.now() + kLookEvery)) break;
      cluster_ = store_.read(command_.cluster);
    }
    say("Failed: these members do not follow the new leader: " + shown);
    return Ending::failed;
  }

  const SwitchoverCommand& command_;
  ClusterStore& store_;
  MemberApi& api_;
  Members members_;
  const Terminal& terminal_;
  dcs::ClusterPtr cluster_;
  config::Modes modes_;
  std::string leader_;
};

}  // namespace

Ending run_switchover(const SwitchoverCommand& command, ClusterStore& store, MemberApi& api,
                      const Terminal& terminal) {
  return Switchover(command, store, api, terminal).run();
}

namespace {

constexpr cli::Option kLeader{.names = "--leader,--primary",
                              .help = "The present leader, for certainty",
                              .value = "NAME",
                              .names_of = cli::Names::member};
constexpr cli::Option kSwitchoverTime{
    .names = "--scheduled",
    .help =
        "When: a time as ISO 8601 has it, of this host's zone unless it says "
        "another; now",
    .value = "TIME",
    .in_short = "When to switch over"};

Ending call_switchover(const Call& call) {
  const SwitchoverCommand command{.kind = Kind::switchover,
                                  .cluster = call.cluster(),
                                  .leader = call.given.text(kLeader),
                                  .candidate = call.given.text(kCandidate),
                                  .scheduled = call.given.text(kSwitchoverTime),
                                  .force = call.given.has(kForce),
                                  .wait = call.given.has(kWaitForOthers),
                                  .local = call.settings.document};
  const auto store = call.around.open_store(call.settings);
  const auto api = call.around.open_member_api(call.settings);
  return run_switchover(command, *store, *api, call.around.terminal);
}

}  // namespace

Command switchover_command() {
  return {
      .line = {.name = "switchover",
               .help = "Give the primary's role to another member, in order",
               .arguments = {kCluster},
               .options = {kGroup, kLeader, kCandidate, kSwitchoverTime, kForce, kWaitForOthers},
               .footer = "What is not given is asked for: the leader, the candidate (empty: the best), the "
                         "time. With --force\n"
                         "nothing is asked.\n\n"
                         "Examples:\n"
                         "  switchover shop --candidate pgb --force\n"
                         "  switchover shop --leader pga --scheduled 2031-01-01T03:00 --force"},
      .run = call_switchover};
}

}  // namespace tanist::ctl
