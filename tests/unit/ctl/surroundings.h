#pragma once

#include <map>
#include <sstream>
#include <vector>

#include "ctl/cluster_store.h"
#include "ctl/member_api.h"
#include "ctl/terminal.h"
#include "unit/ctl/clusters.h"

/// What commands meet in tests: a store of one cluster, members that answer by the book, a terminal of
/// strings.
namespace tanist::ctl::test {

class FakeStore final : public ClusterStore {
 public:
  dcs::ClusterPtr read(const std::string&) override { return std::make_shared<dcs::Cluster>(cluster); }
  dcs::WriteResult write_config(const std::string&, const Document& config, dcs::Version seen) override {
    if (before_write) before_write();
    dcs::WriteResult out = outcome;
    if (seen != cluster.config.version) out.outcome = dcs::Outcome::refused;
    if (out.done()) written = config;
    return out;
  }

  dcs::Cluster cluster = shop();
  std::function<void()> before_write;
  dcs::WriteResult outcome{dcs::Outcome::done, 8, {}};
  std::optional<Document> written;
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
