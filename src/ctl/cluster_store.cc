#include "ctl/cluster_store.h"

#include <boost/asio/io_context.hpp>
#include <exception>

#include "async/clock.h"
#include "async/task_scope.h"
#include "core/format.h"
#include "dcs/etcd3/store.h"

namespace tanist::ctl {

namespace {

/// How long the tool waits for the store before it gives up.
constexpr Duration kStorePatience = std::chrono::seconds(5);

using ReadResult = std::expected<dcs::ClusterPtr, dcs::LoadError>;

class Etcd3ClusterStore final : public ClusterStore {
 public:
  Etcd3ClusterStore(Settings settings, config::Etcd3 connection)
      : settings_(std::move(settings)), connection_(std::move(connection)) {}

  dcs::ClusterPtr read(const std::string& cluster) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    TaskScope scope(io.get_executor());
    ReadResult result = std::unexpected(dcs::LoadError{"no answer"});
    scope.spawn("read the cluster", reading(io.get_executor(), &clock, options(cluster), &result));
    io.run();
    if (!result) {
      throw Failure(fmt::format("could not read cluster {} from etcd: {}", cluster, result.error().detail));
    }
    return *result;
  }

  dcs::WriteResult write_config(const std::string& cluster, const Document& config,
                                dcs::Version seen) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    TaskScope scope(io.get_executor());
    dcs::WriteResult result;
    scope.spawn("write the configuration", writing(io.get_executor(), &clock, options(cluster),
                                                   dcs::ConfigRecord{config}, dcs::IfVersion{seen}, &result));
    io.run();
    return result;
  }

 private:
  dcs::etcd3::Options options(const std::string& cluster) const {
    return {connection_, settings_.base_path(cluster), {}};
  }

  static Task<void> reading(Executor executor, Clock* clock, dcs::etcd3::Options options, ReadResult* out) {
    try {
      *out =
          co_await dcs::etcd3::read_once(executor, *clock, std::move(options), clock->now() + kStorePatience);
    } catch (const dcs::FatalStoreError& e) {
      *out = std::unexpected(dcs::LoadError{e.what()});
    }
  }

  static Task<void> writing(Executor executor, Clock* clock, dcs::etcd3::Options options, dcs::Record record,
                            dcs::Condition condition, dcs::WriteResult* out) {
    try {
      *out = co_await dcs::etcd3::write_once(executor, *clock, std::move(options), std::move(record),
                                             condition, clock->now() + kStorePatience);
    } catch (const dcs::FatalStoreError& e) {
      out->detail = e.what();
    }
  }

  Settings settings_;
  config::Etcd3 connection_;
};

}  // namespace

std::unique_ptr<ClusterStore> open_store(const Settings& settings) {
  return std::make_unique<Etcd3ClusterStore>(settings, etcd3_of(settings));
}

}  // namespace tanist::ctl
