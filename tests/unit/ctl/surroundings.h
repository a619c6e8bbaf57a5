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
  dcs::WriteResult outcome{dcs::Outcome::done, dcs::Version("8"), {}};
  std::optional<Document> written;
  std::optional<dcs::FailoverRecord> written_failover;
  bool removed = false;
  /// What happens in the cluster before each look after the first.
  std::function<void(int look)> before_look;
  int looks = 0;
};

class FakeAccess final : public dcs::Access {
 public:
  explicit FakeAccess(FakeCluster& at) : at_(at) {}
  Task<std::expected<dcs::ClusterPtr, dcs::LoadError>> load(Instant) override {
    if (at_.looks++ > 0 && at_.before_look) at_.before_look(at_.looks - 1);
    if (!at_.failure.empty()) co_return std::unexpected(dcs::LoadError{at_.failure});
    co_return std::make_shared<dcs::Cluster>(at_.cluster);
  }
  Task<std::expected<Groups, dcs::LoadError>> load_groups(Instant) override { co_return Groups{}; }
  Task<dcs::WriteResult> write(dcs::Record record, dcs::Condition condition, Instant) override {
    if (at_.before_write) at_.before_write();
    dcs::WriteResult out = at_.outcome;
    const auto* failover = std::get_if<dcs::FailoverRecord>(&record);
    const auto& there = failover != nullptr ? at_.cluster.failover.version : at_.cluster.config.version;
    if (std::get<dcs::IfVersion>(condition).version != there) out.outcome = dcs::Outcome::refused;
    if (!out.done()) co_return out;
    if (failover != nullptr) {
      at_.written_failover = *failover;
    } else {
      at_.written = std::get<dcs::ConfigRecord>(record).data;
    }
    co_return out;
  }
  Task<dcs::WriteResult> erase(std::string, dcs::Condition, Instant) override { co_return at_.outcome; }
  Task<dcs::WriteResult> remove_cluster(Instant) override {
    at_.removed = at_.outcome.done();
    co_return at_.outcome;
  }

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

/// Who they are is answered by the members by themselves; what else is asked of them by the book.
class FakeApi final : public MemberApi {
 public:
  std::expected<net::HttpResponse, NoAnswer> ask(const std::string& api_url,
                                                 const MemberCall& call) override {
    const auto found = answers.find(api_url);
    net::HttpResponse out;
    if (call.endpoint.empty()) {
      const auto status = statuses.find(api_url);
      if (status == statuses.end() && found == answers.end())
        return std::unexpected(NoAnswer{"connection refused"});
      out.body = status == statuses.end() ? "{}" : status->second;
      return out;
    }
    asked.push_back(call.method + " " + api_url + " " + call.endpoint +
                    (call.body ? " " + to_json(*call.body) : ""));
    if (on_call) on_call();
    if (found == answers.end()) return std::unexpected(NoAnswer{"no answer in time", true});
    out.status = found->second.first;
    out.body = found->second.second;
    out.headers = headers;
    return out;
  }

  /// What was asked of whom, but who they are.
  std::vector<std::string> asked;
  std::map<std::string, std::pair<int, std::string>> answers;
  /// Of each of them.
  net::Headers headers;
  /// Status documents; one that has neither this nor an answer is not there.
  std::map<std::string, std::string> statuses;
  std::function<void()> on_call;
};

struct FakeTerminal {
  /// Time passes by waiting for it.
  Instant now{};
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  bool out_is_terminal = false;
  bool colours = true;
  Terminal terminal() {
    return {out,
            err,
            [this] { return now; },
            [] { return WallTime{}; },
            [this](Instant until) {
              now = until;
              return true;
            },
            &in,
            out_is_terminal,
            colours};
  }
};

}  // namespace tanist::ctl::test
