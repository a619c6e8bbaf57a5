#include "contract/store_contract.h"
#include "store.h"

/// The model of the store keeps the promises of every store.
namespace tanist::sim {
namespace {

using namespace std::chrono_literals;
using contract::Loss;

constexpr std::array kWrites = {"acquire", "renew", "release", "write",
                                "member",  "begin", "finish",  "cancel"};

class SimFixture final : public contract::StoreFixture {
 public:
  explicit SimFixture(const StoreModel& model) : model_(model) {}
  ~SimFixture() override { runner_->kill(); }

  void run(Task<void> task) override {
    bool done = false;
    std::exception_ptr failure;
    runner_scope_.spawn("test", guarded(std::move(task), done, failure));
    world_.settle();
    while (!done && world_.step()) {
    }
    if (!done) throw std::logic_error("the task waits for something that nothing will bring");
    if (failure) std::rethrow_exception(failure);
  }
  Clock& clock() override { return *runner_; }

  std::unique_ptr<dcs::Store> make(const dcs::Identity& identity) override {
    Link& link = link_of(identity.name);
    auto store = std::make_unique<SimStore>(*runner_, link.host, server_, link.faults);
    store->set_timing({.ttl = ttl()});
    link.stores.push_back(store.get());
    return store;
  }
  Duration ttl() const override { return 2s; }
  Duration lease_slack() const override { return 100ms; }
  void hold_watch(const std::string& member, bool held) override {
    link_of(member).faults.watch_lag = held ? 1s : 0s;
  }

  void cut(const std::string& member) override { world_.partition(link_of(member).host, kStore, true); }
  void heal(const std::string& member) override { world_.partition(link_of(member).host, kStore, false); }
  void lose(const std::string& member, Loss loss, int count) override {
    auto& faults = link_of(member).faults;
    faults.lose_request.clear();
    faults.lose_reply.clear();
    if (loss == Loss::none) return;
    auto& counts = loss == Loss::before_effect ? faults.lose_request : faults.lose_reply;
    for (const char* what : kWrites) counts[what] = count > 0 ? count : 1'000'000;
  }
  void lead_elsewhere(const std::string& member, bool elsewhere) override {
    link_of(member).faults.elsewhere = elsewhere ? &other_ : nullptr;
  }
  void break_watch(const std::string& member) override {
    for (SimStore* store : link_of(member).stores) store->break_watch();
  }
  void compact() override {}
  int requests(const std::string& member) override {
    int sum = 0;
    for (SimStore* store : link_of(member).stores) sum += store->take_requests();
    return sum;
  }

  void put_by_hand(const std::string& key, const std::string& value) override {
    ASSERT_EQ(key, "leader");
    server_.put_leader_by_hand(value);
  }
  void erase_by_hand(const std::string& key) override {
    if (key == "leader") return server_.delete_leader_by_hand();
    ASSERT_TRUE(key.starts_with("members/"));
    server_.delete_member_by_hand(key.substr(8));
  }
  std::optional<std::string> value_by_hand(const std::string& key) override {
    const auto view = server_.snapshot();
    if (key == "leader") return view->leader ? std::optional(view->leader->name) : std::nullopt;
    const dcs::Member* member = key.starts_with("members/") ? view->member(key.substr(8)) : nullptr;
    return member ? std::optional(to_json(member->raw)) : std::nullopt;
  }

 private:
  struct Link {
    Endpoint host = 0;
    StoreFaults faults;
    std::vector<SimStore*> stores;
  };
  Link& link_of(const std::string& name) {
    auto [found, made] = links_.try_emplace(name);
    if (made) found->second.host = static_cast<Endpoint>(links_.size());
    return found->second;
  }
  static Task<void> guarded(Task<void> task, bool& done, std::exception_ptr& failure) {
    try {
      co_await std::move(task);
    } catch (...) {
      failure = std::current_exception();
    }
    done = true;
  }

  const StoreModel& model_;
  World world_{42};
  StoreServer server_{world_, 0, "store 1", model_};
  StoreServer other_{world_, 0, "store 2", model_};
  std::map<std::string, Link> links_;
  std::shared_ptr<Process> runner_ = std::make_shared<Process>(world_, HostClock{1h, 0}, "test");
  TaskScope runner_scope_{runner_->executor()};
};

contract::MakeFixture fixture_of(const StoreModel& model) {
  return [&model] { return std::make_unique<SimFixture>(model); };
}

std::string name_of(const ::testing::TestParamInfo<contract::MakeFixture>& info) {
  return std::string(kStoreModels.at(info.index).name);
}

}  // namespace
}  // namespace tanist::sim

namespace tanist::contract {
INSTANTIATE_TEST_SUITE_P(Sim, StoreContract,
                         ::testing::Values(sim::fixture_of(sim::kStoreModels[0]),
                                           sim::fixture_of(sim::kStoreModels[1]),
                                           sim::fixture_of(sim::kStoreModels[2]),
                                           sim::fixture_of(sim::kStoreModels[3])),
                         sim::name_of);
}  // namespace tanist::contract
