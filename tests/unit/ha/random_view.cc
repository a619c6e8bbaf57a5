#include "unit/ha/random_view.h"

#include <boost/pfr.hpp>
#include <type_traits>
#include <variant>

#include "core/enum_names.h"
#include "ha/policy/timelines.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha::testing {
namespace {

class Dice {
 public:
  explicit Dice(std::mt19937_64& random) : random_(random) {}
  bool once_in(int n) { return below(n) == 0; }
  bool coin() { return once_in(2); }
  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  template <class E>
  E any(E last = last_value<E>()) {
    return static_cast<E>(below(static_cast<int>(last) + 1));
  }
  template <class T>
  T of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<int>(values.size()))];
  }
  Lsn lsn() { return {kHere.value + static_cast<std::uint64_t>(below(5) * 700'000) - 1'400'000}; }
  Timeline timeline() { return {static_cast<std::uint32_t>(below(4))}; }
  std::string name() { return of<std::string>({"n1", "n2", "n3", "n4", ""}); }

 private:
  std::mt19937_64& random_;
};

void fill_cluster(Dice& dice, dcs::Cluster& c) {
  if (dice.once_in(4)) c.initialize = {};
  if (dice.once_in(6)) c.initialize = {.version = dcs::Version("5"), .present = true};
  if (dice.once_in(6)) c.initialize.value = dice.of<std::string>({"x", "7000000000000000009"});
  if (dice.once_in(5)) c.config = {};
  if (dice.once_in(5)) c.config.valid = dice.coin();
  if (dice.once_in(3)) c.leader.reset();
  if (c.leader && dice.once_in(10)) c.leader->name = dice.name();
  c.status.optime = dice.lsn();
  if (dice.coin()) c.status.slots["n2"] = dice.lsn();
  if (dice.coin()) c.status.slots["feed"] = dice.lsn();
  if (dice.coin()) c.status.retain_slots = {"away", "n3"};
  for (auto& [name, m] : c.members) {
    m.state = dice.of<std::string>({"running", "starting", "stopped"});
    m.role = dice.of<std::string>({"primary", "replica", "demoted"});
    m.timeline = dice.timeline();
    m.checkpoint_after_promote_pending = dice.once_in(4);
    if (dice.once_in(5)) m.conn_url.clear();
    if (dice.once_in(5)) m.api_url.clear();
    if (dice.once_in(5)) m.patroni_version = dice.of<std::string>({"3.3.2", "", "junk"});
    if (dice.once_in(4)) m.tags.set(dice.of<const char*>({"nofailover", "nostream", "clonefrom"}), true);
    if (dice.once_in(4)) m.tags.set("replicatefrom", dice.name());
  }
  if (dice.once_in(3)) c.members.erase(dice.name());
  if (dice.once_in(4))
    c.failover = {.version = dcs::Version("8"), .leader = dice.name(), .candidate = dice.name()};
  if (dice.once_in(4))
    c.sync = {.version = dcs::Version("9"),
              .leader = dice.name(),
              .voters = {dice.name()},
              .quorum = dice.below(3)};
  if (dice.coin())
    c.history.lines = {{.parent = dice.timeline(), .switch_lsn = dice.lsn(), .timestamp = "t"}};
  c.history.incomplete = dice.once_in(5);
  if (dice.once_in(4)) c.failsafe = std::map<std::string, std::string>{{dice.name(), "http://x"}};
  if (dice.once_in(4))
    c.bootstrap_note = {.name = dice.name(), .incarnation = "other", .version = dcs::Version("3")};
  c.initialize.by_tanist = c.initialize.present && dice.once_in(2);
  c.leadership_version = dice.of<dcs::Version>({{}, dcs::Version("6"), dcs::Version("7")});
  if (dice.coin())
    c.led_from = {.timeline = dice.timeline(),
                  .position = dice.lsn(),
                  .replayed = dice.lsn(),
                  .optime = dice.coin() ? c.status.optime : dice.lsn(),
                  .branch = dice.of<std::string>({"", "red", "blue"}),
                  .next = dice.of<std::string>({"", "red", "blue"})};
  c.status_version = dice.of<dcs::Version>({{}, dcs::Version("10"), dcs::Version("0")});
  c.linearizable = dice.coin();
}

void fill_commands(Dice& dice, Commands& c, WallTime now, Instant boot_now) {
  order::Restart request;
  if (dice.coin()) request.role = dice.any<postgres::Role>();
  if (dice.coin()) request.older_than = dice.of({90624, 150002, 180000});
  request.only_if_pending = dice.once_in(3);
  if (dice.coin()) request.timeout = dice.of<Duration>({1s, 400s});
  for (OrderId id = 1; dice.once_in(6); ++id)
    c.asked.push_back({.id = id, .order = request, .begun = dice.once_in(3)});
  order::Reinitialize copy{.force = dice.coin(), .from_leader = dice.coin(), .deadline = {}};
  copy.deadline = boot_now + std::chrono::seconds(dice.below(60) - 10);
  for (OrderId id = 21; dice.once_in(6); ++id)
    c.asked.push_back({.id = id, .order = copy, .begun = dice.once_in(3)});
  if (dice.once_in(6)) {
    c.scheduled_restart = ScheduledRestart{.id = 9, .wanted = {.restart = request}};
    c.scheduled_restart->wanted.at = now + std::chrono::seconds(dice.below(60) - 30);
    c.scheduled_restart->wanted.shown.set("role", "replica");
  }
}

void fill_settings(Dice& dice, config::Settings& s) {
  auto& dynamic = s.dynamic;
  dynamic.pause = dice.once_in(8);
  if (dice.once_in(4)) s.silent_primary_timeout = 60s;
  dynamic.standby_cluster = dice.once_in(6);
  if (dynamic.standby_cluster && !dice.once_in(4))
    dynamic.remote.host = dice.once_in(4) ? "n2.example" : "10.9.0.1";
  dynamic.failsafe_mode = dice.once_in(5);
  dynamic.check_timeline = dice.coin();
  if (dice.once_in(8)) dynamic.synchronous_mode = dice.any<config::Dynamic::SyncMode>();
  if (dice.once_in(4)) dynamic.primary_start_timeout = 0s;
  if (dice.once_in(4)) dynamic.primary_race_backoff = 20s;
  if (dice.once_in(4)) dynamic.member_slots_ttl = 0s;
  if (dice.once_in(4)) dynamic.raw = Document::map();
  if (dice.once_in(3)) dynamic.permanent_slots.push_back({.name = "dwh"});
  if (dice.coin())
    dynamic.permanent_slots.push_back({.name = "feed", .database = "app", .plugin = "pgoutput"});
  if (dice.once_in(4)) dynamic.ignored_slots.push_back({.name = dice.coin() ? "old" : "x"});
  s.tags.nofailover = dice.once_in(5);
  s.tags.nostream = dice.once_in(6);
  if (dice.once_in(4)) s.tags.replicatefrom = dice.name();
  s.bootstrap.present = !dice.once_in(4);
  if (dice.once_in(4))
    s.postgresql.copying.replica_methods["restore"] = {.command = "/restore", .no_leader = dice.coin()};
  s.postgresql.use_pg_rewind = dice.coin();
  s.postgresql.use_slots = !dice.once_in(5);
  dynamic.standby_slots = dice.once_in(4);
  s.postgresql.remove_data_directory_on_rewind_failure = dice.coin();
  s.postgresql.remove_data_directory_on_diverged_timelines = dice.coin();
}

void fill_postgres(Dice& dice, const View& view, PostgresView& p) {
  auto& facts = p.facts;
  facts.process = dice.of({postgres::Process::none, postgres::Process::running, postgres::Process::running,
                           postgres::Process::orphans});
  facts.data_directory = dice.once_in(6) ? dice.any<postgres::DataDirectory>() : postgres::DataDirectory::ok;
  facts.accepting = dice.once_in(3) ? dice.any<postgres::Accepting>() : postgres::Accepting::accepting;
  facts.standby_signal = dice.coin();
  facts.backup_label = dice.once_in(5);
  facts.half_rewound = dice.once_in(10);
  facts.rewind_works = !dice.once_in(10);
  if (dice.once_in(8)) facts.system_identifier.clear();
  if (dice.once_in(5)) facts.unready_slots = {"feed"};
  if (dice.once_in(6)) facts.broken_slots = {"feed"};
  if (dice.once_in(4)) facts.own_standby_slots = dice.of<std::string>({"", "n2", "n2, n3", "away"});
  facts.feedback_forced = dice.coin();
  if (dice.once_in(3)) facts.pending_restart["max_connections"] = {.old_value = "100", .new_value = "200"};
  if (dice.once_in(4)) facts.failing_since = view.now - 2s;
  if (dice.once_in(6)) facts.silent_since = view.now - std::chrono::seconds(dice.below(100));
  if (facts.process != postgres::Process::running || dice.once_in(6)) facts.probe.reset();
  if (facts.probe) {
    facts.probe->in_recovery = dice.coin();
    facts.probe->timeline = dice.timeline();
    facts.probe->effective_timeline = dice.timeline();
    facts.probe->wal = facts.probe->receive = dice.lsn();
    facts.probe->server_version = dice.of({0, 150001, 150004, 170002});
    if (dice.coin()) facts.probe->postmaster_start_time = "2031-01-01 00:00:00+00:00";
    if (dice.coin())
      facts.probe->slots.push_back({.name = "old", .active = dice.coin(), .xmin = dice.coin() ? 700u : 0u});
    for (const char* name : {"n2", "n3"}) {
      if (dice.coin()) continue;
      facts.probe->slots.push_back({.name = name, .active = dice.coin()});
      facts.probe->wal_senders.push_back(
          {.pid = 70, .application_name = name, .state = dice.coin() ? "streaming" : "catchup"});
    }
    if (dice.once_in(3))
      facts.probe->slots.push_back({.name = "feed",
                                    .logical = dice.coin(),
                                    .confirmed_flush_lsn = dice.lsn(),
                                    .database = dice.coin() ? "app" : "other",
                                    .plugin = "pgoutput",
                                    .failover = dice.once_in(4)});
  }
  if (dice.once_in(5)) facts.control.reset();
  if (facts.control) {
    facts.control->cluster_state =
        dice.of<std::string>({"in production", "shut down", "shut down in recovery", "in archive recovery",
                              "in crash recovery", "?"});
    facts.control->checkpoint_timeline = dice.timeline();
    facts.control->data_checksums = dice.coin();
    if (dice.coin()) facts.control->seen_at = view.now - 60s;
  } else if (dice.coin()) {
    facts.control_error = "exit code 1";
  }
  p.state = dice.any<postgres::State>();
  p.role = dice.any(postgres::Role::demoted);
  p.state_since = view.now - std::chrono::seconds(dice.below(400));
  p.seen_running = dice.coin();
  if (dice.once_in(4)) p.writes_ended = view.now - 2s;
  if (dice.once_in(4)) p.writes_began = view.now - 1s;
  p.promoting = dice.once_in(8) && facts.process != postgres::Process::none;
  if (dice.coin()) p.branch = {dice.timeline(), dice.of<std::string>({"red", "blue"})};
  p.recovery_difference = dice.any<postgres::RecoveryDifference>();
}

void fill_memory(Dice& dice, const View& view, Memory& m) {
  const auto past = [&]() -> std::optional<Instant> {
    if (dice.coin()) return std::nullopt;
    return view.now - std::chrono::seconds(dice.below(400));
  };
  m.outage.recovering = dice.once_in(4);
  m.outage.since = past();
  m.outage.crash_recovery_tried = dice.coin();
  m.was_paused = dice.once_in(5);
  m.race.previous_position = dice.lsn();
  m.race.backoff_since = past();
  if (dice.once_in(5)) m.race.not_before = view.now + std::chrono::seconds(dice.below(20) - 10);
  m.promotion.pre_promote_failed = dice.once_in(5);
  m.rejoin.rewind = dice.any<RewindState>();
  m.following.leader_timeline = dice.timeline();
  m.following.own_timeline = dice.timeline();
  m.rejoin.beyond_rewind = dice.once_in(6);
  m.standings.beyond_leader_since = past();
  m.standings.astray = dice.once_in(6);
  if (dice.coin()) m.standings.shared_with = "n2";
  m.standings.shared = dice.timeline();
  m.rejoin.found_diverged = dice.once_in(6);
  m.rejoin.looks_in_vain = dice.below(4);
  m.rejoin.not_streaming_since = past();
  m.rejoin.compared_at = past();
  m.callback_fired = dice.coin();
  m.promotion.checkpoint_done = dice.coin();
  m.promotion.checkpoint_running = dice.once_in(4);
  m.making.bootstrapping = dice.once_in(8);
  m.rejoin.rewinds_failed = dice.below(12);
  m.outage.starts_failed = dice.below(4);
  m.outage.start_is_due = dice.coin();
  if (dice.coin()) m.rejoin.rewind_failed_from = "n2";
  if (dice.once_in(4)) m.rejoin.error = "WAL is missing";
  if (const auto since = past())
    m.following.nudges = Nudges{.of = dice.coin() ? "n2 running 1" : "",
                                .since = *since,
                                .last = past().value_or(Instant{}),
                                .count = dice.below(16),
                                .waited = dice.coin()};
  m.race.acquiring = dice.once_in(3);
  if (m.race.acquiring && dice.coin())
    m.race.acquired_on = RaceGround{.optime = dice.lsn(), .history = dcs::Version("4"), .timeline = {1}};
  m.joined = dice.coin();
  if (dice.once_in(5)) m.slots.unstreamed["n2"] = view.now - std::chrono::seconds(dice.below(20));
  if (dice.once_in(6)) m.slots.copied["feed"] = {.last = view.now - 90s, .count = 1 + dice.below(3)};
}

template <class T>
struct IsPointer : std::false_type {};
template <class T>
struct IsPointer<std::shared_ptr<T>> : std::true_type {};

/// Walks through every field of what it is given, and changes each with the same small chance.
class Varying {
 public:
  Varying(Dice& dice, Instant now, int one_in) : dice_(dice), now_(now), one_in_(one_in) {}

  template <class T>
  void operator()(T& value) {
    if constexpr (requires { change(value); }) {
      if (dice_.once_in(one_in_)) change(value);
    } else if constexpr (std::is_enum_v<T>) {
      if (dice_.once_in(one_in_)) value = dice_.any<T>();
    } else if constexpr (IsPointer<T>::value) {
      if (!value) return;
      auto copy = std::make_shared<std::remove_const_t<typename T::element_type>>(*value);
      (*this)(*copy);
      value = std::move(copy);
    } else if constexpr (std::is_aggregate_v<T>) {
      boost::pfr::for_each_field(value, [this](auto& field) { (*this)(field); });
    } else {
      static_assert(std::is_same_v<T, Secret> || std::is_same_v<T, config::StoreOptions>,
                    "how does a field of this type vary?");
    }
  }
  template <class T>
  void operator()(std::optional<T>& value) {
    if (dice_.once_in(one_in_)) {
      value.reset();
      if (dice_.coin()) value = T{};
    }
    if (value) (*this)(*value);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    if (dice_.once_in(one_in_)) {
      if (list.empty() || dice_.coin()) {
        list.emplace_back();
      } else {
        list.pop_back();
      }
    }
    for (auto& item : list) (*this)(item);
  }
  template <class T>
  void operator()(std::map<std::string, T>& map) {
    if (dice_.once_in(one_in_)) {
      if (map.empty() || dice_.coin()) {
        map[word()];
      } else {
        map.erase(map.begin());
      }
    }
    for (auto& [key, value] : map) (*this)(value);
  }
  template <class... Kinds>
  void operator()(std::variant<Kinds...>& one) {
    if (dice_.once_in(one_in_)) {
      const int kind = dice_.below(sizeof...(Kinds));
      int n = 0;
      ((n++ == kind ? void(one.template emplace<Kinds>()) : void()), ...);
    }
    std::visit([this](auto& value) { (*this)(value); }, one);
  }
  template <class A, class B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first);
    (*this)(pair.second);
  }

 private:
  std::string word() {
    return dice_.of<std::string>({"",
                                  "n1",
                                  "n2",
                                  "n3",
                                  "n4",
                                  "primary",
                                  "replica",
                                  "running",
                                  "stopped",
                                  "starting",
                                  "in production",
                                  "shut down",
                                  "in archive recovery",
                                  "streaming",
                                  "lost",
                                  "4.1.4",
                                  "3.3.2",
                                  "1.5.0",
                                  kSystemId,
                                  "7000000000000000009",
                                  "postgres://n2.example:5432/postgres",
                                  "http://n3.example:8008/patroni",
                                  "on"});
  }
  void change(bool& v) { v = !v; }
  void change(std::string& v) { v = word(); }
  void change(int& v) { v = dice_.of({0, 1, 2, 3, 7, 90624, 150002, 150004, 180000}); }
  void change(unsigned& v) { v = static_cast<unsigned>(dice_.below(1000)); }
  void change(std::int64_t& v) { v = dice_.of<std::int64_t>({0, 1, 2, 5, 1'048'576}); }
  void change(std::uint64_t& v) { v = static_cast<std::uint64_t>(dice_.below(9)); }
  void change(Lsn& v) { v = dice_.coin() ? dice_.lsn() : Lsn{}; }
  void change(Timeline& v) { v = dice_.timeline(); }
  void change(dcs::Version& v) { v = dice_.of<dcs::Version>({{}, dcs::Version("0"), dcs::Version("6f")}); }
  void change(Duration& v) { v = dice_.of<Duration>({0s, 1s, 5s, 10s, 30s, 400s}); }
  void change(Instant& v) {
    v = dice_.once_in(4) ? Instant{} : now_ + std::chrono::seconds(dice_.below(800) - 400);
  }
  void change(WallTime& v) { v += std::chrono::seconds(dice_.below(120) - 60); }
  void change(Document& v) {
    if (!v.is_map() || dice_.once_in(3)) v = Document::map();
    const auto key =
        dice_.of<const char*>({"nofailover", "nostream", "clonefrom", "replicatefrom", "failover_priority",
                               "slots", "permanent_slots", "ignore_slots", "role"});
    v.set(key, dice_.of<Document>(
                   {Document(true), Document(false), Document("n2"), Document(0), Document::map()}));
  }

  Dice& dice_;
  Instant now_;
  int one_in_;
};

}  // namespace

/// A standby that follows, and lacks a slot of the primary: rare among views where everything is drawn.
View standby_without_a_slot(Dice& dice) {
  ViewBuilder b;
  b.as_replica();
  b.settings.dynamic.permanent_slots.push_back({.name = "feed", .database = "app", .plugin = "pgoutput"});
  b.cluster.status.slots["feed"] = dice.lsn();
  b.settings.dynamic.pause = dice.once_in(4);
  b.view.store.ok = !dice.once_in(4);
  if (dice.once_in(3))
    b.view.memory.slots.copied["feed"] = {.last = b.view.now - 90s, .count = 1 + dice.below(3)};
  if (dice.once_in(4)) b.operation(dice.any<OperationKind>(), dice.any<Phase>(), dice.any<Cancel>());
  return b.build();
}

View random_view(std::mt19937_64& random) {
  Dice dice(random);
  if (dice.once_in(100)) return standby_without_a_slot(dice);
  ViewBuilder b;
  if (dice.coin()) {
    b.as_leader();
  } else {
    b.as_replica();
  }
  fill_settings(dice, b.settings);
  fill_cluster(dice, b.cluster);
  fill_cluster(dice, b.last);
  fill_postgres(dice, b.view, b.view.postgres);
  fill_memory(dice, b.view, b.view.memory);
  b.view.lock = dice.any<Lock>();
  // The lock is what the view of the store says; a free lock has no leader.
  if (b.view.lock == Lock::free) b.cluster.leader.reset();
  if (b.view.lock == Lock::mine || b.view.lock == Lock::foreign_session)
    b.cluster.leader = dcs::Leader{.name = "n1", .claim = "s", .version = dcs::Version("50")};
  if (b.view.lock == Lock::others)
    b.cluster.leader =
        dcs::Leader{.name = dice.of<std::string>({"n2", "n4"}), .claim = "s", .version = dcs::Version("50")};
  b.view.store.ok = !dice.once_in(4);
  b.view.store.lock_unknown = dice.once_in(10);
  b.lease_for(std::chrono::seconds(dice.below(31)));
  if (dice.once_in(3)) b.no_lease();
  b.view.fence = {.usable = !dice.once_in(5), .armed = dice.coin()};
  b.view.commands.shutdown = dice.once_in(10);
  b.view.commands.hurry = b.view.commands.shutdown && dice.coin();
  if (dice.once_in(3)) {
    b.operation(dice.any<OperationKind>(), dice.any<Phase>(), dice.any<Cancel>());
    b.view.operation->awaits_verdict = dice.once_in(3);
    if (dice.once_in(3)) b.view.operation->order = 1;
    b.view.operation->released = dice.once_in(5);
    b.view.operation->checkpoint_lsn = dice.lsn();
  }
  if (dice.coin()) {
    b.ended(dice.any<OperationKind>(), dice.coin() ? Ending::done : dice.any<Ending>(), "died");
    if (dice.once_in(3)) b.view.last_operation->order = 1;
    b.view.last_operation->ended = b.view.now - std::chrono::seconds(dice.below(20));
    if (dice.coin()) b.view.memory.results_seen = b.view.last_operation->serial;
  }
  if (dice.coin()) {
    for (const char* name : {"n2", "n3", "n4"}) {
      if (dice.once_in(5)) continue;
      b.peer(name, dice.lsn(), dice.timeline());
      auto& answer = b.view.answers.peers->at(name);
      answer.reachable = dice.coin();
      answer.primary = dice.once_in(6);
      answer.nofailover = dice.once_in(6);
      answer.diverged = dice.once_in(6);
      answer.branch = dice.of<std::string>({"", "red", "blue"});
      answer.watchdog_failed = dice.once_in(6);
      answer.failover_priority = dice.below(3);
      answer.zone = dice.of<std::string>({"", "a", "b"});
    }
  }
  if (dice.coin()) b.divergence(dice.any<postgres::Divergence>());
  if (dice.coin())
    b.view.answers.source = {.member = dice.name(),
                             .system_identifier = dice.of<std::string>({"", kSystemId, kSystemId, "7"}),
                             .detail = "no route to host",
                             .asked_at = b.view.now - std::chrono::seconds(dice.below(20))};
  if (dice.coin()) b.cluster.read_at = b.view.now - 1s;
  // Nobody has data, by chance alone, in too few of them.
  if (dice.once_in(50)) {
    b.view.postgres.facts.data_directory = postgres::DataDirectory::empty;
    b.view.postgres.facts.process = postgres::Process::none;
    b.view.lock = Lock::free;
    b.cluster.leader.reset();
    b.last.leader.reset();
    if (dice.coin()) b.cluster.initialize = {};
  }
  // Chance alone hardly ever brings together what a rewind needs.
  if (dice.once_in(10)) {
    b.settings.postgresql.use_pg_rewind = true;
    b.view.memory.rejoin.rewind = RewindState::need;
    if (b.view.postgres.facts.control) b.view.postgres.facts.control->data_checksums = true;
    for (auto& [name, m] : b.cluster.members)
      m.role = b.cluster.leader && b.cluster.leader->name == name ? "primary" : "replica";
  }
  // Nor the same ground of a race twice.
  if (b.view.memory.race.acquiring && dice.coin())
    b.view.memory.race.acquired_on = policy::race_ground(b.build());
  View view = b.build();
  if (dice.once_in(20)) view.store.last_with_leader = nullptr;
  if (dice.once_in(20)) {
    view.store = {};
    view.lock = Lock::free;
  }
  fill_commands(dice, view.commands, view.wall_now, view.now);
  return view;
}

View varied_view(std::mt19937_64& random) {
  Dice dice(random);
  View view = random_view(random);
  // A few changes leave a view in which much still happens, many leave none of its fields alone.
  Varying vary(dice, view.now, dice.of({3, 10, 40}));
  vary(view);
  // A store that answers has a cluster.
  if (!view.store.cluster) {
    view.store.ok = false;
    view.lock = Lock::free;
  }
  return view;
}

}  // namespace tanist::ha::testing
