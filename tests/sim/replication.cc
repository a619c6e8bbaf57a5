#include <algorithm>

#include "core/format.h"
#include "postgres.h"

/// Streaming replication of the PostgreSQL model: who is connected to whom, and how WAL travels.
namespace tanist::sim {

using namespace std::chrono_literals;

namespace {
constexpr Duration kStallCheck = 500ms;
}  // namespace

Postgres* server_at(const PostgresDirectory& directory, const std::string& hosts) {
  Postgres* first = nullptr;
  for (std::size_t begin = 0; begin <= hosts.size();) {
    const std::size_t end = std::min(hosts.find(',', begin), hosts.size());
    Postgres* server = directory(hosts.substr(begin, end - begin));
    if (server && server->answers() && !server->in_recovery()) return server;
    if (!first) first = server;
    begin = end + 1;
  }
  return first;
}

void Postgres::follow(std::optional<postgres::Upstream> upstream) {
  if (disk_.upstream == upstream && connected_) return;
  disk_.upstream = std::move(upstream);
  if (life_ != Life::up || !in_recovery_) return;
  disconnect();
  later(dice_.between(1ms, 10ms), [this] { try_connect(); });
  changed();
}

void Postgres::try_connect() {
  if (life_ != Life::up || !in_recovery_ || promoting_ || connected_ || !disk_.upstream) return;
  Postgres* source = server_at(directory_, disk_.upstream->host);
  const auto again = [this] {
    // One chain of attempts at a time: a new upstream begins its own.
    const std::uint64_t connection = ++connection_;
    later(dice_.between(timing.retrieve_retry / 2, timing.retrieve_retry), [this, connection] {
      if (connection == connection_) try_connect();
    });
  };
  if (!source || source == this || !world_.open(host_, source->host_) || !world_.open(source->host_, host_))
    return again();
  if (!source->answers() || source->system_id() != system_id()) return again();
  if (!wal_.contains(source->disk_.end, disk_.end)) return again();
  slot_ = disk_.upstream->slot;
  if (!slot_.empty()) {
    auto slot = source->disk_.slots.find(slot_);
    if (slot == source->disk_.slots.end() || slot->second.active) return again();
    slot->second.active = true;
  }
  upstream_ = source;
  connected_ = true;
  stalled_ = false;
  stall_checked_ = false;
  in_flight_ = false;
  ++connection_;
  source->downstream_.push_back(this);
  replies_ = false;
  reply();
  world_.note(name_, "postgres: streams from " + source->name_);
  changed();
  pump();
}

void Postgres::disconnect() {
  ++connection_;
  if (!connected_) return;
  connected_ = false;
  stalled_ = false;
  std::erase(upstream_->downstream_, this);
  upstream_->acknowledged_by_.erase(this);
  if (!slot_.empty()) {
    auto slot = upstream_->disk_.slots.find(slot_);
    if (slot != upstream_->disk_.slots.end()) {
      slot->second.active = false;
      slot->second.restart_lsn = std::max(slot->second.restart_lsn, disk_.end.lsn);
    }
  }
  // Who waits for it is told by the end of its walsender.
  if (upstream_->names_.kind != postgres::StandbyNames::Kind::off) upstream_->changed();
  upstream_ = nullptr;
}

/// The upstream is gone: its replicas see the end of the stream a little later, and look for it again.
void Postgres::drop_replicas(Duration notice) {
  for (Postgres* replica : std::vector<Postgres*>(downstream_)) {
    replica->disconnect();
    replica->later(notice, [replica] {
      replica->changed();
      replica->try_connect();
    });
  }
}

void Postgres::pump_replicas() {
  for (Postgres* replica : std::vector<Postgres*>(downstream_)) replica->pump();
}

void Postgres::pump() {
  if (!connected_ || in_flight_ || stopped_ || upstream_->stopped_) return;
  if (!world_.open(host_, upstream_->host_) || !world_.open(upstream_->host_, host_)) {
    if (!stalled_) {
      stalled_ = true;
      stalled_since_ = world_.now();
    }
    if (world_.now() - stalled_since_ > timing.wal_sender_timeout) {
      disconnect();
      changed();
      try_connect();
      return;
    }
    if (stall_checked_) return;
    stall_checked_ = true;
    later(kStallCheck, [this] {
      stall_checked_ = false;
      pump();
    });
    return;
  }
  stalled_ = false;
  if (upstream_->disk_.end == disk_.end) return;
  const Position sent = upstream_->disk_.end;
  const std::uint64_t connection = connection_;
  in_flight_ = true;
  const bool on_the_way = world_.send(upstream_->host_, host_, [this, sent, connection] {
    if (connection != connection_) return;
    in_flight_ = false;
    if (life_ != Life::up && life_ != Life::stopping_fast) return;
    if (wal_.contains(sent, disk_.end)) disk_.end = sent;
    reply();
    pump_replicas();
    pump();
  });
  if (on_the_way) {
    // TCP sends again what the network lost on arrival.
    later(300ms, [this, connection] {
      if (connection != connection_ || !in_flight_) return;
      in_flight_ = false;
      pump();
    });
    return;
  }
  in_flight_ = false;
  if (resend_waits_) return;
  resend_waits_ = true;
  later(dice_.between(20ms, 200ms), [this] {
    resend_waits_ = false;
    pump();
  });
}

}  // namespace tanist::sim
