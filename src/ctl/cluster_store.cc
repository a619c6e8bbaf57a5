#include "ctl/cluster_store.h"

#include <boost/asio/io_context.hpp>
#include <expected>
#include <utility>

#include "async/task_scope.h"
#include "config/stores.h"
#include "core/format.h"
#include "stores/stores.h"

namespace tanist::ctl {

namespace {

/// How long the tool waits for the store before it gives up.
constexpr Duration kStorePatience = std::chrono::seconds(5);

using ReadResult = std::expected<dcs::ClusterPtr, dcs::LoadError>;

Task<void> reading(dcs::Access* access, Instant deadline, ReadResult* out) {
  try {
    *out = co_await access->load(deadline);
  } catch (const dcs::FatalStoreError& e) {
    *out = std::unexpected(dcs::LoadError{e.what()});
  }
}

Task<void> writing(Task<dcs::WriteResult> write, dcs::WriteResult* out) {
  try {
    *out = co_await std::move(write);
  } catch (const dcs::FatalStoreError& e) {
    out->detail = e.what();
  }
}

}  // namespace

dcs::ClusterPtr ClusterStore::read(const std::string& cluster) {
  boost::asio::io_context io(1);
  SystemClock clock;
  const auto access = open_(io.get_executor(), clock, cluster);
  TaskScope scope(io.get_executor());
  ReadResult result = std::unexpected(dcs::LoadError{"no answer"});
  scope.spawn("read the cluster", reading(access.get(), clock.now() + kStorePatience, &result));
  io.run();
  if (!result) {
    const std::string hint =
        source_.empty()
            ? std::string()
            : fmt::format(
                  "\nHINT: the store is the one of {}: does it run, is its address right, and may "
                  "this host reach it?",
                  source_);
    throw Failure(fmt::format("could not read cluster {} from {}: {}{}", cluster, product_,
                              result.error().detail, hint));
  }
  return *result;
}

dcs::WriteResult ClusterStore::write(const std::string& cluster, const char* what, const Write& write) {
  boost::asio::io_context io(1);
  SystemClock clock;
  const auto access = open_(io.get_executor(), clock, cluster);
  TaskScope scope(io.get_executor());
  dcs::WriteResult result;
  scope.spawn(what, writing(write(*access, clock.now() + kStorePatience), &result));
  io.run();
  return result;
}

dcs::WriteResult ClusterStore::write_config(const std::string& cluster, const Document& config,
                                            dcs::Version seen) {
  return write(cluster, "write the configuration", [&](dcs::Access& access, Instant deadline) {
    return access.write(dcs::ConfigRecord{config}, dcs::IfVersion{seen}, deadline);
  });
}

dcs::WriteResult ClusterStore::write_failover(const std::string& cluster, const dcs::FailoverRecord& record,
                                              dcs::Version seen) {
  return write(cluster, "write the failover key", [&](dcs::Access& access, Instant deadline) {
    return access.write(record, dcs::IfVersion{seen}, deadline);
  });
}

dcs::WriteResult ClusterStore::remove(const std::string& cluster) {
  return write(cluster, "remove the cluster",
               [](dcs::Access& access, Instant deadline) { return access.remove_cluster(deadline); });
}

void require_done(const dcs::WriteResult& written, const std::string& attempted) {
  switch (written.outcome) {
    case dcs::Outcome::done: return;
    case dcs::Outcome::refused:
      throw Failure(fmt::format("could not {}: the store refused it, the key has changed meanwhile: {}",
                                attempted, written.detail));
    case dcs::Outcome::unknown:
      throw Failure(fmt::format("could not {}, or perhaps did: {}", attempted, written.detail));
    case dcs::Outcome::unavailable: break;
  }
  throw Failure(fmt::format("could not {}: {}", attempted, written.detail));
}

std::unique_ptr<ClusterStore> open_store(const Settings& settings) {
  const config::StoreOptions options = store_options(settings);
  const auto open = [options, settings](Executor executor, Clock& clock, const std::string& cluster) {
    return stores::access(std::move(executor), clock, options, settings.place(cluster));
  };
  return std::make_unique<ClusterStore>(config::store_of(options)->product, open, settings.source);
}

}  // namespace tanist::ctl
