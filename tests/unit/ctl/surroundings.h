#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "ctl/cluster_store.h"
#include "ctl/member_api.h"
#include "ctl/terminal.h"
#include "dcs/access.h"
#include "unit/ctl/clusters.h"

/// What commands meet in tests: a store of one cluster, members that answer by the book, a terminal of
/// strings.
namespace tanist::ctl::test {

/// A store of one cluster, whatever its name.
struct FakeCluster {
  dcs::Cluster cluster = shop();
  /// Not nothing: why it cannot be read.
  std::string failure;
  std::function<void()> before_write;
  dcs::WriteResult outcome{dcs::Outcome::done, 8, {}};
  std::optional<Document> written;
};

class FakeAccess final : public dcs::Access {
 public:
  explicit FakeAccess(FakeCluster& at) : at_(at) {}
  Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> load(Instant) override {
    if (!at_.failure.empty()) co_return std::unexpected(dcs::LoadError{at_.failure});
    co_return std::make_shared<dcs::Cluster>(at_.cluster);
  }
  Task<std::expected<Groups, dcs::LoadError>> load_groups(Instant) override { co_return Groups{}; }
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition condition, Instant) override {
    if (at_.before_write) at_.before_write();
    dcs::WriteResult out = at_.outcome;
    if (std::get<dcs::IfVersion>(condition).version != at_.cluster.config.version)
      out.outcome = dcs::Outcome::refused;
    if (out.done()) at_.written = std::get<dcs::ConfigRecord>(record).data;
    co_return out;
  }
  Task<dcs::WriteResult> erase(std::string, dcs::Condition, Instant) override { co_return at_.outcome; }
  Task<dcs::WriteResult> remove_cluster(Instant) override { co_return at_.outcome; }

 private:
  FakeCluster& at_;
};

class FakeStore final : public FakeCluster, public ClusterStore {
 public:
  FakeStore()
      : ClusterStore("etcd", [this](Executor, Clock&, const std::string&) {
          return std::make_unique<FakeAccess>(*this);
        }) {}
  FakeStore(const FakeStore&) = delete;
  FakeStore& operator=(const FakeStore&) = delete;
};

class FakeApi final : public MemberApi {
 public:
  std::expected<net::HttpResponse, std::string> ask(const std::string& method, const std::string& api_url,
                                                    const std::string& endpoint) override {
    asked.push_back(method + " " + api_url + " " + endpoint);
    const auto found = answers.find(api_url);
    if (found == answers.end()) return std::unexpected(std::string("connection refused"));
    net::HttpResponse out;
    out.status = found->second.first;
    out.body = found->second.second;
    return out;
  }

  std::vector<std::string> asked;
  std::map<std::string, std::pair<int, std::string>> answers;
};

struct FakeTerminal {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  bool out_is_terminal = false;
  Terminal terminal() {
    return {out,
            err,
            [] { return Instant{}; },
            [] { return WallTime{}; },
            [](Instant) { return false; },
            &in,
            out_is_terminal};
  }
};

}  // namespace tanist::ctl::test
