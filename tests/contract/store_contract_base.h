#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/wait.h"
#include "contract/store_fixture.h"

/// The fixture of the contract suite, and short words for what its tests do.
namespace tanist::contract {

using namespace std::chrono_literals;
using dcs::AcquireConditions;
using dcs::Always;
using dcs::ClusterPtr;
using dcs::ConfigRecord;
using dcs::FailoverRecord;
using dcs::IfAbsent;
using dcs::IfVersion;
using dcs::Outcome;
using dcs::Read;
using dcs::RenewOutcome;
using dcs::Status;
using dcs::Store;
using Acquired = dcs::Store::Acquired;
using dcs::SyncRecord;
using dcs::WriteResult;

inline constexpr Duration kBudget = 5s;
/// For calls that get no answer.
inline constexpr Duration kShortBudget = 400ms;

class StoreContract : public ::testing::TestWithParam<MakeFixture> {
 protected:
  void SetUp() override { world = GetParam()(); }
  void TearDown() override {
    for (auto& [key, store] : stores) world->run(store->close());
    stores.clear();
  }

  /// Opens a store for a member; `incarnation` tells several of one name apart.
  Store& open(const std::string& name, const std::string& incarnation = "first", dcs::Claim previous = {}) {
    dcs::Identity identity{name, incarnation, {}};
    if (!previous.empty()) identity.previous_claims.push_back(std::move(previous));
    auto& store = stores[name + "/" + incarnation];
    store = world->make(identity);
    world->run(store->open(identity));
    return *store;
  }
  void close(const std::string& name, const std::string& incarnation = "first") {
    auto node = stores.extract(name + "/" + incarnation);
    world->run(node.mapped()->close());
  }

  ClusterPtr read(Store& store, Read how = Read::linearizable) {
    auto view = world->get(store.load(how, world->in(kBudget)));
    if (!view) ADD_FAILURE() << view.error().detail;
    return view ? *view : std::make_shared<const dcs::Cluster>();
  }
  WriteResult write(Store& store, dcs::Record record, dcs::Condition condition = Always{},
                    Duration budget = kBudget) {
    return world->get(store.write(std::move(record), condition, world->in(budget)));
  }
  Acquired acquire(Store& store, AcquireConditions conditions = {}, Duration budget = kBudget,
                   std::optional<dcs::LedFrom> from = std::nullopt) {
    return world->get(store.acquire(conditions, from, world->in(budget)));
  }
  dcs::Renewal renew(Store& store, std::optional<Status> status = {}, Duration budget = kBudget) {
    return world->get(store.renew(std::move(status), world->in(budget)));
  }
  WriteResult release(Store& store, std::optional<Status> status = {}, Duration budget = kBudget) {
    return world->get(store.release(std::move(status), world->in(budget)));
  }
  WriteResult touch(Store& store, const std::string& state, Duration budget = kBudget) {
    return world->get(store.touch_member(Document::map({{"state", state}}), world->in(budget)));
  }

  /// Waits until the watched copy of `store` is as wanted.
  bool sees(Store& store, const std::function<bool(const dcs::Cluster&)>& wanted, Duration within = kBudget) {
    const Instant until = world->in(within);
    for (;;) {
      const ClusterPtr copy = store.watched();
      if (copy && wanted(*copy)) return true;
      if (world->clock().now() >= until) return false;
      world->pass(5ms);
    }
  }
  /// Longer than the lease of a member that does nothing any more.
  void pass_a_lease() { world->pass(world->ttl() + world->lease_slack()); }

  static bool has_claims(const Store& store) { return store.traits().claims; }
  static SyncRecord sync_of(const std::string& leader) { return {leader, {"b"}, 0}; }
  static Status status_at(std::uint64_t position) { return {Lsn{position}, {}, {}}; }

  std::unique_ptr<StoreFixture> world;
  std::map<std::string, std::unique_ptr<Store>> stores;
};

}  // namespace tanist::contract
