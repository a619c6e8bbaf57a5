#include "postgres.h"

#include <algorithm>

#include "core/format.h"

namespace tanist::sim {

using namespace std::chrono_literals;

namespace {
constexpr std::uint64_t kCheckpointRecord = 120;
}  // namespace

Postgres::Postgres(World& world, Wal& wal, Endpoint host, std::string name, PostgresDirectory directory)
    : world_(world),
      wal_(wal),
      host_(host),
      name_(std::move(name)),
      directory_(std::move(directory)),
      dice_(world.dice().fork()) {}

void Postgres::changed() {
  if (listener_) listener_();
}

/// Happens unless the postmaster of now, or its children, are gone by then; waits while its processes are
/// stopped.
void Postgres::later(Duration delay, std::function<void()> what) {
  world_.after(delay, [this, era = era_, what = std::move(what)] {
    if (era != era_) return;
    if (stopped_) {
      pending_.push_back([this, era, what] {
        if (era == era_) what();
      });
      return;
    }
    what();
  });
}

postgres::Process Postgres::process() const {
  if (life_ == Life::down) return postgres::Process::none;
  return life_ == Life::dying ? postgres::Process::orphans : postgres::Process::running;
}

postgres::Accepting Postgres::accepting() const {
  switch (life_) {
    case Life::down:
    case Life::dying: return postgres::Accepting::no_response;
    case Life::starting:
    case Life::stopping_fast:
    case Life::stopping_immediate: return postgres::Accepting::rejecting;
    case Life::up: return stopped_ ? postgres::Accepting::no_response : postgres::Accepting::accepting;
  }
  return postgres::Accepting::unknown;
}

bool Postgres::can_commit() const {
  return clients_ && !in_recovery_ && life_ != Life::down && life_ != Life::starting;
}

std::string Postgres::system_id() const {
  return disk_.data == Data::ok ? wal_.branch(disk_.end.branch).system_id : std::string();
}

Timeline Postgres::timeline() const {
  return disk_.data == Data::ok ? wal_.branch(disk_.end.branch).timeline : Timeline{};
}

/// As the leader's history file tells it: this server's end, on its timeline, is not beyond where the leader
/// left it. A position ahead of the leader's on the same branch is no divergence: the leader has just not got
/// there.
bool Postgres::ancestry_of(const Postgres& other) const {
  const Position shared = wal_.common(disk_.end, other.disk_.end);
  if (shared.branch < 0 || disk_.half_rewound) return false;
  if (shared.branch == disk_.end.branch && shared.branch == other.disk_.end.branch) return true;
  return shared.branch == disk_.end.branch && shared.lsn >= disk_.end.lsn;
}

bool Postgres::has_twin_in(const Postgres& other) const {
  return !disk_.half_rewound && wal_.has_twin(other.disk_.end.branch, disk_.end.branch);
}

void Postgres::initdb() {
  disk_ = {};
  disk_.data = Data::ok;
  disk_.end = {wal_.begin(fmt::format("7{:018}", dice_.below(1'000'000'000'000'000ULL))), Lsn{16'000'000}};
  disk_.checkpoint = disk_.end.lsn;
  disk_.checkpoint_timeline = timeline();
  disk_.bootstrap_attempt = true;
  changed();
}

bool Postgres::start(bool as_standby, std::optional<postgres::Upstream> upstream) {
  if (life_ != Life::down || disk_.data != Data::ok) return false;
  next_generation();
  postmaster_pid_ = static_cast<int>(1000 * host_ + static_cast<int>(generation_ % 1000));
  started_at_ = world_.now();
  life_ = Life::starting;
  stopped_ = false;
  pending_.clear();
  in_recovery_ = as_standby;
  clients_ = false;
  promoting_ = false;
  stall_checked_ = false;
  resend_waits_ = false;
  shutdown_checkpoint_written_ = false;
  waiting_.clear();
  take_names();
  disk_.standby_signal = as_standby;
  disk_.upstream = std::move(upstream);
  world_.note(name_, fmt::format("postgres: starting as {} at {}/{}", as_standby ? "standby" : "primary",
                                 timeline().value, disk_.end.lsn.value));
  const bool fails = failing_starts > 0 || disk_.half_rewound;
  if (failing_starts > 0) --failing_starts;
  if (fails) {
    later(timing.launch, [this] {
      world_.note(name_, "postgres: start failed");
      go_down(disk_.control_state);
    });
    changed();
    return true;
  }
  const bool crashed = disk_.control_state == "in production" ||
                       disk_.control_state == "in archive recovery" ||
                       disk_.control_state == "shutting down" || disk_.control_state == "in crash recovery";
  const Duration recovery = crashed ? dice_.between(timing.crash_recovery_min, timing.crash_recovery_max)
                                    : dice_.between(5ms, 50ms);
  later(timing.launch + recovery, [this] { come_up(); });
  changed();
  return true;
}

void Postgres::next_generation() {
  ++generation_;
  ++era_;
  recovering_backends_ = false;
  promoting_ = false;
}

void Postgres::come_up() {
  if (life_ != Life::starting) return;
  recovering_backends_ = false;
  life_ = Life::up;
  clients_ = true;
  disk_.backup_label = false;
  disk_.control_state = in_recovery_ ? "in archive recovery" : "in production";
  world_.note(name_, in_recovery_ ? "postgres: accepts as standby" : "postgres: accepts as primary");
  if (in_recovery_) {
    later(dice_.between(1ms, 10ms), [this] { try_connect(); });
  } else {
    disk_.checkpoint = disk_.end.lsn;
    disk_.checkpoint_timeline = timeline();
    write_on();
  }
  changed();
}

void Postgres::crash_backends(Duration recovery) {
  if (life_ != Life::up || stopped_) return;
  world_.note(name_, "postgres: a backend was killed, all others are ended");
  disconnect();
  ++era_;
  waiting_.clear();
  recovering_backends_ = true;
  life_ = Life::starting;
  clients_ = false;
  // A promotion that was under way is forgotten: the trigger is used up, the standby a standby.
  promoting_ = false;
  stall_checked_ = false;
  resend_waits_ = false;
  if (!in_recovery_) disk_.control_state = "in crash recovery";
  for (auto& [name, slot] : disk_.slots) slot.active = false;
  drop_replicas(dice_.between(200us, 5ms));
  later(recovery, [this] { come_up(); });
  changed();
}

void Postgres::hurry_recovery() {
  if (!recovering_backends_ || life_ != Life::starting) return;
  ++era_;
  later(20ms, [this] { come_up(); });
}

std::optional<postgres::DataDirectory> Postgres::take_look() {
  if (!seen_as) return std::nullopt;
  const auto seen = seen_as;
  if (wrong_looks && --*wrong_looks <= 0) {
    seen_as.reset();
    wrong_looks.reset();
  }
  return seen;
}

void Postgres::go_down(std::string control_state) {
  disconnect();
  next_generation();
  life_ = Life::down;
  clients_ = false;
  waiting_.clear();
  stopped_ = false;
  pending_.clear();
  disk_.control_state = std::move(control_state);
  for (auto& [name, slot] : disk_.slots) slot.active = false;
  drop_replicas(dice_.between(200us, 5ms));
  changed();
}

void Postgres::stop(bool immediate) {
  if (life_ == Life::down || life_ == Life::dying) return;
  if (life_ == Life::stopping_immediate || (life_ == Life::stopping_fast && !immediate)) return;
  const auto begin = [this, immediate] {
    if (life_ == Life::down || life_ == Life::dying || life_ == Life::stopping_immediate) return;
    world_.note(name_, immediate ? "postgres: immediate stop" : "postgres: fast stop");
    const bool was_starting = life_ == Life::starting;
    const bool fast_already = life_ == Life::stopping_fast;
    life_ = immediate ? Life::stopping_immediate : Life::stopping_fast;
    if (immediate || was_starting) {
      // What was asked of the former stop does not happen any more; backends end where they next look at
      // signals.
      const std::string state =
          fast_already && shutdown_checkpoint_written_ ? "shut down" : disk_.control_state;
      world_.after(dice_.between(1ms, timing.stop_clients_max), [this, generation = generation_, state] {
        if (generation == generation_) {
          const auto down = [this, state] { go_down(state); };
          if (stopped_) {
            pending_.push_back(down);
          } else {
            down();
          }
        }
      });
    } else {
      later(dice_.between(1ms, timing.stop_clients_max), [this] {
        if (life_ != Life::stopping_fast) return;
        clients_ = false;
        waiting_.clear();
        if (!in_recovery_) disk_.control_state = "shutting down";
        changed();
        later(dice_.between(1ms, timing.checkpoint_max), [this] {
          if (life_ != Life::stopping_fast) return;
          if (in_recovery_) {
            world_.note(name_, "postgres: shut down in recovery");
            go_down("shut down in recovery");
            return;
          }
          disk_.checkpoint = disk_.end.lsn;
          disk_.checkpoint_timeline = timeline();
          disk_.end.lsn.value += kCheckpointRecord;
          disk_.control_state = "shut down";
          shutdown_checkpoint_written_ = true;
          pump_replicas();
          changed();
          finish_stop();
        });
      });
    }
    changed();
  };
  // A postmaster that goes on looks at the signal before it takes notice of a startup process that has ended
  // meanwhile: it lets nobody in any more.
  if (stopped_) {
    pending_.insert(pending_.begin(), begin);
  } else {
    begin();
  }
}

/// The postmaster ends once every connected replica has the shutdown checkpoint, or its sender's patience
/// ends.
void Postgres::finish_stop() {
  if (life_ != Life::stopping_fast) return;
  bool waiting = false;
  for (Postgres* replica : downstream_) {
    const bool has_all = wal_.contains(replica->disk_.end, disk_.end);
    const bool gone = replica->stalled_ && world_.now() - replica->stalled_since_ > timing.wal_sender_timeout;
    waiting = waiting || (!has_all && !gone);
  }
  if (waiting) {
    later(20ms, [this] { finish_stop(); });
    return;
  }
  later(dice_.between(2ms, 30ms), [this] {
    if (life_ != Life::stopping_fast) return;
    world_.note(name_, "postgres: shut down");
    go_down("shut down");
  });
}

void Postgres::kill_everything() {
  if (life_ == Life::down) return;
  // Reaches stopped processes too. What runs may finish a commit before the signal arrives.
  world_.after(dice_.between(100us, 5ms), [this, generation = generation_] {
    if (generation != generation_ || life_ == Life::down) return;
    world_.note(name_, "postgres: killed");
    go_down(shutdown_checkpoint_written_ ? "shut down" : disk_.control_state);
  });
}

void Postgres::crash_postmaster() {
  if (life_ == Life::down || life_ == Life::dying) return;
  world_.note(name_, "postgres: postmaster killed");
  disconnect();
  next_generation();
  life_ = Life::dying;
  stopped_ = false;
  pending_.clear();
  drop_replicas(dice_.between(1ms, 20ms));
  // Orphans go on until they next wait; idle ones notice at once.
  world_.after(dice_.between(1ms, dice_.chance(0.3) ? timing.orphans_max : 30ms),
               [this, generation = generation_] {
                 if (generation == generation_)
                   go_down(shutdown_checkpoint_written_ ? "shut down" : disk_.control_state);
               });
  if (can_commit()) write_on();
  changed();
}

void Postgres::vanish() {
  if (life_ != Life::down) go_down(shutdown_checkpoint_written_ ? "shut down" : disk_.control_state);
}

void Postgres::freeze(bool on) {
  if (on == stopped_ || (on && (life_ == Life::down || life_ == Life::dying))) return;
  stopped_ = on;
  if (!on) {
    auto pending = std::move(pending_);
    pending_.clear();
    for (auto& what : pending) what();
    pump();
    pump_replicas();
  }
  changed();
}

void Postgres::write(std::uint64_t bytes) {
  if (!can_commit() || stopped_) return;
  disk_.end.lsn.value += bytes;
  waiting_.push_back(disk_.end);
  acknowledge_what_is_due();
  if (life_ != Life::dying) pump_replicas();
}

void Postgres::write_on() {
  later(dice_.between(1ms, 2 * timing.write_every), [this] {
    if (!can_commit()) return;
    write(50 + dice_.below(timing.largest_write));
    write_on();
  });
}

bool Postgres::promote() {
  if (life_ != Life::up || !in_recovery_) return false;
  // It has been told already, and may take its time: to be told once more changes nothing.
  if (promoting_) return true;
  const bool fails = failing_promotions > 0;
  if (fails) --failing_promotions;
  if (fails && dice_.chance(0.5)) return false;
  promoting_ = true;
  world_.note(name_, "postgres: promote requested");
  // Once it is taken up it streams no more, and nothing but its end takes it back.
  later(dice_.between(1ms, 5ms), [this] {
    if (!promoting_ || !connected_) return;
    disconnect();
    changed();
  });
  const Duration whole = timing.slow_promotions > 0 && dice_.chance(timing.slow_promotions)
                             ? dice_.between(timing.promote_max, timing.slow_promotion_max)
                             : dice_.between(10ms, timing.promote_max);
  later(whole, [this, fails] { end_promotion(!fails); });
  return true;
}

void Postgres::end_promotion(bool well) {
  promoting_ = false;
  if (life_ != Life::up || !in_recovery_) return;
  if (!well) {
    world_.note(name_, "postgres: the promotion failed, the server ends");
    go_down(disk_.control_state);
    return;
  }
  disconnect();
  disk_.end = {wal_.fork(disk_.end), disk_.end.lsn};
  disk_.end.lsn.value += kCheckpointRecord;
  disk_.standby_signal = false;
  disk_.upstream.reset();
  disk_.control_state = "in production";
  in_recovery_ = false;
  world_.note(name_, fmt::format("postgres: promoted, timeline {} from {}", timeline().value,
                                 wal_.branch(disk_.end.branch).start.value));
  if (promoted) promoted();
  write_on();
  pump_replicas();
  changed();
}

void Postgres::checkpoint_done() {
  disk_.checkpoint = disk_.end.lsn;
  disk_.checkpoint_timeline = timeline();
  changed();
}

void Postgres::recover_alone() {
  disk_.control_state = "shut down";
  disk_.end.lsn.value += kCheckpointRecord;
  disk_.checkpoint = disk_.end.lsn;
  disk_.checkpoint_timeline = timeline();
  disk_.standby_signal = false;
  changed();
}

void Postgres::begin_copy() {
  disk_ = {};
  disk_.data = Data::partial;
  changed();
}

void Postgres::finish_copy(const Postgres& source) {
  disk_ = {};
  disk_.data = Data::ok;
  disk_.end = source.disk_.end;
  disk_.checkpoint = disk_.end.lsn;
  disk_.checkpoint_timeline = timeline();
  disk_.control_state = "in production";
  disk_.backup_label = true;
  changed();
}

void Postgres::begin_rewind() {
  disk_.half_rewound = true;
}

void Postgres::finish_rewind(const Postgres& source) {
  disk_.half_rewound = false;
  disk_.end = source.disk_.end;
  disk_.checkpoint = wal_.common(disk_.end, source.disk_.end).lsn;
  disk_.checkpoint_timeline = timeline();
  disk_.control_state = "in archive recovery";
  disk_.backup_label = true;
  changed();
}

void Postgres::remove() {
  if (life_ != Life::down)
    world_.violated(Invariant::no_data_destroyed,
                    name_ + ": a data directory was removed under a running PostgreSQL");
  disk_ = {};
  changed();
}

void Postgres::take_steps(const std::vector<postgres::SlotStep>& steps) {
  using Kind = postgres::SlotStep::Kind;
  for (const auto& step : steps) {
    const auto slot = disk_.slots.find(step.name);
    const bool there = slot != disk_.slots.end();
    if (step.kind == Kind::drop && there && !slot->second.active) disk_.slots.erase(slot);
    if (step.kind == Kind::create && !there && (!step.logical() || !in_recovery_))
      disk_.slots[step.name] = {
          .restart_lsn = disk_.end.lsn, .database = step.database, .plugin = step.plugin};
    if (step.kind == Kind::advance && there && !slot->second.active)
      slot->second.restart_lsn = std::max(slot->second.restart_lsn, std::min(step.to, disk_.end.lsn));
  }
}

}  // namespace tanist::sim
