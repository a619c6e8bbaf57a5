#include <algorithm>

#include "postgres.h"

/// Commits of the PostgreSQL model that wait for standbys.
namespace tanist::sim {

using namespace std::chrono_literals;
using postgres::StandbyNames;

void Postgres::take_names() {
  names_text_ = disk_.standby_names;
  names_ = postgres::parse_standby_names(names_text_).value_or(StandbyNames());
  if (names_.kind == StandbyNames::Kind::off) return;
  for (Postgres* replica : downstream_) replica->reply();
}

void Postgres::set_standby_names(std::string names) {
  disk_.standby_names = std::move(names);
  if (life_ == Life::down || life_ == Life::dying) return;
  later(dice_.between(1ms, 20ms), [this] {
    take_names();
    acknowledge_what_is_due();
    changed();
  });
}

/// Where nobody waits for it, it makes no difference when that is known.
Lsn Postgres::acknowledged_by(const Postgres& replica) const {
  if (names_.kind == StandbyNames::Kind::off) return replica.disk_.end.lsn;
  const auto known = acknowledged_by_.find(&replica);
  return known == acknowledged_by_.end() ? Lsn{} : known->second.lsn;
}

/// Those of the list that stream from here: in the order of priority only as many as are asked for.
std::vector<const Postgres*> Postgres::waited_for() const {
  std::vector<const Postgres*> out;
  for (const auto& name : in_text_order(names_.names))
    for (const Postgres* replica : downstream_)
      if (same_name(replica->name(), name)) out.push_back(replica);
  if (names_.kind == StandbyNames::Kind::priority && out.size() > static_cast<std::size_t>(names_.count))
    out.resize(static_cast<std::size_t>(names_.count));
  return out;
}

std::string Postgres::sync_state_of(const Postgres& replica) const {
  const auto listed = waited_for();
  if (std::ranges::find(listed, &replica) == listed.end())
    return names_.names.contains(replica.name()) ? "potential" : "async";
  return names_.kind == StandbyNames::Kind::quorum ? "quorum" : "sync";
}

/// What it has now, until that has arrived: TCP sends again what the network lost.
void Postgres::reply() {
  if (!connected_ || replies_ || upstream_->names_.kind == StandbyNames::Kind::off) return;
  replies_ = true;
  const std::uint64_t connection = connection_;
  const Position has = disk_.end;
  Postgres* upstream = upstream_;
  world_.send(host_, upstream_->host_, [this, upstream, connection, has] {
    if (connection != connection_ || !connected_) return;
    replies_ = false;
    upstream->later(0ms, [this, upstream, connection, has] {
      if (connection == connection_ && connected_) upstream->take_reply(this, has);
    });
    if (disk_.end != has) reply();
  });
  later(300ms, [this, connection] {
    if (connection != connection_ || !replies_) return;
    replies_ = false;
    reply();
  });
}

void Postgres::take_reply(Postgres* replica, Position has) {
  acknowledged_by_[replica] = has;
  acknowledge_what_is_due();
}

void Postgres::acknowledge_what_is_due() {
  if (!can_commit() || stopped_) return;
  const auto listed = waited_for();
  const auto due = [&](const Position& commit) {
    if (names_.kind == StandbyNames::Kind::off) return true;
    // Whoever is to release it, a process of the postmaster, is gone.
    if (life_ == Life::dying) return false;
    const auto have = std::ranges::count_if(listed, [&](const Postgres* replica) {
      const auto known = acknowledged_by_.find(replica);
      return known != acknowledged_by_.end() && wal_.contains(known->second, commit);
    });
    return have >= names_.count;
  };
  while (!waiting_.empty() && due(waiting_.front())) {
    acknowledge(waiting_.front());
    waiting_.erase(waiting_.begin());
  }
}

bool Postgres::has_acknowledged(const Postgres& replica, Position commit) const {
  const auto known = acknowledged_by_.find(&replica);
  return known != acknowledged_by_.end() && wal_.contains(known->second, commit);
}

void Postgres::acknowledge(Position commit) {
  const bool promised = promises && promises();
  wal_.acknowledge({.host = host_, .at = commit, .when = world_.now(), .promised = promised});
  if (acknowledging) acknowledging(commit, promised);
}

}  // namespace tanist::sim
