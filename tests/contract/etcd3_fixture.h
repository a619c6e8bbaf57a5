#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "contract/etcd_process.h"
#include "contract/proxy.h"
#include "contract/store_fixture.h"
#include "dcs/etcd3/store.h"

namespace tanist::contract {

/// A real etcd that all tests of the process share, each under a base path of its own.
EtcdProcess& shared_etcd();
/// Another one, that the first knows nothing of.
EtcdProcess& other_etcd();

class Etcd3Fixture final : public StoreFixture {
 public:
  Etcd3Fixture();

  void run(Task<void> task) override;
  Clock& clock() override { return clock_; }
  std::unique_ptr<dcs::Store> make(const dcs::Identity& identity) override;
  Duration ttl() const override { return std::chrono::seconds(2); }
  /// etcd looks for ended leases every 0.5 s.
  Duration lease_slack() const override { return std::chrono::milliseconds(1500); }
  void cut(const std::string& member) override { proxy(member).cut(); }
  void heal(const std::string& member) override { proxy(member).heal(); }
  void lose(const std::string& member, Loss loss, int count) override { proxy(member).lose(loss, count); }
  void lead_elsewhere(const std::string& member, bool elsewhere) override {
    proxy(member).lead_to((elsewhere ? other_etcd() : shared_etcd()).port());
  }
  /// Not needed: with the connection that a lost reply ends, the store gives up the stream.
  void hold_watch(const std::string&, bool) override {}
  void break_watch(const std::string& member) override { proxy(member).close_watches(); }
  void compact() override;
  int requests(const std::string& member) override;
  void put_by_hand(const std::string& key, const std::string& value) override;
  void erase_by_hand(const std::string& key) override;
  std::optional<std::string> value_by_hand(const std::string& key) override;

  Proxy& proxy(const std::string& member);
  const std::string& base_path() const { return base_path_; }
  Executor executor() { return io_.get_executor(); }

 private:
  boost::asio::io_context io_{1};
  SystemClock clock_;
  std::string base_path_;
  std::map<std::string, std::unique_ptr<Proxy>> proxies_;
};

std::unique_ptr<StoreFixture> make_etcd3_fixture();

}  // namespace tanist::contract
