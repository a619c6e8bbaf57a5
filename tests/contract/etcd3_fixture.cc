#include "contract/etcd3_fixture.h"
#include "json/parse.h"

#include "contract/run_task.h"
#include "core/document.h"
#include "core/format.h"
#include "dcs/etcd3/messages.h"

namespace tanist::contract {

namespace {
std::unique_ptr<EtcdProcess> started_etcd() {
  auto etcd = std::make_unique<EtcdProcess>(EtcdProcess::Options{});
  etcd->start();
  if (!etcd->wait_healthy()) throw std::runtime_error("etcd does not answer");
  return etcd;
}
}  // namespace

EtcdProcess& shared_etcd() {
  static const auto etcd = started_etcd();
  return *etcd;
}

EtcdProcess& other_etcd() {
  static const auto etcd = started_etcd();
  return *etcd;
}

Etcd3Fixture::Etcd3Fixture() {
  static int count = 0;
  shared_etcd();
  base_path_ = fmt::format("/service/test{}", ++count);
}

void Etcd3Fixture::run(Task<void> task) {
  test::run(io_, std::move(task));
}

Proxy& Etcd3Fixture::proxy(const std::string& member) {
  auto& proxy = proxies_[member];
  if (!proxy) proxy = std::make_unique<Proxy>(shared_etcd().port());
  return *proxy;
}

std::unique_ptr<dcs::Store> Etcd3Fixture::make(const dcs::Identity& identity) {
  dcs::etcd3::Options options;
  options.connection.endpoints.push_back({"127.0.0.1", proxy(identity.name).port()});
  // The proxy is the only way: what etcd advertises would lead around it.
  options.connection.use_proxies = true;
  options.base_path = base_path_;
  options.timing.ttl = ttl();
  options.timing.loop_wait = std::chrono::seconds(1);
  options.timing.retry_timeout = std::chrono::seconds(3);
  return dcs::etcd3::make_store(io_.get_executor(), clock_, options);
}

void Etcd3Fixture::compact() {
  const auto answer = parse_json(shared_etcd().post("/v3/kv/range", R"({"key":"YQ=="})"));
  const auto revision = dcs::etcd3::read_header(*answer).revision;
  shared_etcd().post("/v3/kv/compaction", fmt::format(R"({{"revision":"{}","physical":true}})", revision));
}

int Etcd3Fixture::requests(const std::string& member) {
  int out = 0;
  for (const auto& [path, count] : proxy(member).take_requests()) out += count;
  return out;
}

void Etcd3Fixture::put_by_hand(const std::string& key, const std::string& value) {
  shared_etcd().put(base_path_ + "/" + key, value);
}

void Etcd3Fixture::erase_by_hand(const std::string& key) {
  shared_etcd().erase(base_path_ + "/" + key);
}

std::optional<std::string> Etcd3Fixture::value_by_hand(const std::string& key) {
  bool present = false;
  auto value = shared_etcd().get(base_path_ + "/" + key, &present);
  return present ? std::optional<std::string>(std::move(value)) : std::nullopt;
}

std::unique_ptr<StoreFixture> make_etcd3_fixture() {
  return std::make_unique<Etcd3Fixture>();
}

}  // namespace tanist::contract
