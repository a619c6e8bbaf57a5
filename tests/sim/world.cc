#include "world.h"

#include <algorithm>
#include <cstdio>

#include "core/format.h"
#include "process.h"

namespace tanist::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRecent = 4000;
/// Rounds in which processes may wake each other without time passing; more is a loop that never ends.
constexpr int kMaxRounds = 100000;

}  // namespace

Instant HostClock::at(Time world) const {
  const auto skew =
      static_cast<std::int64_t>(static_cast<__int128>(world.count()) * rate_error_ppb / 1'000'000'000);
  return Instant(base + world + Duration(skew));
}

Time HostClock::when(Instant local) const {
  const __int128 since = (local.time_since_epoch() - base).count();
  Time world(static_cast<std::int64_t>(since * 1'000'000'000 / (1'000'000'000 + rate_error_ppb)));
  while (at(world) < local) world += 1ns;
  return world;
}

World::World(std::uint64_t seed) : seed_(seed), dice_(seed) {}
World::~World() = default;

World::EventKey World::at(Time when, std::function<void()> what) {
  const EventKey key{std::max(when, now_), next_event_++};
  queue_.emplace(key, std::move(what));
  return key;
}

void World::detach(Process* process) {
  std::erase(processes_, process);
}

void World::settle() {
  for (int round = 0; round < kMaxRounds; ++round) {
    bool ran = false;
    for (std::size_t i = 0; i < processes_.size(); ++i) ran = processes_[i]->poll() || ran;
    if (!ran) return;
  }
  violated(Invariant::progress, "a process runs for ever without waiting");
}

bool World::step() {
  settle();
  if (!queue_.empty()) {
    auto node = queue_.extract(queue_.begin());
    now_ = node.key().first;
    node.mapped()();
    settle();
  }
  if (check_) check_();
  return !queue_.empty();
}

void World::run_until(Time until, const std::function<bool()>& done) {
  settle();
  while (violation_.empty() && !(done && done())) {
    if (queue_.empty() || queue_.begin()->first.first > until) {
      now_ = std::max(now_, until);
      return;
    }
    step();
  }
}

void World::partition(Endpoint a, Endpoint b, bool blocked) {
  link(a, b).blocked = blocked;
  link(b, a).blocked = blocked;
}

void World::heal_network() {
  for (auto& [ends, link] : links_) link = {};
}

bool World::send(Endpoint from, Endpoint to, std::function<void()> arrive, Duration extra) {
  const Link& way = link(from, to);
  Duration latency = dice_.between(100us, 2ms) + extra + way.hold;
  if (way.slow_fraction > 0 && dice_.chance(way.slow_fraction)) latency += dice_.between(0s, way.slow);
  if (way.blocked || (way.loss > 0 && dice_.chance(way.loss))) {
    ++messages_lost_;
    return false;
  }
  after(latency, [this, from, to, arrive = std::move(arrive)] {
    if (link(from, to).blocked) {
      ++messages_lost_;
      return;
    }
    arrive();
  });
  return true;
}

void World::mix_number(std::uint64_t value) {
  hash_ ^= value;
  hash_ *= 1099511628211ULL;
  hash_ ^= hash_ >> 29;
}

void World::keep(const std::string& who, const std::string& text) {
  std::string line = fmt::format("{:11.6f} {:<5} {}", seconds(now_), who, text);
  if (echo_) std::fprintf(stderr, "%s\n", line.c_str());
  recent_.push_back(std::move(line));
  if (recent_.size() > kRecent) recent_.pop_front();
}

void World::mix(const std::string& who, const std::string& text) {
  mix_number(static_cast<std::uint64_t>(now_.count()));
  for (const char c : who) mix_number(static_cast<unsigned char>(c));
  for (const char c : text) mix_number(static_cast<unsigned char>(c));
}

void World::note(const std::string& who, std::string text) {
  mix(who, text);
  keep(who, text);
}

void World::remark(const std::string& who, std::string text) {
  keep(who, text);
}

std::vector<std::string> World::recent(std::size_t count) const {
  const auto from =
      recent_.size() > count ? recent_.end() - static_cast<std::ptrdiff_t>(count) : recent_.begin();
  return {from, recent_.end()};
}

void World::violated(Invariant which, const std::string& what) {
  if (!violation_.empty()) return;
  violation_ = std::string(invariant_name(which)) + ": " + what;
  note("!!!", violation_);
}

}  // namespace tanist::sim
