#include "ctl/commands/explain.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "core/format.h"
#include "ctl/explain/failover.h"
#include "ctl/explain/journals.h"
#include "ctl/explain/meanings.h"
#include "ctl/explain/tell.h"
#include "ctl/explain/verdicts.h"
#include "ctl/schedule.h"
#include "ctl/show/records.h"
#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

namespace {

/// A row a rule.
std::string as_rows(const std::vector<explain::Explained>& all) {
  Records records{.columns = {{"Member"}, {"Question"}, {"Code"}, {"Rule"}, {"Passed"}, {"About"}, {"Text"}}};
  const auto add = [&](const std::string& name, const char* question, const explain::Verdict& verdict) {
    for (const auto& check : verdict.checks) {
      const auto value = [&](const char* key) {
        const Document* found = check.find(key);
        return found != nullptr ? *found : Document("");
      };
      records.rows.push_back(
          {name, question, verdict.code, value("rule"), value("passed"), value("about"), value("text")});
    }
  };
  for (const auto& one : all) {
    if (one.verdict) add(one.name, "decision", *one.verdict);
    if (one.leaderless) add(one.name, "leaderless", *one.leaderless);
  }
  return format_records(records, Format::tsv);
}

std::string shown(const std::vector<explain::Explained>& all, const ExplainCommand& command,
                  const Terminal& terminal) {
  switch (command.format) {
    case Format::json: return to_spaced_json(explain::document_of(all)) + '\n';
    case Format::yaml: return to_yaml(explain::document_of(all));
    case Format::tsv: return as_rows(all);
    default: break;
  }
  return explain::told(all, terminal.wall_now(), terminal.out_is_terminal && terminal.colours);
}

/// Throws Failure for a name that no member has.
void require_members(const dcs::Cluster& cluster, const ExplainCommand& command) {
  for (const auto& name : command.members)
    if (!cluster.members.contains(name))
      throw Failure(fmt::format("cluster {} has no member {}", command.cluster, name));
}

bool is_shown(const ExplainCommand& command, const std::string& member) {
  return command.members.empty() || std::ranges::find(command.members, member) != command.members.end();
}

/// A former leader of before this time had no part in it.
constexpr Duration kBeforePromotion = std::chrono::minutes(10);

/// The journals as far back as the last promotion, and what led to it.
void read_failover(const explain::Journals& journals, std::vector<explain::Known>& known) {
  for (auto& each : known) {
    each.entries.clear();
    if (each.has_journal()) journals.read_back(each);
  }
  for (bool more = true; std::exchange(more, false);) {
    const auto promotion = explain::last_promotion(known);
    for (auto& each : known) {
      if (!each.has_journal() || !each.earlier || each.entries.empty()) continue;
      if (promotion && each.entries.front().when < *promotion - kBeforePromotion) continue;
      journals.read_back(each);
      more = true;
    }
  }
}

std::string shown_failover(const std::vector<explain::Known>& known, const ExplainCommand& command,
                           const Terminal& terminal) {
  auto failover = explain::last_failover(known);
  if (!failover) {
    std::string missing;
    for (const auto& each : known)
      if (!each.has_journal()) missing += fmt::format("\n{} is missing: {}", each.member.name, each.trouble);
    throw Failure(fmt::format("no journal of cluster {} has a failover{}", command.cluster, missing));
  }
  // Of all of them together it is made, and shown of those who were named.
  std::erase_if(failover->steps, [&](const explain::Step& step) { return !is_shown(command, step.member); });
  if (command.format == Format::json) return to_spaced_json(explain::document_of(*failover, known)) + '\n';
  if (command.format == Format::yaml) return to_yaml(explain::document_of(*failover, known));
  if (command.format != Format::tsv)
    return explain::told(*failover, known, terminal.wall_now(), terminal.out_is_terminal && terminal.colours);
  Records records{.columns = {{"At"}, {"Member"}, {"Code"}, {"Intent"}, {"Text"}}};
  for (const auto& step : failover->steps)
    records.rows.push_back({iso8601(step.when), step.member, step.code, step.intent, step.text});
  return format_records(records, Format::tsv);
}

Ending ending_of(const std::vector<explain::Known>& known, const Terminal& terminal) {
  const auto refused = std::ranges::find_if(known, [](const auto& each) { return each.refused != 0; });
  if (refused == known.end()) return Ending::done;
  hint_at_refusal(terminal, refused->refused);
  return Ending::failed;
}

}  // namespace

Ending run_explain(const ExplainCommand& command, ClusterStore& store, MemberApi& api,
                   const Terminal& terminal) {
  const auto cluster = store.read(command.cluster);
  warn_if_unknown(terminal, *cluster, command.cluster);
  require_members(*cluster, command);
  const explain::Journals journals(api, command.cluster);
  auto known = journals.look(*cluster);
  if (command.last_failover) {
    read_failover(journals, known);
    terminal.out << shown_failover(known, command, terminal) << std::flush;
    return ending_of(known, terminal);
  }
  if (command.at)
    for (auto& each : known)
      if (each.has_journal()) journals.read(each, {.since = {}, .until = command.at, .limit = 1});
  auto all =
      command.at ? explain::explain_then(known) : explain::explain_now(*cluster, command.cluster, known);
  std::erase_if(all, [&](const explain::Explained& one) { return !is_shown(command, one.name); });
  terminal.out << shown(all, command, terminal) << std::flush;
  return ending_of(known, terminal);
}

namespace {

constexpr cli::Argument kFirst{.name = "CLUSTER",
                               .help =
                                   "Name of the cluster (default: `scope` of the configuration); or a "
                                   "member of that one",
                               .names_of = cli::Names::cluster};
constexpr cli::Option kAt{.names = "--at",
                          .help = "What was decided at that time: `10:32:05`, `2031-05-01T10:32:05.2`",
                          .value = "TIME"};
constexpr std::string_view kNotAt[] = {"--at"};
constexpr std::string_view kNotCode[] = {"--at", "--last-failover"};
constexpr cli::Option kCode{.names = "--code",
                            .help = "What a reason or rule means, and nothing of a cluster",
                            .value = "CODE",
                            .excludes = kNotCode};
constexpr cli::Option kLastFailover{
    .names = "--last-failover",
    .help = "How the lead passed on last: what took how long, and every decision",
    .excludes = kNotAt};

/// With a configured cluster its members may be named without it.
void name_members(ExplainCommand& command, const Call& call, ClusterStore& store) {
  command.cluster = call.given.text(kFirst);
  command.members = call.given.texts(kMembers);
  const std::string& own = call.settings.scope;
  if (command.cluster.empty()) {
    command.cluster = own;
  } else if (!own.empty() && command.cluster != own && store.read(own)->members.contains(command.cluster)) {
    command.members.insert(command.members.begin(), command.cluster);
    command.cluster = own;
  }
  if (command.cluster.empty())
    throw WrongUsage("Missing argument 'CLUSTER': the configuration names no scope.");
}

Ending call_explain(const Call& call) {
  if (const auto code = call.given.text(kCode)) {
    if (!call.given.text(kFirst).empty() || call.given.has(kFormat))
      throw WrongUsage("--code tells nothing of a cluster: neither CLUSTER nor --format goes with it.");
    call.around.terminal.out << explain::told_meaning(*code) << std::flush;
    return Ending::done;
  }
  ExplainCommand command{.format = format_named(call.given.text(kFormat, "pretty"))};
  command.last_failover = call.given.has(kLastFailover);
  const WallTime now = call.around.terminal.wall_now();
  if (const auto text = call.given.text(kAt)) {
    const auto at = parse_schedule(*text, now);
    command.at = at ? at->at : now;
    if (*command.at > now) throw Failure(fmt::format("--at {}: that time is still to come", *text));
  }
  const auto store = call.around.open_store(call.settings);
  name_members(command, call, *store);
  const auto api = call.around.open_member_api(call.settings);
  return run_explain(command, *store, *api, call.around.terminal);
}

}  // namespace

Command explain_command() {
  return {
      .line = {.name = "explain",
               .help = "Show why members do what they do: which rules were passed, which failed, by what "
                       "numbers",
               .arguments = {kFirst, kMembers},
               .options = {kGroup, kAt, kLastFailover, kCode, kFormat},
               .footer = "Each member is asked for its last decision, and whether it would take the lead if "
                         "nobody had it.\n"
                         "--code tells what a code or rule means; docs/reasons.md has all. Example:\n"
                         "  $ tanistctl explain shop pgb\n"
                         "  pgb (replica, running)\n"
                         "    no action. I am (pgb), a secondary, and following a leader (pga) "
                         "[no_action_secondary] at 10:32:05.118\n"
                         "      passed streams                 it streams from pga\n"
                         "    If nobody led, it would not lead:\n"
                         "      following a different leader because i am not the healthiest node "
                         "[not_healthiest]\n"
                         "        failed lag_within_limit        it lacks 7340032 bytes of what the last "
                         "leader wrote, only 1048576 may be missing\n"
                         "It needs user and certificate for the members' REST API, as what changes something "
                         "does."},
      .run = call_explain};
}

}  // namespace tanist::ctl
