#include "unit/ha/transcript.h"

#include <fmt/format.h>

#include <functional>
#include <sstream>
#include <stdexcept>

#include "log/log.h"

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

template <class E>
E named(const std::string& value, std::initializer_list<std::pair<const char*, E>> names) {
  for (const auto& [name, e] : names)
    if (value == name) return e;
  throw std::invalid_argument("what is " + value + "?");
}

OperationKind operation_kind(const std::string& value) {
  return named<OperationKind>(value, {{"bootstrap", OperationKind::bootstrap},
                                      {"finish_bootstrap", OperationKind::finish_bootstrap},
                                      {"cancel_bootstrap", OperationKind::cancel_bootstrap},
                                      {"clone", OperationKind::clone},
                                      {"start", OperationKind::start},
                                      {"crash_recovery", OperationKind::crash_recovery},
                                      {"rewind", OperationKind::rewind},
                                      {"promote", OperationKind::promote},
                                      {"demote", OperationKind::demote},
                                      {"shutdown", OperationKind::shutdown}});
}

Phase phase(const std::string& value) {
  return named<Phase>(value, {{"starting", Phase::starting},
                              {"initdb", Phase::initdb},
                              {"custom_bootstrap", Phase::custom_bootstrap},
                              {"ending_recovery", Phase::ending_recovery},
                              {"cloning", Phase::cloning},
                              {"stopping_clients", Phase::stopping_clients},
                              {"awaiting_release", Phase::awaiting_release},
                              {"waiting_down", Phase::waiting_down},
                              {"releasing", Phase::releasing},
                              {"rewinding", Phase::rewinding},
                              {"recovering", Phase::recovering},
                              {"pre_promote", Phase::pre_promote},
                              {"promoting", Phase::promoting}});
}

std::string shown(const std::optional<postgres::Upstream>& upstream) {
  return upstream ? upstream->member : "nobody";
}

std::string intent_line(const Intent& intent) {
  std::string line(intent_name(intent));
  if (const auto* i = std::get_if<intent::Demote>(&intent)) {
    static constexpr const char* kModes[] = {"graceful", "immediate", "immediate-nolock", "offline"};
    line += fmt::format(" {}", kModes[static_cast<int>(i->mode)]);
  } else if (const auto* i = std::get_if<intent::Follow>(&intent)) {
    line += fmt::format(" {} by {}", shown(i->upstream), i->restart ? "restart" : "reload");
  } else if (const auto* i = std::get_if<intent::Start>(&intent)) {
    line += i->as_standby ? " as standby of " + shown(i->upstream) : " as primary";
    line += " (" + i->name + ")";
  } else if (const auto* i = std::get_if<intent::Rewind>(&intent)) {
    line += " from " + i->source.member;
  } else if (const auto* i = std::get_if<intent::Clone>(&intent)) {
    line += " from " + (i->source ? i->source_name : "a backup");
    if (!i->why_removal_allowed.empty()) line += ", removing the data: " + i->why_removal_allowed;
  } else if (const auto* i = std::get_if<intent::Bootstrap>(&intent)) {
    if (i->take_over) line += fmt::format(", taking over version {}", *i->take_over);
  } else if (const auto* i = std::get_if<intent::PreEmpt>(&intent)) {
    line += " (" + i->why + ")";
  } else if (const auto* i = std::get_if<intent::Advance>(&intent)) {
    line += i->release_now ? ": release now" : ": not yet";
  } else if (const auto* i = std::get_if<intent::Exit>(&intent)) {
    line += fmt::format(" {}", i->code);
    if (!i->why.empty()) line += ": " + i->why;
  }
  return line;
}

std::string duty_line(const OrderedDuty& ordered) {
  const auto& duty = ordered.duty;
  std::string line;
  if (const auto* d = std::get_if<duty::Say>(&duty))
    return fmt::format("{} {}", log::name(static_cast<log::Level>(d->level)), d->text);
  if (std::holds_alternative<duty::Member>(duty) || std::holds_alternative<duty::Status>(duty)) return {};
  if (std::holds_alternative<duty::Initialize>(duty)) line = "write /initialize";
  if (std::holds_alternative<duty::Config>(duty)) line = "write /config";
  if (std::holds_alternative<duty::DeleteSync>(duty)) line = "delete /sync";
  if (const auto* d = std::get_if<duty::History>(&duty))
    line = fmt::format("write /history of timeline {}", d->timeline.value);
  if (const auto* d = std::get_if<duty::Slots>(&duty)) {
    line = "slots";
    for (const auto& slot : d->wanted) line += " " + slot.name;
  }
  if (const auto* d = std::get_if<duty::Fence>(&duty)) line = d->arm ? "arm the fence" : "disarm the fence";
  if (const auto* d = std::get_if<duty::Callback>(&duty)) line = "callback " + d->action;
  if (std::holds_alternative<duty::CheckpointAfterPromote>(duty)) line = "checkpoint";
  if (const auto* d = std::get_if<duty::SetRole>(&duty))
    line = "role " + std::string(postgres::to_string(d->role));
  if (const auto* d = std::get_if<duty::SetState>(&duty))
    line = "state " + std::string(postgres::to_string(d->state));
  if (ordered.on_failure == OnFailure::postpone_intent) line += ", or nothing further";
  return "duty: " + line;
}

std::string names(const std::set<std::string>& set) {
  std::string line;
  for (const auto& name : set) line += " " + name;
  return line;
}

}  // namespace

void Story::apply(const std::string& word, const std::string& value) {
  auto& facts = b_.view.postgres.facts;
  const auto role = [&](const std::string& name) {
    return named<postgres::Role>(name, {{"replica", postgres::Role::replica},
                                        {"primary", postgres::Role::primary},
                                        {"promoted", postgres::Role::promoted},
                                        {"demoted", postgres::Role::demoted},
                                        {"uninitialized", postgres::Role::uninitialized}});
  };
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
      {"lock",
       [&] {
         b_.view.lock = named<Lock>(value, {{"foreign", Lock::foreign_session}, {"mine", Lock::mine}});
       }},
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
         b_.cluster.history = {.version = b_.cluster.history.version + 1};
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
         b_.divergence(named<postgres::Divergence>(value, {{"diverged", postgres::Divergence::diverged},
                                                           {"same", postgres::Divergence::none},
                                                           {"unknown", postgres::Divergence::unknown}}));
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
      {"data",
       [&] {
         facts.data_directory = named<postgres::DataDirectory>(
             value, {{"ok", postgres::DataDirectory::ok}, {"empty", postgres::DataDirectory::empty}});
       }},
      {"state",
       [&] {
         b_.view.postgres.state = named<postgres::State>(value, {{"stopped", postgres::State::stopped},
                                                                 {"crashed", postgres::State::crashed},
                                                                 {"running", postgres::State::running},
                                                                 {"stopping", postgres::State::stopping}});
       }},
      {"role", [&] { b_.view.postgres.role = role(value); }},
      {"timeline",
       [&] {
         facts.probe->timeline =
             facts.probe->effective_timeline = {static_cast<std::uint32_t>(std::stoul(value))};
       }},
      {"position", [&] { facts.probe->wal = facts.probe->receive = facts.probe->replay = position(value); }},
      {"upstream",
       [&] {
         b_.view.postgres.recovery_difference =
             named<postgres::RecoveryDifference>(value, {{"right", postgres::RecoveryDifference::none},
                                                         {"reload", postgres::RecoveryDifference::reload},
                                                         {"restart", postgres::RecoveryDifference::restart}});
       }},
      {"fence", [&] { b_.view.fence.armed = value == "armed"; }},
      {"op",
       [&] {
         const auto parts = split(value, ':');
         const auto cancel = parts.size() > 2 && parts[2] == "no" ? Cancel::no : Cancel::free;
         b_.operation(operation_kind(parts.at(0)), phase(parts.at(1)), cancel);
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
         b_.ended(operation_kind(parts.at(0)), parts.at(1) == "ok", parts[1] == "ok" ? "" : parts[1]);
         b_.view.last_operation->serial = ++serial_;
         b_.view.last_operation->ended = b_.view.now;
       }},
      {"initialize",
       [&] {
         if (value == "empty") b_.cluster.initialize = {.version = 31, .present = true};
         if (value == "done") {
           b_.cluster.initialize = {.version = 32, .present = true, .value = kSystemId};
           b_.cluster.config = {.version = 33, .data = b_.settings.dynamic.raw, .valid = true};
         }
       }},
      {"note",
       [&] {
         b_.cluster.bootstrap_note = {};
         b_.cluster.initialized_by_version = b_.cluster.initialize.version;
         if (value != "none")
           b_.cluster.bootstrap_note = {.name = value, .incarnation = "other", .version = 30};
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
  static constexpr const char* kMandates[] = {"keep", "lapse", "release"};
  for (const auto& ordered : d.duties) tell(duty_line(ordered));
  if (!d.reason.text().empty()) tell("INFO " + d.reason.text());
  tell(fmt::format("lock: {}; intent: {}", kMandates[static_cast<int>(d.mandate.kind)],
                   intent_line(d.intent)));
  // The words that were set are seen by the next decision.
  for (const auto& set : duties<duty::SetRole>(d)) b_.view.postgres.role = set.role;
  for (const auto& set : duties<duty::SetState>(d)) b_.view.postgres.state = set.state;
  for (const auto& set : duties<duty::Fence>(d)) b_.view.fence.armed = set.arm;
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
