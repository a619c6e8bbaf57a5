#include "ctl/top/model.h"

#include <algorithm>

#include "config/modes.h"
#include "core/format.h"
#include "core/text.h"
#include "dcs/overview.h"

namespace tanist::ctl {

namespace {

/// More than any screen is wide.
constexpr std::size_t kCurve = 300;
constexpr std::size_t kEventsKept = 200;
constexpr std::size_t kUntoldKept = 50;
constexpr std::size_t kLongestAnswer = 8;

std::string words_at(const Document& map, std::string_view key) {
  const Document* value = map.find(key);
  return value == nullptr || value->is_null() ? std::string() : value->text();
}

std::optional<std::int64_t> number_at(const Document& map, std::string_view path) {
  const Document* value = map.find_path(path);
  if (value == nullptr || !value->is_int()) return std::nullopt;
  return value->as_int();
}

std::string planned_text(const dcs::Failover& wanted) {
  if (!wanted.present()) return {};
  std::string out = wanted.leader.empty() ? "failover" : "switchover from " + wanted.leader;
  if (!wanted.candidate.empty()) out += " to " + wanted.candidate;
  return out + (wanted.scheduled_at ? " at " + iso8601(*wanted.scheduled_at) : " asked for");
}

void keep(std::deque<TopEvent>& events, TopEvent event) {
  events.push_back(std::move(event));
  if (events.size() > kEventsKept) events.pop_front();
}

/// `a -> b`, or `b` where nothing was before.
std::string step(const Document& data, const char* key) {
  const std::string before = words_at(data, "before");
  const std::string after = words_at(data, key);
  return (before.empty() ? "" : before + " -> ") + (after.empty() ? "nothing" : after);
}

std::string schedule_text(const Document& data) {
  std::string out = words_at(data, "what");
  if (const auto member = words_at(data, "member"); !member.empty()) out += " of " + member;
  if (const auto from = words_at(data, "from"); !from.empty()) out += " from " + from;
  if (const auto to = words_at(data, "to"); !to.empty()) out += " to " + to;
  const auto at = words_at(data, "at");
  if (!at.empty()) out += " at " + at;
  if (data.find("withdrawn") != nullptr) return out + ": over or taken back";
  return out + (at.empty() ? " asked for" : " planned");
}

std::string task_text(const std::string& member, const Document& data) {
  const std::string task = words_at(data, "task");
  if (task.empty()) return member + ": done";
  std::string phase = words_at(data, "phase");
  std::ranges::replace(phase, '_', ' ');
  return fmt::format("{}: {}, {}", member, task, phase);
}

std::string keys_text(const Document& data) {
  std::string out;
  if (const Document* changed = data.find("changed"); changed != nullptr && changed->is_list())
    for (const auto& key : changed->as_list()) out += (out.empty() ? "" : ", ") + key.text();
  return "configuration: " + out;
}

}  // namespace

TopMember* TopModel::find(const std::string& name) {
  const auto found = std::ranges::find(members, name, &TopMember::name);
  return found == members.end() ? nullptr : &*found;
}

const TopMember* TopModel::find(const std::string& name) const {
  const auto found = std::ranges::find(members, name, &TopMember::name);
  return found == members.end() ? nullptr : &*found;
}

void take_cluster(TopModel& model, const dcs::Cluster& cluster, Instant now) {
  model.seen = true;
  model.seen_at = now;
  model.store_trouble.clear();
  model.system_identifier = cluster.initialize.value;
  model.leader = cluster.leader_name();
  model.planned = planned_text(cluster.failover);
  const auto modes = config::modes_of(cluster.config.valid ? cluster.config.data : Document::map());
  model.pause = modes.pause;
  std::vector<TopMember> members;
  for (const auto& row : dcs::member_overviews(cluster, modes)) {
    TopMember member;
    // What it answered, and its curve, stay.
    if (TopMember* known = model.find(row.name)) member = std::move(*known);
    member.name = row.name;
    member.api_url = row.api_url;
    member.role = row.role;
    member.state = row.state;
    member.timeline = static_cast<std::int64_t>(row.timeline.value);
    member.leads = row.is_leader;
    const dcs::Member& stored = cluster.members.at(row.name);
    member.pending_restart = stored.pending_restart;
    member.nofailover = stored.nofailover();
    const auto& position = row.replay.known() ? row.replay : row.latest;
    member.published_lag = position.known() && !row.is_leader ? std::optional(position.lag) : std::nullopt;
    members.push_back(std::move(member));
  }
  model.members = std::move(members);
  if (model.find(model.selected) == nullptr)
    model.selected = model.members.empty() ? "" : model.members.front().name;
}

void take_answer(TopModel& model, const std::string& name, Document status) {
  TopMember* member = model.find(name);
  if (member == nullptr) return;
  member->answer = std::move(status);
  member->trouble.clear();
}

void take_silence(TopModel& model, const std::string& name, std::string why) {
  TopMember* member = model.find(name);
  if (member == nullptr) return;
  member->answer = Document();
  member->trouble = std::move(why);
}

std::optional<std::int64_t> lag_of(const TopModel& model, const TopMember& member) {
  if (member.leads) return std::nullopt;
  const TopMember* leader = model.find(model.leader);
  const auto there = leader != nullptr ? number_at(leader->answer, "xlog.location") : std::nullopt;
  const auto here = number_at(member.answer, "xlog.replayed_location");
  if (there && here) return std::max<std::int64_t>(0, *there - *here);
  return member.trouble.empty() && model.store_trouble.empty() ? member.published_lag : std::nullopt;
}

void take_lags(TopModel& model) {
  for (auto& member : model.members) {
    member.lags.push_back(lag_of(model, member));
    if (member.lags.size() > kCurve) member.lags.pop_front();
  }
}

void take_event(TopModel& model, const std::string& from, const MemberEvent& event, Instant now,
                const std::string& time) {
  auto& untold = model.listened_to[from];
  if (model.teller.empty()) model.teller = from;
  if (event.type == "snapshot") return;
  TopEvent line{time, event_text(from, event)};
  const bool believed = from == model.teller;
  if (believed) model.last_told = now;
  if (line.text.empty()) return;
  if (believed || event.type == "task") {
    keep(model.events, std::move(line));
    return;
  }
  untold.emplace_back(now, std::move(line));
  if (untold.size() > kUntoldKept) untold.pop_front();
}

void take_end(TopModel& model, const std::string& from) {
  model.listened_to.erase(from);
  if (model.teller != from) return;
  model.teller.clear();
  if (model.listened_to.empty()) return;
  auto& [name, untold] = *model.listened_to.begin();
  model.teller = name;
  for (auto& [at, line] : untold)
    if (at > model.last_told) keep(model.events, std::move(line));
  untold.clear();
}

std::string event_text(const std::string& from, const MemberEvent& event) {
  const Document& data = event.data;
  const std::string member = words_at(data, "member");
  const std::string& type = event.type;
  if (type == "leader") {
    const auto leader = words_at(data, "leader");
    const auto before = words_at(data, "before");
    return (leader.empty() ? "nobody leads" : leader + " leads") +
           (before.empty() ? "" : ", before it was " + before);
  }
  if (type == "role" || type == "state") return fmt::format("{}: {}", member, step(data, type.c_str()));
  if (type == "timeline") return fmt::format("{}: timeline {}", member, step(data, "timeline"));
  if (type == "lag") {
    // It leads now, as another line says.
    if (words_at(data, "lag") == "none") return {};
    const auto lag = number_at(data, "replay_lag");
    return fmt::format("{}: lag {}{}", member, step(data, "lag"), lag ? " (" + bytes_text(*lag) + ")" : "");
  }
  if (type == "joined") return fmt::format("{} joined, {}", member, words_at(data, "state"));
  if (type == "left") return member + " left";
  if (type == "store")
    return fmt::format("the store {} {}",
                       words_at(data, "reachable") == "True" ? "answers" : "does not answer", from);
  if (type == "pause") return words_at(data, "pause") == "True" ? "paused" : "resumed";
  if (type == "config") return keys_text(data);
  if (type == "schedule") return schedule_text(data);
  if (type == "pending_restart")
    return member +
           (words_at(data, "pending_restart") == "True" ? " waits for a restart" : " waits for no restart");
  if (type == "rejoin") {
    const auto error = words_at(data, "error");
    return error.empty() ? member + " can rejoin" : fmt::format("{} cannot rejoin: {}", member, error);
  }
  if (type == "task") return task_text(member, data);
  // Shown beside its member, or of a release to come.
  return {};
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::int64_t kUnit = 1024;
  if (bytes < kUnit) return fmt::format("{} B", bytes);
  std::int64_t whole = bytes;
  for (const char* unit : {"kB", "MB", "GB"}) {
    whole = (whole + kUnit / 2) / kUnit;
    if (whole < 10 * kUnit) return fmt::format("{} {}", whole, unit);
  }
  return fmt::format("{} TB", (whole + kUnit / 2) / kUnit);
}

std::string wish_text(const TopWish& wish) {
  switch (wish.kind) {
    case TopWish::Kind::switchover: return "switchover to " + wish.member;
    case TopWish::Kind::restart: return "restart of " + wish.member;
    case TopWish::Kind::pause: return "pause";
    case TopWish::Kind::resume: return "resume";
  }
  return {};
}

namespace {

void say(TopModel& model, std::string text) {
  model.message = std::move(text);
  model.message_is_bad = false;
}

void refuse(TopModel& model, std::string text) {
  model.message = std::move(text);
  model.message_is_bad = true;
}

void ask(TopModel& model, TopWish wish, const std::string& question) {
  model.message.clear();
  model.question = {std::move(wish), question + " [y/N]: ", ""};
}

void wish_for(TopModel& model, char letter) {
  if (!model.busy.empty()) return refuse(model, "wait: " + model.busy + " is under way");
  if (letter == 'p') {
    if (!model.seen) return refuse(model, "nothing is known of the cluster yet");
    const auto kind = model.pause ? TopWish::Kind::resume : TopWish::Kind::pause;
    return ask(model, {kind, "", model.leader},
               fmt::format("{} cluster {}?", model.pause ? "Resume" : "Pause", model.cluster));
  }
  const TopMember* member = model.find(model.selected);
  if (member == nullptr) return refuse(model, "no member is selected");
  if (letter == 'r')
    return ask(model, {TopWish::Kind::restart, member->name, model.leader},
               fmt::format("Restart PostgreSQL of {}?", member->name));
  if (model.leader.empty())
    return refuse(model, "nobody leads: `tanistctl failover` gives the lead to a member");
  if (member->leads) return refuse(model, member->name + " leads already: select another member");
  if (member->nofailover) return refuse(model, member->name + " is tagged as nofailover");
  ask(model, {TopWish::Kind::switchover, member->name, model.leader},
      fmt::format("Switch over from {} to {}?", model.leader, member->name));
}

std::optional<TopWish> answer(TopModel& model, TopPress key) {
  auto& question = *model.question;
  switch (key.key) {
    case TopKey::letter:
      if (question.typed.size() < kLongestAnswer) question.typed += key.letter;
      return std::nullopt;
    case TopKey::backspace:
      if (!question.typed.empty()) question.typed.pop_back();
      return std::nullopt;
    case TopKey::enter: {
      const std::string typed = lower(question.typed);
      TopWish wish = question.wish;
      model.question.reset();
      if (typed == "y" || typed == "yes") return wish;
      break;
    }
    case TopKey::escape: model.question.reset(); break;
    case TopKey::up:
    case TopKey::down: return std::nullopt;
  }
  say(model, "nothing was done");
  return std::nullopt;
}

void select(TopModel& model, int by) {
  const auto& members = model.members;
  const auto at = std::ranges::find(members, model.selected, &TopMember::name) - members.begin();
  const auto next = at + by;
  if (next >= 0 && next < std::ssize(members)) model.selected = members[static_cast<std::size_t>(next)].name;
}

}  // namespace

TopOutcome press(TopModel& model, TopPress key) {
  if (model.question) return {.wish = answer(model, key)};
  model.message.clear();
  if (std::exchange(model.help, false)) return {.quit = key.letter == 'q'};
  if (key.key == TopKey::up || key.letter == 'k') {
    select(model, -1);
  } else if (key.key == TopKey::down || key.letter == 'j') {
    select(model, 1);
  } else if (key.letter == 'q') {
    return {.quit = true};
  } else if (key.letter == '?' || key.letter == 'h') {
    model.help = true;
  } else if (key.letter == 's' || key.letter == 'r' || key.letter == 'p') {
    wish_for(model, key.letter);
  }
  return {};
}

}  // namespace tanist::ctl
