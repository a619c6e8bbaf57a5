#include "ha/policy/leaderless.h"

#include "ha/policy/race.h"

namespace tanist::ha {

View leaderless(View view, const std::map<std::string, PeerAnswer>& answers) {
  if (!view.store.cluster) return view;
  const dcs::ClusterPtr known = view.store.cluster;
  const std::string led = known->leader_name();
  auto cluster = std::make_shared<dcs::Cluster>(*known);
  cluster->leader.reset();
  cluster->linearizable = true;
  view.store.ok = true;
  view.store.lock_unknown = false;
  view.store.cluster = cluster;
  if (!led.empty()) view.store.last_with_leader = known;
  view.lock = Lock::free;
  view.lease = Lease();
  view.operation.reset();
  view.commands = Commands();
  // The backoff of the race ends by itself.
  const auto not_before = view.memory.race.not_before;
  view.memory.race = Race();
  view.memory.race.not_before = not_before;
  view.memory.told = {};

  view.answers.asked_under = leadership_of(*cluster);
  auto& peers = view.answers.peers.emplace();
  for (const auto& [name, url] : policy::rivals(view)) {
    const auto found = answers.find(name);
    peers[name] = found != answers.end() && name != led ? found->second : PeerAnswer{.error = "no answer"};
  }
  return view;
}

}  // namespace tanist::ha
