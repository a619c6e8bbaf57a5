#include "api/admission.h"

#include <gtest/gtest.h>

#include "async/task_scope.h"
#include "contract/run_task.h"
#include "log/log.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;

class AdmissionTest : public ::testing::Test {
 protected:
  AdmissionTest() {
    log::redirect([this](log::Level, const std::string& line) { lines.push_back(line); });
  }
  ~AdmissionTest() override { log::redirect({}); }

  int ask(const std::string& ip, dcs::ClusterPtr view = nullptr,
          Admission::From from = Admission::From::list_and_members) {
    net::HttpRequest request;
    request.method = "PATCH";
    request.target = "/config";
    request.client_ip = ip;
    const auto refusal = tanist::test::run(io, admission.check(std::move(request), std::move(view), from));
    return refusal ? refusal->status : 200;
  }

  /// Until the names have been looked up once.
  void resolve() {
    TaskScope scope(io.get_executor());
    scope.spawn("names", admission.resolve_forever());
    const Instant until = clock.now() + 300ms;
    tanist::test::run(io, clock.sleep_until(until));
    tanist::test::run(io, scope.close());
  }

  bool logged(const std::string& text) const {
    for (const auto& line : lines)
      if (line.find(text) != std::string::npos) return true;
    return false;
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  Admission admission{io.get_executor(), clock};
  config::RestApi rest;
  std::vector<std::string> lines;
};

TEST_F(AdmissionTest, without_a_list_everybody_may) {
  admission.use(rest);
  EXPECT_EQ(ask("203.0.113.1"), 200);
}

TEST_F(AdmissionTest, networks_of_the_list_may) {
  rest.allowlist = std::vector<std::string>{"10.1.2.3/16", "bad/entry"};
  admission.use(rest);
  EXPECT_EQ(ask("10.1.200.1"), 200);
  EXPECT_EQ(ask("10.2.0.1"), 403);
  EXPECT_TRUE(logged("Invalid value \"bad/entry\" in the allowlist"));
}

TEST_F(AdmissionTest, a_list_without_a_usable_entry_lets_nobody_in) {
  for (const auto& list : {std::vector<std::string>{}, std::vector<std::string>{"1.2.3.4/99"}}) {
    lines.clear();
    rest.allowlist = list;
    admission.use(rest);
    EXPECT_EQ(ask("127.0.0.1"), 403);
    EXPECT_TRUE(logged("the allowlist has no usable entry"));
  }
}

TEST_F(AdmissionTest, names_are_resolved_in_the_background) {
  rest.allowlist = std::vector<std::string>{"localhost", "no-such-host.invalid"};
  admission.use(rest);
  EXPECT_EQ(ask("127.0.0.1"), 403) << "not resolved yet: nobody";
  resolve();
  EXPECT_EQ(ask("127.0.0.1"), 200);
  EXPECT_EQ(ask("10.1.1.1"), 403);
  EXPECT_TRUE(logged("Failed to resolve no-such-host.invalid: "));
  admission.use(rest);
  EXPECT_EQ(ask("127.0.0.1"), 200) << "a reload does not forget what it knew";
}

TEST_F(AdmissionTest, members_may_when_they_are_included_but_not_where_only_the_list_counts) {
  auto cluster = std::make_shared<dcs::Cluster>();
  cluster->members["pga"].api_url = "http://10.1.0.11:8008/patroni";
  cluster->members["pgb"].api_url = "https://localhost:8008/patroni";
  rest.allowlist_include_members = true;
  admission.use(rest);
  EXPECT_EQ(ask("10.1.0.11", cluster), 200);
  EXPECT_EQ(ask("127.0.0.1", cluster), 200);
  EXPECT_EQ(ask("10.1.0.12", cluster), 403);
  EXPECT_EQ(ask("10.1.0.11", nullptr), 403);
  EXPECT_EQ(ask("10.1.0.12", nullptr, Admission::From::list), 200) << "without a list no address is checked";
  rest.allowlist = std::vector<std::string>{"10.9.9.9"};
  admission.use(rest);
  EXPECT_EQ(ask("10.9.9.9", cluster, Admission::From::list), 200);
  EXPECT_EQ(ask("10.1.0.11", cluster, Admission::From::list), 403);
  EXPECT_EQ(ask("10.1.0.11", cluster), 200);
}

}  // namespace
}  // namespace tanist::api
