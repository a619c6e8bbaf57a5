#include "ctl/read_cluster.h"

#include <boost/asio/io_context.hpp>
#include <exception>

#include "core/clock.h"
#include "core/format.h"
#include "core/task_scope.h"
#include "dcs/etcd3/store.h"

namespace tanist::ctl {

namespace {

/// How long the tool waits for the store before it gives up.
constexpr Duration kPatience = std::chrono::seconds(5);

using ReadResult = std::expected<dcs::ClusterPtr, dcs::LoadError>;

class Etcd3Reader final : public ClusterReader {
 public:
  Etcd3Reader(Settings settings, config::Etcd3 connection)
      : settings_(std::move(settings)), connection_(std::move(connection)) {}

  dcs::ClusterPtr read(const std::string& cluster) override {
    boost::asio::io_context io(1);
    SystemClock clock;
    TaskScope scope(io.get_executor());
    ReadResult result = std::unexpected(dcs::LoadError{"no answer"});
    dcs::etcd3::Options options{connection_, settings_.base_path(cluster), {}};
    scope.spawn("read the cluster", keep(io.get_executor(), &clock, std::move(options), &result));
    io.run();
    if (!result) {
      throw Failure(fmt::format("could not read cluster {} from etcd: {}", cluster, result.error().detail));
    }
    return *result;
  }

 private:
  static Task<void> keep(Executor executor, Clock* clock, dcs::etcd3::Options options, ReadResult* out) {
    try {
      auto reading = dcs::etcd3::read_once(executor, *clock, std::move(options), clock->now() + kPatience);
      *out = co_await std::move(reading);
    } catch (const dcs::FatalStoreError& e) {
      *out = std::unexpected(dcs::LoadError{e.what()});
    }
  }

  Settings settings_;
  config::Etcd3 connection_;
};

}  // namespace

std::unique_ptr<ClusterReader> make_reader(const Settings& settings) {
  return std::make_unique<Etcd3Reader>(settings, etcd3_of(settings));
}

}  // namespace tanist::ctl
