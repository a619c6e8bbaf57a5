#include "api/switchover_endpoint.h"

#include <algorithm>
#include <utility>

#include "api/key_write.h"
#include "api/request_body.h"
#include "api/responses.h"
#include "api/schedule.h"
#include "async/wait.h"
#include "config/modes.h"
#include "core/format.h"
#include "log/log.h"
#include "postgres/logical_slots.h"

TANIST_LOGGER("patroni.api");

/// POST /switchover, POST /failover, DELETE /switchover: the body read, the request written, the end awaited.
namespace tanist::api {

using net::HttpRequest;
using net::HttpResponse;
namespace order = ha::order;

namespace {

using namespace std::chrono_literals;

/// ha.md §6.2.5
constexpr Duration kMembersBudget = 2s;
/// The old leader is asked only for a number that is told in addition.
constexpr Duration kGapBudget = 250ms;
/// Control answers by its deadline; this much later nobody waits any more.
constexpr Duration kControlMargin = 500ms;
/// How often the new leader is asked whether it accepts writes already; later, where that takes long.
constexpr Duration kLookClosely = 20ms;
constexpr Duration kCloselyFor = 3s;
constexpr Duration kLook = 250ms;
/// What happens at other members reaches this one by its store; the rest of the time somebody looks.
constexpr Duration kLookAtStore = 500ms;
constexpr Duration kLeastT = 10s;

std::unexpected<HttpResponse> refused(int status, std::string text) {
  return std::unexpected(text_body(status, std::move(text)));
}

std::string action_of(const SwitchoverRequest& request) {
  return request.failover ? "failover" : "switchover";
}
std::string title_of(const SwitchoverRequest& request) {
  return request.failover ? "Failover" : "Switchover";
}

/// Absent, null and empty are the same.
std::expected<std::string, HttpResponse> name_in(const Document& body, std::string_view key) {
  const Document* value = body.find(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return refused(400, fmt::format("{} should be the name of a member", key));
  return value->as_string();
}

}  // namespace

std::expected<SwitchoverRequest, HttpResponse> parse_switchover(const Document& body, bool failover,
                                                                bool paused, WallTime now) {
  SwitchoverRequest out;
  auto leader = name_in(body, "leader");
  if (!leader) return std::unexpected(std::move(leader.error()));
  auto candidate = name_in(body, "candidate");
  if (candidate && candidate->empty()) candidate = name_in(body, "member");
  if (!candidate) return std::unexpected(std::move(candidate.error()));
  out.failover = failover;
  out.leader = *std::move(leader);
  out.candidate = *std::move(candidate);
  // rest-api.md §8.7, steps 2 to 6
  if (failover && out.candidate.empty())
    return refused(400, "Failover could be performed only to a specific candidate");
  if (!failover && out.leader.empty())
    return refused(400, "Switchover could be performed only from a specific leader");
  const Document* schedule = body.find("scheduled_at");
  if (schedule != nullptr && schedule->truthy()) {
    if (failover) return refused(400, "Failover can't be scheduled");
    if (paused) return refused(400, "Can't schedule switchover in the paused state");
    auto at = parse_schedule(*schedule, "switchover", now);
    if (!at) return std::unexpected(std::move(at.error()));
    out.at = *at;
  }
  if (paused && out.candidate.empty())
    return refused(400, "Switchover is possible only to a specific candidate in a paused state");
  if (failover && !out.leader.empty()) {
    log::warning("received failover request with leader specified - performing switchover instead");
    out.failover = false;
  }
  if (out.leader == out.candidate) return refused(400, "Switchover target and source are the same");
  return out;
}

std::expected<std::map<std::string, std::string>, HttpResponse> switchover_candidates(
    const SwitchoverRequest& request, const dcs::Cluster& cluster, const Document& dynamic) {
  const std::string action = action_of(request);
  // rest-api.md §8.7, step 7
  if (!request.leader.empty() && cluster.leader_name() != request.leader)
    return refused(412, "leader name does not match");
  std::map<std::string, std::string> candidates;
  // In quorum mode any member may win the votes that it needs.
  const bool plain_sync = config::modes_of(dynamic).synchronous == config::Dynamic::SyncMode::on;
  if (!request.candidate.empty()) {
    if (!request.failover && plain_sync && !cluster.sync.is_voter(request.candidate))
      return refused(412, "candidate name does not match with sync_standby");
    const dcs::Member* member = cluster.member(request.candidate);
    if (member == nullptr) return refused(412, "candidate does not exists");
    candidates.emplace(member->name, member->api_url);
  } else if (plain_sync) {
    for (const auto& [name, member] : cluster.members)
      if (cluster.sync.is_voter(name)) candidates.emplace(name, member.api_url);
    if (candidates.empty()) return refused(412, action + " is not possible: can not find sync_standby");
  } else {
    for (const auto& [name, member] : cluster.members)
      if (!member.api_url.empty() && name != cluster.leader_name()) candidates.emplace(name, member.api_url);
    if (candidates.empty())
      return refused(412, action + " is not possible: cluster does not have members except leader");
  }
  return candidates;
}

std::string why_not_possible(const SwitchoverRequest& request,
                             const std::map<std::string, ha::PeerAnswer>& answers) {
  const std::string impossible = action_of(request) + " is not possible: ";
  const auto leader = answers.find(request.leader);
  const bool asked = !request.failover && leader != answers.end() && leader->second.primary;
  const auto& slots = asked ? leader->second.logical_slots : std::nullopt;
  std::string unready;
  bool ready = false;
  for (const auto& [name, answer] : answers) {
    if (!request.leader.empty() && name == request.leader) continue;
    const bool waits = answer.delayed && name != request.candidate;
    if (!answer.reachable || answer.nofailover || answer.watchdog_failed || waits) continue;
    const bool told = slots && answer.logical_slots;
    const auto missing = told ? postgres::lacking(*slots, *answer.logical_slots) : std::vector<std::string>();
    ready = ready || missing.empty();
    if (!missing.empty())
      unready += fmt::format("{}{} is not ready to take over the logical slots {}",
                             unready.empty() ? "" : "; ", name, postgres::quoted_names(missing));
  }
  if (ready) return {};
  return impossible + (unready.empty() ? "no good candidates have been found" : unready);
}

Task<std::map<std::string, ha::PeerAnswer>> SwitchoverEndpoint::ask(
    std::map<std::string, std::string> api_urls, Duration patience) {
  const Instant deadline = clock_.now() + patience;
  order::AskMembers order{.api_urls = std::move(api_urls), .deadline = deadline};
  auto answers = co_await mailbox_.ask(std::move(order), deadline + kControlMargin);
  if (!answers) co_return std::map<std::string, ha::PeerAnswer>();
  co_return *std::move(answers);
}

Task<HttpResponse> SwitchoverEndpoint::post(HttpRequest request, bool failover, ha::SnapshotPtr snapshot,
                                            Duration patience) {
  const auto body = required_object(request);
  if (!body) co_return body.error();
  const auto read = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  if (!read) co_return error_page(503, "could not read the cluster from the store: " + read.error());
  const dcs::Cluster& cluster = **read;
  const Document& dynamic = cluster.config.valid ? cluster.config.data : snapshot->settings->dynamic.raw;
  log::info("REST API: {} asks for a {}: {}", request.client_ip, failover ? "failover" : "switchover",
            to_json(*body));
  auto wanted = parse_switchover(*body, failover, config::modes_of(dynamic).pause, clock_.wall_now());
  if (!wanted) co_return wanted.error();
  if (!wanted->at) {
    auto candidates = switchover_candidates(*wanted, cluster, dynamic);
    if (!candidates) co_return candidates.error();
    // The leader tells which logical slots go with the lead.
    const dcs::Member* leader = wanted->failover ? nullptr : cluster.leader_member();
    if (leader != nullptr && !leader->api_url.empty()) candidates->emplace(leader->name, leader->api_url);
    const auto answers = co_await ask(*std::move(candidates), kMembersBudget);
    const std::string refusal = why_not_possible(*wanted, answers);
    if (!refusal.empty()) co_return text_body(412, refusal);
  }
  Asked asked;
  asked.request = *wanted;
  asked.leader = cluster.leader_name();
  if (const dcs::Member* leader = cluster.leader_member()) asked.leader_url = leader->api_url;
  asked.patience = patience;
  dcs::FailoverRecord record;
  record.leader = wanted->leader;
  record.candidate = wanted->candidate;
  record.scheduled_at = wanted->at;
  auto writing = write_key(mailbox_, clock_, std::move(record), dcs::Always{}, patience);
  const dcs::WriteResult written = co_await std::move(writing);
  if (!written.done()) {
    log::warning("could not write the failover key: {}", written.detail);
    if (written.outcome == dcs::Outcome::unknown)
      co_return text_body(503,
                          "whether the failover key was written into DCS is not known: " + written.detail);
    co_return text_body(503, "failed to write failover key into DCS");
  }
  if (wanted->at) co_return text_body(202, "Switchover scheduled");
  asked.version = written.version;
  const Duration loop_wait = snapshot->settings->dynamic.timing.loop_wait;
  const Duration limit = 2 * std::max<Duration>(kLeastT, loop_wait);
  asked.deadline = clock_.now() + limit;
  auto ending = outcome(asked);
  auto response = co_await std::move(ending);
  if (response.status != 0) co_return response;
  co_return text_body(503, fmt::format("{} status unknown after {:.0f} seconds; operation may still be in "
                                       "progress",
                                       title_of(*wanted), seconds(limit)));
}

Task<void> SwitchoverEndpoint::change(ha::SnapshotPtr seen) {
  (void)co_await board_.changed(std::move(seen));
}

/// Status 0: the time is over.
Task<HttpResponse> SwitchoverEndpoint::outcome(Asked asked) {
  std::optional<Instant> led_since;
  bool asked_again = false;
  while (clock_.now() < asked.deadline) {
    auto seen = board_.get();
    const auto read = co_await reads_.cluster(ControlReads::Asker::admitted,
                                              std::min(asked.deadline, clock_.now() + asked.patience));
    Instant next = clock_.now() + kLookAtStore;
    if (read) {
      const dcs::Cluster& cluster = **read;
      const std::string leader = cluster.leader_name();
      const dcs::Member* member = cluster.leader_member();
      if (!leader.empty() && leader != asked.leader) {
        if (!led_since) led_since = clock_.now();
        if (member != nullptr && !member->api_url.empty()) {
          std::map<std::string, std::string> one{{leader, member->api_url}};
          const auto answers = co_await ask(std::move(one), kMembersBudget);
          const auto answer = answers.find(leader);
          // A standby leader never accepts writes.
          const bool follows = config::modes_of(cluster.config.data).standby_cluster;
          const bool leads =
              answer != answers.end() && (answer->second.primary || (follows && answer->second.reachable));
          // Its server was seen to accept writes before its daemon has noted when: asked once more.
          const bool noted =
              leads && (answer->second.writes_began || follows || std::exchange(asked_again, true));
          if (leads && noted) {
            auto done = success(asked, leader, answer->second);
            co_return co_await std::move(done);
          }
        }
        const bool closely = clock_.now() - *led_since < kCloselyFor;
        const Duration pause = closely ? kLookClosely : kLook;
        co_await clock_.sleep_for(pause);
        continue;
      }
      // Refused, or another request has taken its place.
      const bool gone = !cluster.failover.present() || cluster.failover.version != asked.version;
      if (gone && !leader.empty()) co_return text_body(503, title_of(asked.request) + " failed");
    }
    auto waiting = change(std::move(seen));
    co_await run_until(clock_, std::move(waiting), std::min(asked.deadline, next));
  }
  HttpResponse over;
  over.status = 0;
  co_return over;
}

Task<HttpResponse> SwitchoverEndpoint::success(Asked asked, std::string name, ha::PeerAnswer answer) {
  const auto& request = asked.request;
  const bool as_asked = request.candidate.empty() || request.candidate == name;
  const std::string done = request.failover ? "ailed over" : "witched over";
  std::string text =
      as_asked ? fmt::format("Successfully {}{} to \"{}\"", request.failover ? "f" : "s", done, name)
               : fmt::format("{}{} to \"{}\" instead of \"{}\"", request.failover ? "F" : "S", done, name,
                             request.candidate);
  HttpResponse response = text_body(200, std::move(text));
  if (!answer.writes_began || asked.leader_url.empty()) co_return response;
  std::map<std::string, std::string> old{{asked.leader, asked.leader_url}};
  const auto answers = co_await ask(std::move(old), kGapBudget);
  const auto before = answers.find(asked.leader);
  if (before == answers.end() || !before->second.writes_ended) co_return response;
  const Duration gap = *answer.writes_began - *before->second.writes_ended;
  if (gap >= Duration::zero())
    response.headers.set(kWriteGapHeader, fmt::format("{:.0f}", seconds(gap) * 1000));
  co_return response;
}

Task<HttpResponse> SwitchoverEndpoint::drop(Duration patience) {
  const auto read = co_await reads_.cluster(ControlReads::Asker::admitted, clock_.now() + patience);
  if (!read) co_return error_page(503, "could not read the cluster from the store: " + read.error());
  const dcs::Failover& planned = (*read)->failover;
  const bool scheduled = planned.present() && (planned.scheduled_at || !planned.invalid_schedule.empty());
  if (!scheduled) co_return text_body(404, "no switchover is scheduled");
  dcs::Record nothing = dcs::FailoverRecord();
  auto writing = write_key(mailbox_, clock_, std::move(nothing), dcs::IfVersion{planned.version}, patience);
  const dcs::WriteResult written = co_await std::move(writing);
  if (written.done()) co_return text_body(200, "scheduled switchover deleted");
  co_return error_page(409, "the scheduled switchover was not deleted: " +
                                (written.detail.empty() ? "it was changed meanwhile" : written.detail));
}

}  // namespace tanist::api
