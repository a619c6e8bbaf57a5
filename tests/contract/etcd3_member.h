#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

#include "contract/etcd3_fixture.h"
#include "contract/run_task.h"
#include "contract/store_contract_base.h"
#include "dcs/etcd3/messages.h"
#include "json/parse.h"

/// A member of a cluster on real etcd, for what only etcd has.
namespace tanist::contract {

/// One store on any endpoints, with its own loop.
class Member {
 public:
  explicit Member(dcs::etcd3::Options options, std::string name = "a") : name_(std::move(name)) {
    if (options.base_path.empty()) options.base_path = "/service/x";
    options.timing.ttl = 2s;
    options.timing.loop_wait = 1s;
    options.timing.retry_timeout = 3s;
    store = dcs::etcd3::make_store(io.get_executor(), clock, options);
  }
  ~Member() { run(store->close()); }

  void open() { run(store->open({name_, "first", {}})); }
  template <class T>
  T run(Task<T> task) {
    return test::run(io, std::move(task));
  }
  Instant in(Duration d) { return clock.now() + d; }
  dcs::Renewal renew(Duration budget = kBudget) { return run(store->renew(std::nullopt, in(budget))); }
  Outcome acquire() {
    const auto result = run(store->acquire({}, std::nullopt, in(kBudget)));
    EXPECT_EQ(result.detail, "");
    return result.outcome;
  }
  dcs::ClusterPtr read(Read how = Read::linearizable) {
    auto view = run(store->load(how, in(kBudget)));
    EXPECT_TRUE(view) << view.error().detail;
    return view ? *view : std::make_shared<const dcs::Cluster>();
  }
  void pass(Duration d) { run(clock.sleep_for(d)); }

  boost::asio::io_context io{1};
  SystemClock clock;
  std::unique_ptr<dcs::Store> store;

 private:
  std::string name_;
};

inline dcs::etcd3::Options at(std::initializer_list<int> ports, bool proxies = true) {
  dcs::etcd3::Options out;
  for (const int port : ports) out.connection.endpoints.push_back({"127.0.0.1", port});
  out.connection.use_proxies = proxies;
  return out;
}

/// The one way of a member to the store of `world`.
inline dcs::etcd3::Options through_proxy(Etcd3Fixture& world) {
  auto options = at({world.proxy("a").port()});
  options.base_path = world.base_path();
  return options;
}

inline std::string ask(const EtcdProcess& etcd, const std::string& path, const std::string& body) {
  return etcd.post(path, body);
}

inline dcs::etcd3::Header header_of(const EtcdProcess& etcd) {
  const auto answer = parse_json(ask(etcd, "/v3/kv/range", R"({"key":"YQ=="})"));
  EXPECT_TRUE(answer);
  return answer ? dcs::etcd3::read_header(*answer) : dcs::etcd3::Header();
}

}  // namespace tanist::contract
