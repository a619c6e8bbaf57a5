#include "api/picture.h"

#include <algorithm>
#include <utility>

#include "api/member_status.h"
#include "api/status_document.h"
#include "config/modes.h"
#include "core/enum_names.h"
#include "dcs/overview.h"

namespace tanist::api {

namespace {

/// More names than that tell that nearly all is new.
constexpr std::size_t kKeysTold = 50;
constexpr std::int64_t kDefaultLag = 1 << 20;

std::string text_at(const Document& raw, const char* key) {
  const Document* value = raw.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

Document value_at(const Document& raw, const char* key) {
  const Document* value = raw.find(key);
  return value != nullptr ? *value : Document();
}

LagClass lag_class(const MemberSeen& member, bool leads, bool there_is_a_leader, std::int64_t limit) {
  if (leads || !there_is_a_leader) return LagClass::none;
  if (!member.receive_lag && !member.replay_lag) return LagClass::unknown;
  if (limit <= 0) limit = kDefaultLag;
  const std::int64_t received = member.receive_lag.value_or(member.replay_lag.value_or(0));
  if (received > limit) return LagClass::behind;
  return member.replay_lag.value_or(0) > limit ? LagClass::replaying : LagClass::ok;
}

MemberSeen seen(const dcs::MemberOverview& row, const dcs::Cluster& cluster, std::int64_t limit) {
  MemberSeen out;
  out.role = row.role;
  out.state = row.state;
  out.timeline = static_cast<std::int64_t>(row.timeline.value);
  const auto lag = [&](const dcs::PositionSeen& position) -> std::optional<std::int64_t> {
    if (row.is_leader || !position.known() || !cluster.status.optime) return std::nullopt;
    return position.lag;
  };
  out.receive_lag = lag(row.receive);
  out.replay_lag = lag(row.replay);
  // Members of old releases publish one position only.
  if (!out.receive_lag && !out.replay_lag) out.receive_lag = lag(row.latest);
  out.lag = lag_class(out, row.is_leader, !cluster.unlocked(), limit);
  const Document* pending = row.raw.find("pending_restart");
  out.pending_restart = pending != nullptr && pending->truthy();
  out.scheduled_restart = value_at(row.raw, "scheduled_restart");
  out.progress = value_at(row.raw, "tanist_progress");
  out.rejoin_error = text_at(row.raw, "tanist_rejoin_error");
  return out;
}

Document switchover_of(const dcs::Failover& wanted) {
  if (!wanted.present()) return {};
  Document out = Document::map();
  if (!wanted.leader.empty()) out.set("from", wanted.leader);
  if (!wanted.candidate.empty()) out.set("to", wanted.candidate);
  if (wanted.scheduled_at) out.set("at", iso8601(*wanted.scheduled_at));
  return out;
}

void look_at(Picture& picture, const dcs::Cluster& cluster, const config::Settings& settings) {
  const Document& config = cluster.config.valid ? cluster.config.data : settings.dynamic.raw;
  const config::Modes modes = config::modes_of(config);
  picture.leader = cluster.leader_name();
  picture.pause = modes.pause;
  picture.config = config;
  picture.switchover = switchover_of(cluster.failover);
  const auto before = std::exchange(picture.members, {});
  for (const auto& row : dcs::member_overviews(cluster, modes)) {
    MemberSeen& member = picture.members[row.name] =
        seen(row, cluster, settings.dynamic.maximum_lag_on_failover);
    // Between two leaders there is nobody to be behind.
    const auto known = before.find(row.name);
    if (cluster.unlocked() && known != before.end()) member.lag = known->second.lag;
  }
}

/// What the member knows of itself before the store does.
void look_at_itself(Picture& picture, const ha::Snapshot& s, Instant now) {
  picture.task.reset();
  if (s.operation)
    picture.task =
        TaskSeen{s.operation->name, std::string(enum_name(s.operation->phase)), s.operation->source};
  picture.slots.clear();
  for (const auto& risk : s.facts.slots_at_risk) picture.slots.emplace(risk.name, risk);
  const auto self = picture.members.find(picture.name);
  if (self == picture.members.end()) return;
  const MemberStatus status = member_status(s, now);
  MemberSeen& own = self->second;
  const bool streams = !status.replication_state.empty() && own.role != "leader";
  own.state = streams ? status.replication_state : status.state;
  if (s.progress && s.progress->total_bytes > 0) {
    own.progress =
        Document::map({{"done_bytes", s.progress->done_bytes}, {"total_bytes", s.progress->total_bytes}});
    if (s.progress->bytes_per_second > 0) own.progress.set("bytes_per_second", s.progress->bytes_per_second);
    if (s.progress->seconds_left) own.progress.set("seconds_left", *s.progress->seconds_left);
  } else {
    own.progress = Document();
  }
  own.rejoin_error = s.rejoin_error;
}

Document text_or_null(const std::string& text) {
  return text.empty() ? Document() : Document(text);
}

void add_lag(Document& out, const MemberSeen& member) {
  out.set("lag", enum_name(member.lag));
  const auto bytes = [](const std::optional<std::int64_t>& lag) { return lag ? Document(*lag) : Document(); };
  out.set("receive_lag", bytes(member.receive_lag));
  out.set("replay_lag", bytes(member.replay_lag));
}

Document member_document(const std::string& name, const MemberSeen& member) {
  Document out = Document::map({{"member", name}, {"role", member.role}, {"state", member.state}});
  if (member.timeline != 0) out.set("timeline", member.timeline);
  if (member.lag != LagClass::none) add_lag(out, member);
  if (member.pending_restart) out.set("pending_restart", true);
  if (!member.scheduled_restart.is_null()) out.set("scheduled_restart", member.scheduled_restart);
  if (!member.progress.is_null()) out.set("progress", member.progress);
  if (!member.rejoin_error.empty()) out.set("rejoin_error", member.rejoin_error);
  return out;
}

/// Paths of what differs, maps in maps with dots between.
void differing(const Document& before, const Document& after, const std::string& prefix,
               std::vector<std::string>& out) {
  const auto look = [&](const std::string& key, const Document* a, const Document* b) {
    if (a != nullptr && b != nullptr && *a == *b) return;
    if (a != nullptr && b != nullptr && a->is_map() && b->is_map()) {
      differing(*a, *b, prefix + key + ".", out);
    } else {
      out.push_back(prefix + key);
    }
  };
  if (before.is_map())
    for (const auto& [key, value, line] : before.entries()) look(key, &value, after.find(key));
  if (after.is_map())
    for (const auto& [key, value, line] : after.entries())
      if (before.find(key) == nullptr) look(key, nullptr, &value);
}

class Comparison {
 public:
  Comparison(const Picture& before, const Picture& after) : before_(before), after_(after) {}

  std::vector<Change> run() {
    if (before_.store != after_.store) tell("store", Document::map({{"reachable", after_.store}}));
    for (const auto& [name, member] : before_.members)
      if (!after_.members.contains(name)) tell("left", Document::map({{"member", name}}));
    for (const auto& [name, member] : after_.members)
      if (!before_.members.contains(name)) tell("joined", member_document(name, member));
    if (before_.leader != after_.leader)
      tell("leader", Document::map({{"leader", text_or_null(after_.leader)},
                                    {"before", text_or_null(before_.leader)}}));
    for (const auto& [name, member] : after_.members)
      if (const auto known = before_.members.find(name); known != before_.members.end())
        compare(name, known->second, member);
    if (before_.switchover != after_.switchover) {
      const bool over = after_.switchover.is_null();
      schedule("switchover", over ? before_.switchover : after_.switchover, over);
    }
    if (before_.pause != after_.pause) tell("pause", Document::map({{"pause", after_.pause}}));
    compare_configurations();
    compare_tasks();
    compare_slots();
    return std::move(out_);
  }

 private:
  void tell(std::string_view type, Document data) { out_.push_back({type, std::move(data)}); }

  void changed(const std::string& member, const char* what, Document now, Document was) {
    tell(what, Document::map({{"member", member}, {what, std::move(now)}, {"before", std::move(was)}}));
  }

  void compare(const std::string& name, const MemberSeen& was, const MemberSeen& now) {
    if (was.role != now.role) changed(name, "role", now.role, was.role);
    if (was.state != now.state) changed(name, "state", now.state, was.state);
    if (was.timeline != now.timeline && now.timeline != 0)
      changed(name, "timeline", now.timeline, was.timeline == 0 ? Document() : Document(was.timeline));
    if (was.lag != now.lag) {
      Document data = Document::map({{"member", name}, {"before", enum_name(was.lag)}});
      add_lag(data, now);
      tell("lag", std::move(data));
    }
    if (was.pending_restart != now.pending_restart)
      tell("pending_restart", Document::map({{"member", name}, {"pending_restart", now.pending_restart}}));
    if (was.rejoin_error != now.rejoin_error)
      tell("rejoin", Document::map({{"member", name}, {"error", text_or_null(now.rejoin_error)}}));
    if (was.scheduled_restart != now.scheduled_restart) {
      const bool over = now.scheduled_restart.is_null();
      const Document& planned = over ? was.scheduled_restart : now.scheduled_restart;
      Document data = Document::map({{"member", name}});
      if (const Document* at = planned.find("schedule")) data.set("at", *at);
      schedule("restart", std::move(data), over);
    }
    if (was.progress != now.progress && !now.progress.is_null()) {
      Document data = Document::map({{"member", name}});
      if (now.progress.is_map())
        for (const auto& [key, value, line] : now.progress.entries()) data.set(key, value);
      tell("progress", std::move(data));
    }
  }

  void schedule(const char* what, const Document& planned, bool over) {
    Document data = Document::map({{"what", what}});
    if (planned.is_map())
      for (const auto& [key, value, line] : planned.entries()) data.set(key, value);
    if (over) data.set("withdrawn", true);
    tell("schedule", std::move(data));
  }

  void compare_configurations() {
    if (before_.config == after_.config) return;
    std::vector<std::string> names;
    differing(before_.config, after_.config, "", names);
    Document changed = Document::list();
    for (std::size_t i = 0; i < std::min(names.size(), kKeysTold); ++i) changed.push_back(names[i]);
    Document data = Document::map({{"changed", std::move(changed)}});
    if (names.size() > kKeysTold) data.set("more", static_cast<std::int64_t>(names.size() - kKeysTold));
    tell("config", std::move(data));
  }

  void compare_tasks() {
    if (before_.task == after_.task) return;
    const TaskSeen none;
    const TaskSeen& task = after_.task ? *after_.task : none;
    Document data = Document::map(
        {{"member", after_.name}, {"task", text_or_null(task.name)}, {"phase", text_or_null(task.phase)}});
    if (!task.source.empty()) data.set("source", task.source);
    tell("task", std::move(data));
  }

  /// How much each holds changes all the time: only what that means is told.
  void compare_slots() {
    const auto told = [&](const std::string& name, const postgres::SlotRisk* now,
                          const postgres::SlotRisk* was) {
      if (now != nullptr && was != nullptr && now->kind == was->kind) return;
      Document data = Document::map({{"member", after_.name}});
      const Document risk =
          now != nullptr ? slot_risk_document(*now) : Document::map({{"slot", name}, {"risk", Document()}});
      for (const auto& [key, value, line] : risk.entries()) data.set(key, value);
      data.set("before", was != nullptr ? Document(enum_name(was->kind)) : Document());
      tell("slot", std::move(data));
    };
    const auto find = [](const Picture& in, const std::string& name) {
      const auto found = in.slots.find(name);
      return found == in.slots.end() ? nullptr : &found->second;
    };
    for (const auto& [name, risk] : after_.slots) told(name, &risk, find(before_, name));
    for (const auto& [name, risk] : before_.slots)
      if (!after_.slots.contains(name)) told(name, nullptr, &risk);
  }

  const Picture& before_;
  const Picture& after_;
  std::vector<Change> out_;
};

}  // namespace

Picture picture_of(const ha::Snapshot& s, Instant now, const Picture& before) {
  Picture out = before;
  out.scope = s.settings->scope;
  out.name = s.settings->name;
  out.store = s.store_ok && s.cluster != nullptr;
  const auto& cluster = s.watched ? s.watched : s.cluster;
  const Instant as_of = s.watched ? s.published_at : s.cluster_read_at;
  // The view of the last cycle is behind a copy that was watched until a moment ago.
  if (out.store && cluster && as_of >= before.as_of) {
    out.as_of = as_of;
    look_at(out, *cluster, *s.settings);
  }
  look_at_itself(out, s, now);
  return out;
}

std::vector<Change> changes(const Picture& before, const Picture& after) {
  return Comparison(before, after).run();
}

Document picture_document(const Picture& picture) {
  Document members = Document::list();
  for (const auto& [name, member] : picture.members) members.push_back(member_document(name, member));
  Document out = Document::map({{"scope", picture.scope},
                                {"name", picture.name},
                                {"store", Document::map({{"reachable", picture.store}})},
                                {"leader", text_or_null(picture.leader)},
                                {"pause", picture.pause},
                                {"members", std::move(members)}});
  if (!picture.switchover.is_null()) out.set("switchover", picture.switchover);
  if (picture.task) {
    Document task = Document::map({{"task", picture.task->name}, {"phase", picture.task->phase}});
    if (!picture.task->source.empty()) task.set("source", picture.task->source);
    out.set("task", std::move(task));
  }
  if (!picture.slots.empty()) {
    Document& slots = out.set("slots", Document::list());
    for (const auto& [name, risk] : picture.slots) slots.push_back(slot_risk_document(risk));
  }
  return out;
}

}  // namespace tanist::api
