#include "unit/ha/transcript.h"

#include <fmt/format.h>

#include <functional>
#include <sstream>
#include <stdexcept>

#include "core/enum_names.h"
#include "log/level.h"

namespace tanist::ha::testing {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

Duration duration(const std::string& text) {
  const bool ms = text.ends_with("ms");
  return from_seconds(std::stod(text) / (ms ? 1000 : 1));
}

/// `+100` and `-100` are bytes from the usual position.
Lsn position(const std::string& text) {
  return {kHere.value + static_cast<std::uint64_t>(std::stoll(text))};
}

/// By its name in the source.
template <class E>
E value_named(const std::string& name) {
  if (const auto value = enum_value<E>(name)) return *value;
  throw std::invalid_argument("what is " + name + "?");
}

std::string shown(const std::optional<postgres::Upstream>& upstream) {
  return upstream ? upstream->member : "nobody";
}

/// What is told of an intent, or duty, besides its name.
struct Details {
  std::string operator()(const intent::Demote& i) { return fmt::format(" {}", to_string(i.mode)); }
  std::string operator()(const intent::Follow& i) {
    return fmt::format(" {} by {}", shown(i.upstream), i.restart ? "restart" : "reload");
  }
  std::string operator()(const intent::Start& i) {
    return (i.as_standby ? " as standby of " + shown(i.upstream) : " as primary") + " (" + i.name + ")";
  }
  std::string operator()(const intent::Rewind& i) { return " from " + i.source.member; }
  std::string operator()(const intent::Clone& i) {
    const std::string removal = ", removing the data: " + i.why_removal_allowed;
    return " from " + (i.source ? i.source_name : "a backup") +
           (i.why_removal_allowed.empty() ? "" : removal);
  }
  std::string operator()(const intent::Bootstrap& i) {
    return i.take_over ? fmt::format(", taking over version {}", i.take_over->text()) : std::string();
  }
  std::string operator()(const intent::PreEmpt& i) { return " (" + i.why + ")"; }
  std::string operator()(const intent::Advance& i) { return i.now ? ": now" : ": not yet"; }
  std::string operator()(const intent::Exit& i) {
    return fmt::format(" {}", i.code) + (i.why.empty() ? "" : ": " + i.why);
  }

  std::string operator()(const duty::History& d) { return fmt::format(" of timeline {}", d.timeline.value); }
  std::string operator()(const duty::Slots& d) {
    std::string line;
    for (const auto& slot : d.wanted.slots) line += " " + slot.name;
    return line;
  }
  std::string operator()(const duty::Fence& d) { return d.arm ? ": arm" : ": disarm"; }
  std::string operator()(const duty::Callback& d) { return " " + d.action; }
  std::string operator()(const duty::SetRole& d) { return " " + std::string(to_string(d.role)); }
  std::string operator()(const duty::SetState& d) { return " " + std::string(to_string(d.state)); }
  template <class Other>
  std::string operator()(const Other&) {
    return {};
  }
};

std::string intent_line(const Intent& intent) {
  return std::string(name_of(intent)) + std::visit(Details{}, intent);
}

std::string duty_line(const OrderedDuty& ordered) {
  const auto& duty = ordered.duty;
  if (const auto* d = std::get_if<duty::Say>(&duty))
    return fmt::format("{} {}", log::name(d->level), d->text);
  // Those that nearly each decision has.
  if (std::holds_alternative<duty::Member>(duty) || std::holds_alternative<duty::Status>(duty)) return {};
  const bool strict = ordered.on_failure == OnFailure::postpone_intent;
  return fmt::format("duty: {}{}{}", name_of(duty), std::visit(Details{}, duty),
                     strict ? ", or nothing further" : "");
}

std::string names(const std::set<std::string>& set) {
  std::string line;
  for (const auto& name : set) line += " " + name;
  return line;
}

}  // namespace

void Story::apply(const std::string& word, const std::string& value) {
  auto& facts = b_.view.postgres.facts;
  const std::map<std::string, std::function<void()>> words = {
      {"scene",
       [&] {
         const auto memory = b_.view.memory;
         b_ = {};
         if (value == "leader") b_.as_leader();
         if (value == "replica") b_.as_replica();
         if (value == "empty") b_.without_data();
         if (value == "nothing") b_.before_bootstrap();
       }},
      {"later",
       [&] {
         const Duration d = duration(value);
         b_.view.now += d;
         if (facts.probe) facts.probe->asked_at += d;
       }},
      {"leader",
       [&] {
         if (value == "none") {
           b_.unlocked();
         } else {
           b_.leader(value);
         }
       }},
      {"lock", [&] { b_.view.lock = value == "foreign" ? Lock::foreign_session : value_named<Lock>(value); }},
      {"lease",
       [&] {
         if (value == "none") {
           b_.no_lease();
         } else {
           b_.lease_for(duration(value));
         }
       }},
      {"view", [&] { b_.linearizable(value == "fresh"); }},
      {"store",
       [&] {
         b_.view.store.ok = value == "up";
         if (value != "up") b_.store_down(0s);
       }},
      {"gone", [&] { b_.without_member(value); }},
      {"member-role",
       [&] {
         const auto parts = split(value, ':');
         b_.cluster.members[parts.at(0)].role = parts.at(1);
       }},
      {"history",
       [&] {
         const auto parts = split(value, ':');
         b_.cluster.history = {.version = dcs::Version(b_.cluster.history.version.text() + "+")};
         b_.cluster.history.lines = {{.parent = {static_cast<std::uint32_t>(std::stoul(parts.at(0)))},
                                      .switch_lsn = position(parts.at(1)),
                                      .timestamp = "t"}};
       }},
      {"rewind", [&] { b_.settings.postgresql.use_pg_rewind = value == "on"; }},
      {"checkpoint-pending", [&] { b_.cluster.members[value].checkpoint_after_promote_pending = true; }},
      {"checkpoint-done", [&] { b_.cluster.members[value].checkpoint_after_promote_pending = false; }},
      {"peers",
       [&] {
         b_.view.answers.peers.reset();
         for (const auto& one : split(value, ',')) {
           const auto parts = split(one, ':');
           if (parts.at(1) == "silent") {
             b_.peer_unreachable(parts[0]);
           } else if (parts[1] == "primary") {
             b_.peer_primary(parts[0]);
           } else {
             const auto timeline = parts.size() > 2 ? std::stoul(parts[2]) : 1;
             b_.peer(parts[0], position(parts[1]), {static_cast<std::uint32_t>(timeline)});
           }
         }
       }},
      {"compared",
       [&] {
         b_.divergence(value == "same" ? postgres::Divergence::none
                                       : value_named<postgres::Divergence>(value));
       }},
      {"answers", [&] { b_.view.answers = {}; }},
      {"postgres",
       [&] {
         if (value == "orphans") facts.process = postgres::Process::orphans;
         if (value == "primary" || value == "standby") {
           const auto memory = b_.view.memory;
           ViewBuilder fresh = value == "primary" ? ViewBuilder().as_leader() : ViewBuilder().as_replica();
           const Instant now = b_.view.now;
           facts = fresh.view.postgres.facts;
           facts.probe->asked_at = now;
           facts.control->seen_at = now;
           b_.view.postgres.state = postgres::State::running;
         }
       }},
      {"down",
       [&] {
         std::string state = value;
         for (auto& c : state)
           if (c == '_') c = ' ';
         b_.down(state);
       }},
      {"backup-label", [&] { facts.backup_label = value == "there"; }},
      {"data", [&] { facts.data_directory = value_named<postgres::DataDirectory>(value); }},
      {"state", [&] { b_.view.postgres.state = value_named<postgres::State>(value); }},
      {"role", [&] { b_.view.postgres.role = value_named<postgres::Role>(value); }},
      {"timeline",
       [&] {
         facts.probe->timeline =
             facts.probe->effective_timeline = {static_cast<std::uint32_t>(std::stoul(value))};
       }},
      {"position", [&] { facts.probe->wal = facts.probe->receive = facts.probe->replay = position(value); }},
      {"upstream",
       [&] {
         b_.view.postgres.recovery_difference = value == "right"
                                                    ? postgres::RecoveryDifference::none
                                                    : value_named<postgres::RecoveryDifference>(value);
       }},
      {"fence", [&] { b_.view.fence.armed = b_.view.fence.holds = value == "armed"; }},
      {"op",
       [&] {
         const auto parts = split(value, ':');
         const auto cancel = parts.size() > 2 && parts[2] == "no" ? Cancel::no : Cancel::free;
         b_.operation(value_named<OperationKind>(parts.at(0)), value_named<Phase>(parts.at(1)), cancel);
         b_.view.operation->phase_since = b_.view.now;
       }},
      {"asks",
       [&] {
         b_.view.operation->awaits_verdict = true;
         b_.view.operation->checkpoint_lsn = position(value);
       }},
      {"ended",
       [&] {
         const auto parts = split(value, ':');
         b_.view.operation.reset();
         b_.ended(value_named<OperationKind>(parts.at(0)), parts.at(1) == "ok",
                  parts[1] == "ok" ? "" : parts[1]);
         b_.view.last_operation->serial = ++serial_;
         b_.view.last_operation->ended = b_.view.now;
       }},
      {"initialize",
       [&] {
         if (value == "empty") b_.cluster.initialize = {.version = dcs::Version("31"), .present = true};
         if (value == "done") {
           b_.cluster.initialize = {.version = dcs::Version("32"), .present = true, .value = kSystemId};
           b_.cluster.config = {
               .version = dcs::Version("33"), .data = b_.settings.dynamic.raw, .valid = true};
         }
       }},
      {"note",
       [&] {
         b_.cluster.bootstrap_note = {};
         b_.cluster.initialize.by_tanist = true;
         if (value != "none")
           b_.cluster.bootstrap_note = {.name = value, .incarnation = "other", .version = dcs::Version("30")};
       }},
      {"signal", [&] { b_.view.commands.shutdown = true; }},
      {"config",
       [&] {
         if (value == "synchronous_mode")
           b_.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::on;
         if (value == "plain") b_.settings.dynamic.synchronous_mode = config::Dynamic::SyncMode::off;
       }},
  };
  const auto found = words.find(word);
  if (found == words.end()) throw std::invalid_argument("what is " + word + "?");
  found->second();
}

void Story::change(const std::string& line) {
  for (const auto& part : split(line, ' ')) {
    const auto equals = part.find('=');
    apply(part.substr(0, equals), equals == std::string::npos ? std::string() : part.substr(equals + 1));
  }
}

std::string Story::decide() {
  const Decision d = b_.decide();
  b_.view.memory = d.memory;
  std::string told;
  const auto tell = [&told](const std::string& line) {
    if (!line.empty()) told += line + "\n";
  };
  if (d.needs.any()) {
    std::string needs = "needs:";
    if (d.needs.linearizable_view) needs += " a fresh view;";
    if (d.needs.control_file) needs += " the control file;";
    if (d.needs.divergence) needs += " a comparison with " + d.needs.divergence->member + ";";
    if (d.needs.peers) needs += " the positions of" + names(*d.needs.peers) + ";";
    if (!d.needs.peers_gone.empty()) needs += " (briefly:" + names(d.needs.peers_gone) + ");";
    needs.pop_back();
    tell(needs);
  }
  for (const auto& ordered : d.duties) tell(duty_line(ordered));
  if (!d.reason.text().empty()) tell("INFO " + d.reason.text());
  tell(fmt::format("lock: {}; intent: {}", enum_name(d.mandate.kind), intent_line(d.intent)));
  // The words that were set are seen by the next decision.
  for (const auto& set : duties<duty::SetRole>(d)) b_.view.postgres.role = set.role;
  for (const auto& set : duties<duty::SetState>(d)) b_.view.postgres.state = set.state;
  for (const auto& set : duties<duty::Fence>(d)) b_.view.fence.armed = b_.view.fence.holds = set.arm;
  return told;
}

std::string retell(const std::string& text) {
  Story story;
  std::string told;
  std::istringstream in(text);
  bool in_answer = false;
  for (std::string line; std::getline(in, line);) {
    if (in_answer) {
      if (line.empty()) {
        in_answer = false;
        told += "\n";
      }
      continue;
    }
    told += line + "\n";
    if (line == "----") {
      told += story.decide();
      in_answer = true;
    } else if (!line.empty() && !line.starts_with("#")) {
      story.change(line);
    }
  }
  return told;
}

}  // namespace tanist::ha::testing
