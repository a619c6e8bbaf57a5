#include "member.h"

#include "api/member_status.h"
#include "api/status_document.h"
#include "config/modes.h"
#include "config/sections/slots.h"
#include "config/zones.h"
#include "core/format.h"

namespace tanist::sim {

using namespace std::chrono_literals;

namespace {

/// A daemon that comes back is given so long to find its PostgreSQL and end it, whatever its disk does; one
/// that was only stopped has its alarms.
constexpr Duration kFoundGrace = 2500ms;
constexpr Duration kWakeGrace = 500ms;
/// What is not written to the disk by then, the file system writes by itself.
constexpr Duration kWriteBack = 5s;

/// What a race is decided on, for the readable log.
std::string heard(const ha::View& view) {
  if (!view.answers.peers || !view.store.cluster) return {};
  std::string text;
  for (const auto& [name, answer] : *view.answers.peers)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                        answer.primary    ? "is a primary"
                        : answer.starting ? "starts"
                        : answer.reachable
                            ? fmt::format("at {}/{}{}", answer.timeline.value, answer.position.value,
                                          answer.diverged ? " diverged" : "")
                            : "does not answer");
  const auto& cluster = view.cluster();
  return fmt::format(" (/status {}, newest timeline of /history {}; {})", cluster.status.optime.value,
                     cluster.history.cluster_timeline().value, text);
}

}  // namespace

std::string address_of(Endpoint host) {
  return fmt::format("10.0.0.{}", host);
}

Document Options::dynamic() const {
  Document postgresql =
      Document::map({{"use_pg_rewind", use_pg_rewind},
                     {"custom_bootstrap", custom_bootstrap},
                     {"use_slots", true},
                     {"remove_data_directory_on_rewind_failure", remove_on_divergence},
                     {"remove_data_directory_on_diverged_timelines", remove_on_divergence}});
  Document dynamic = Document::map({{"ttl", seconds(ttl)},
                                    {"loop_wait", seconds(loop_wait)},
                                    {"retry_timeout", seconds(retry_timeout)},
                                    {"maximum_lag_on_failover", maximum_lag_on_failover},
                                    {"primary_start_timeout", seconds(primary_start_timeout)},
                                    {"primary_race_backoff", seconds(primary_race_backoff)},
                                    {"check_timeline", check_timeline},
                                    {"postgresql", std::move(postgresql)}});
  if (failsafe) dynamic.set("failsafe_mode", true);
  if (!follows.empty()) dynamic.set("standby_cluster", Document::map({{"host", follows}}));
  using SyncMode = config::Dynamic::SyncMode;
  if (synchronous == SyncMode::on) dynamic.set("synchronous_mode", true);
  if (synchronous == SyncMode::quorum) dynamic.set("synchronous_mode", "quorum");
  if (synchronous_strict) dynamic.set("synchronous_mode_strict", true);
  if (synchronous_node_count != 1) dynamic.set("synchronous_node_count", synchronous_node_count);
  if (zones.min_other_zones > 0) {
    Document asked = Document::map({{"min_other_zones", zones.min_other_zones}});
    if (zones.prefer_same) asked.set("prefer", "same");
    if (!zones.prefer.empty()) {
      Document& list = asked.set("prefer", Document::list());
      for (const auto& zone : zones.prefer) list.push_back(zone);
    }
    dynamic.set("synchronous_zones", std::move(asked));
  }
  return dynamic;
}

config::SettingsPtr make_settings(const std::string& name, Endpoint host, const Document& dynamic,
                                  const config::Tags& tags, bool delayed) {
  auto s = std::make_shared<config::Settings>();
  s->scope = "sim";
  s->name = name;
  s->restapi.listen = s->restapi.connect_address = {address_of(host), 8008};
  auto& pg = s->postgresql;
  pg.connect_address = {address_of(host), 5432};
  pg.data_dir = "/data";
  pg.accounts.superuser.username = "postgres";
  pg.accounts.replication.username = "replicator";
  pg.copying.create_replica_methods = {"basebackup"};
  s->bootstrap.present = true;
  s->tags = tags;
  s->postgresql.replays_late = delayed;
  s->state_dir = "/data.tanist";
  const auto duration = [&](std::string_view key, Duration fallback) {
    const Document* value = dynamic.find(key);
    if (value && value->is_double()) return from_seconds(value->as_double());
    return value && value->is_int() ? Duration(std::chrono::seconds(value->as_int())) : fallback;
  };
  const auto flag = [&](std::string_view path, bool fallback) {
    const Document* value = dynamic.find_path(path);
    return value ? value->truthy() : fallback;
  };
  auto& d = s->dynamic;
  d.timing.ttl = duration("ttl", 30s);
  d.timing.loop_wait = duration("loop_wait", 10s);
  d.timing.retry_timeout = duration("retry_timeout", 10s);
  d.primary_start_timeout = duration("primary_start_timeout", 300s);
  if (const Document* lag = dynamic.find("maximum_lag_on_failover"); lag && lag->is_int())
    d.maximum_lag_on_failover = lag->as_int();
  d.primary_race_backoff = duration("primary_race_backoff", 0s);
  const config::Modes modes = config::modes_of(dynamic);
  d.pause = modes.pause;
  d.failsafe_mode = modes.failsafe;
  d.standby_cluster = modes.standby_cluster;
  if (const Document* host = dynamic.find_path("standby_cluster.host")) d.remote.host = host->text();
  d.synchronous_mode = modes.synchronous;
  d.synchronous_mode_strict = modes.synchronous_strict;
  const Document* nodes = dynamic.find("synchronous_node_count");
  d.synchronous_node_count = nodes && nodes->is_int() ? static_cast<int>(nodes->as_int()) : 1;
  d.zones = config::zones_of(dynamic);
  d.permanent_slots = config::permanent_slots(dynamic, modes.standby_cluster);
  d.ignored_slots = config::ignored_slots(dynamic);
  d.check_timeline = flag("check_timeline", false);
  pg.use_pg_rewind = flag("postgresql.use_pg_rewind", false);
  pg.use_slots = flag("postgresql.use_slots", true);
  pg.remove_data_directory_on_rewind_failure =
      flag("postgresql.remove_data_directory_on_rewind_failure", false);
  pg.remove_data_directory_on_diverged_timelines =
      flag("postgresql.remove_data_directory_on_diverged_timelines", false);
  d.raw = dynamic;
  s->bootstrap.dcs = dynamic;
  if (flag("postgresql.custom_bootstrap", false))
    s->bootstrap.custom = config::CustomBootstrap{.name = "restore", .command = "/restore"};
  return s;
}

/// One incarnation. The order of the members is the order of construction; the process, whose coroutines
/// refer to all the others, is killed before any of them goes.
struct Member::Daemon {
  Daemon(Member& m, const config::SettingsPtr& settings, ha::SettingsBuilder builder,
         ha::EngineObserver observer)
      : process(std::make_shared<Process>(m.world_, m.clock_, m.name_)),
        store(*process, m.host_, m.store_, m.store_faults_),
        server(*process, m.postgres_, m.directory_, m.disk_.files, m.start_timing_),
        peers(*process, m.host_, m.peers_),
        fence(*process, m.guardian_),
        disk(*process, m.disk_, m.start_timing_),
        dice(m.dice_.fork()),
        scope(process->executor()),
        engine(
            process->executor(),
            ha::Ports{*process, store, server, peers,
                      m.options_.guardian ? static_cast<ha::Fence&>(fence) : no_fence, disk, dice, journal},
            settings, std::move(builder), board, std::move(observer)) {}

  std::shared_ptr<Process> process;
  SimStore store;
  SimServer server;
  SimPeers peers;
  SimFence fence;
  ha::NoFence no_fence;
  SimDisk disk;
  SimDice dice;
  SimJournal journal;
  ha::SnapshotBoard board;
  TaskScope scope;
  ha::Engine engine;
  bool serving = false;
  std::string last_decision;
};

Member::Member(World& world, Wal& wal, StoreServer& store, Endpoint host, std::string name,
               const Options& options, HostClock clock, PostgresDirectory postgres, PeerDirectory peers,
               MemberObserver& observer)
    : world_(world),
      store_(store),
      host_(host),
      name_(std::move(name)),
      options_(options),
      clock_(clock),
      directory_(std::move(postgres)),
      peers_(std::move(peers)),
      observer_(observer),
      postgres_(world, wal, host, name_, directory_),
      guardian_(world, postgres_, clock),
      dice_(world.dice().fork()) {
  guardian_.present = options.guardian;
  postgres_.restarts_to_follow = options.restarts_to_follow;
  postgres_.timing.slow_promotions = options.slow_promotions;
  if (auto found = options.tags.find(host); found != options.tags.end()) tags_ = found->second;
  disk_.boot_id = fmt::format("boot of host {}", host);
}

Member::~Member() {
  destroy();
}

void Member::destroy() {
  if (!daemon_) return;
  daemon_->process->kill();
  auto process = daemon_->process;
  daemon_.reset();
}

void Member::start() {
  if (daemon_) return;
  ++incarnations_;
  exit_code_.reset();
  answerable_from_ = world_.now() + kFoundGrace;
  world_.note(name_, "daemon starts");
  ha::EngineObserver observer;
  observer.decided = [this](const ha::View& view, const ha::Decision& decision) {
    std::string text =
        fmt::format("decides {} -> {}", ha::code_name(decision.reason.code), ha::name_of(decision.intent));
    world_.mix(name_, text);
    text += heard(view);
    if (text != daemon_->last_decision) {
      world_.remark(name_, text);
      daemon_->last_decision = std::move(text);
    }
    observer_.decided(host_, view, decision);
  };
  observer.before_first_cycle = [this] { return first_cycle(); };
  const bool delayed = options_.delayed.contains(host_);
  ha::SettingsBuilder builder =
      [name = name_, host = host_, tags = tags_,
       delayed](const Document& dynamic) -> std::expected<config::SettingsPtr, std::string> {
    return make_settings(name, host, dynamic, tags, delayed);
  };
  daemon_ = std::make_unique<Daemon>(*this, make_settings(name_, host_, options_.dynamic(), tags_, delayed),
                                     std::move(builder), std::move(observer));
  daemon_->peers.on_ask = [this](Endpoint peer) { observer_.asks(host_, peer); };
  daemon_->server.on_removal = [this](const std::string& why, bool renamed) {
    observer_.removal(host_, why, renamed);
  };
  daemon_->server.on_stop = [this] { observer_.stopping(host_); };
  daemon_->server.on_start = [this](const postgres::StartRequest& request) {
    observer_.starting(host_, request);
  };
  daemon_->scope.spawn("engine", run());
}

/// The REST API starts on a thread of its own.
Task<bool> Member::first_cycle() {
  co_await daemon_->process->sleep_for(start_timing_.rest);
  if (start_timing_.rest_fails) co_return false;
  daemon_->server.start_is_over();
  daemon_->disk.start_is_over();
  daemon_->serving = true;
  co_return true;
}

Task<void> Member::run() {
  const int code = co_await daemon_->engine.run();
  world_.note(name_, fmt::format("daemon ends with code {}", code));
  exit_code_ = code;
  // Nothing of a process can destroy it from within.
  std::weak_ptr<Process> me = daemon_->process;
  world_.after(0s, [this, me] {
    if (!daemon_ || me.lock() != daemon_->process) return;
    destroy();
    observer_.ended(host_, *exit_code_);
  });
}

void Member::crash() {
  if (!daemon_) return;
  world_.note(name_, "daemon killed");
  destroy();
}

void Member::lose_power() {
  world_.note(name_, "power lost");
  destroy();
  guardian_.disarm();
  postgres_.vanish();
  disk_.boot_id = fmt::format("boot {} of host {}", ++boots_, host_);
  forget_removals();
}

void Member::forget_removals() {
  for (auto& [path, removed] : disk_.removed)
    if (world_.now() - removed.first < kWriteBack && dice_.chance(0.5))
      disk_.files.try_emplace(path, std::move(removed.second));
  disk_.removed.clear();
}

void Member::sigterm(bool hurry) {
  if (!daemon_) return;
  world_.note(name_, "SIGTERM");
  daemon_->engine.shutdown(hurry);
}

template <class Order>
void Member::order(Order order, std::function<void(typename Order::Answer)> answered) {
  if (!daemon_ || !daemon_->serving || exit_code_) return;
  world_.note(name_, fmt::format("order: {}", Order::kName));
  if constexpr (!std::is_same_v<Order, ha::order::Restart>)
    answered = observer_.ordered(host_, order, std::move(answered));
  daemon_->process->post([this, order = std::move(order), answered = std::move(answered)]() mutable {
    if (daemon_ && !exit_code_) daemon_->scope.spawn("order", obey(std::move(order), std::move(answered)));
  });
}

template <class Order>
Task<void> Member::obey(Order order, std::function<void(typename Order::Answer)> answered) {
  auto answer = co_await daemon_->engine.obey(std::move(order));
  if (answered) answered(std::move(answer));
}

template void Member::order(ha::order::Restart, std::function<void(ha::order::Restart::Answer)>);
template void Member::order(ha::order::Reinitialize, std::function<void(ha::order::Reinitialize::Answer)>);
template void Member::order(ha::order::ScheduleRestart,
                            std::function<void(ha::order::ScheduleRestart::Answer)>);
template void Member::order(ha::order::DropScheduledRestart,
                            std::function<void(ha::order::DropScheduledRestart::Answer)>);

void Member::sigstop() {
  if (!daemon_ || paused()) return;
  world_.note(name_, "daemon stopped (SIGSTOP)");
  daemon_->process->stop();
}

void Member::sigcont() {
  if (!daemon_ || !paused()) return;
  world_.note(name_, "daemon continued (SIGCONT)");
  daemon_->process->cont();
  answerable_from_ = std::max(answerable_from_, world_.now() + kWakeGrace);
}

bool Member::serving() const {
  return daemon_ && daemon_->serving && !exit_code_ && !paused();
}

bool Member::paused() const {
  return daemon_ && daemon_->process->stopped();
}

WallTime Member::wall_now() const {
  return daemon_->process->wall_now();
}

ha::SnapshotPtr Member::snapshot() const {
  return daemon_ ? daemon_->board.get() : nullptr;
}

void Member::serve(std::function<void(ha::PeerAnswer)> reply) {
  if (!daemon_ || !daemon_->serving || exit_code_) return;
  auto process = daemon_->process;
  process->post([this, reply = std::move(reply)] {
    if (daemon_ && !exit_code_) daemon_->scope.spawn("GET /patroni", answer(reply));
  });
}

void Member::serve(ha::FailsafeQuestion question, std::function<void(ha::FailsafeReply)> reply) {
  if (!daemon_ || !daemon_->serving || exit_code_) return;
  daemon_->process->post([this, question = std::move(question), reply = std::move(reply)]() mutable {
    if (daemon_ && !exit_code_)
      daemon_->scope.spawn("POST /failsafe", promise(std::move(question), std::move(reply)));
  });
}

Task<void> Member::promise(ha::FailsafeQuestion question, std::function<void(ha::FailsafeReply)> reply) {
  ha::order::Promise asked{std::move(question)};
  const auto answer = co_await daemon_->engine.obey(std::move(asked));
  const bool given = answer.outcome == ha::order::Promise::Answer::Outcome::given;
  reply({.accepted = given, .why = given ? "" : answer.why.empty() ? "mode is off" : answer.why});
}

/// As the REST API does: what is known is refreshed when it is old, then told from the snapshot.
Task<void> Member::answer(std::function<void(ha::PeerAnswer)> reply) {
  const ha::order::Refresh look{.max_age = 100ms, .deadline = daemon_->process->now() + 1s};
  (void)co_await daemon_->engine.obey(look);
  const auto snapshot = daemon_->board.get();
  ha::PeerAnswer answer;
  if (snapshot) {
    const api::MemberStatus seen = api::member_status(*snapshot, daemon_->process->now());
    answer.starting = seen.probe == nullptr;
    if (seen.probe != nullptr) {
      answer.reachable = true;
      answer.primary = !seen.probe->in_recovery || seen.role == "primary";
      answer.timeline = seen.probe->effective_timeline;
      const auto& history = snapshot->facts.history;
      if (history && history->timeline == answer.timeline) answer.way = history->lines;
      if (!answer.primary) answer.position = std::max(seen.probe->receive, seen.probe->replay);
      if (!answer.primary) answer.replayed = seen.probe->replay;
    }
    if (seen.probe != nullptr) answer.logical_slots = api::logical_slots_told(*snapshot);
    answer.diverged = snapshot->diverged;
    if (seen.probe != nullptr) answer.branch = snapshot->branch;
    answer.in_failsafe = seen.failsafe;
    answer.delayed = snapshot->delayed;
    answer.nofailover = snapshot->settings->tags.nofailover;
    answer.failover_priority = snapshot->settings->tags.failover_priority;
    answer.zone = snapshot->settings->tags.zone;
  }
  reply(std::move(answer));
}

}  // namespace tanist::sim
