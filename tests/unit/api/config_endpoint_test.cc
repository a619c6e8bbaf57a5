#include "api/config_endpoint.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include "contract/run_task.h"
#include "unit/api/fake_control.h"
#include "unit/core/manual_clock.h"

namespace tanist::api {
namespace {

using namespace std::chrono_literals;
namespace order = ha::order;

class ConfigEndpointTest : public ::testing::Test {
 protected:
  ConfigEndpointTest() {
    cluster.config = {dcs::Version("7"),
                      parse_json(R"({"ttl":30,"postgresql":{"parameters":{"work_mem":"4MB"}}})").value(),
                      true};
    control.read = [this](order::ReadCluster) -> order::ReadCluster::Answer {
      ++loads;
      if (!unreachable.empty()) return std::unexpected(unreachable);
      auto read = std::make_shared<dcs::Cluster>(cluster);
      if (changed_meanwhile) cluster.config.version = dcs::Version("8");
      return read;
    };
    control.write = [this](order::WriteKey order) -> std::optional<dcs::WriteResult> {
      written = std::get<dcs::ConfigRecord>(order.record).data;
      const auto* wanted = std::get_if<dcs::IfVersion>(&order.condition);
      always = wanted == nullptr;
      if (wanted != nullptr && wanted->version != cluster.config.version)
        result.outcome = dcs::Outcome::refused;
      if (!answers) return std::nullopt;
      return result;
    };
    mailbox.open(scope, control);
  }
  ~ConfigEndpointTest() override {
    mailbox.close("the test is over");
    tanist::test::run(io, scope.close());
  }

  net::HttpResponse send(const std::string& method, const std::string& body, bool with_length = true) {
    net::HttpRequest request;
    request.method = method;
    request.target = "/config";
    request.client_ip = "127.0.0.1";
    if (with_length) request.headers.set("Content-Length", std::to_string(body.size()));
    request.body = body;
    return tanist::test::run(io, method == "PATCH" ? endpoint.patch(std::move(request), 1s)
                                                   : endpoint.put(std::move(request), 1s));
  }
  static bool says(const net::HttpResponse& response, const std::string& text) {
    return response.body.find(text) != std::string::npos;
  }

  boost::asio::io_context io{1};
  tanist::test::ManualClock clock{io};
  dcs::Cluster cluster;
  int loads = 0;
  std::string unreachable;
  bool changed_meanwhile = false;
  dcs::WriteResult result{dcs::Outcome::done, dcs::Version("8"), {}};
  std::optional<Document> written;
  bool always = false;
  bool answers = true;
  test::FakeControl control;
  TaskScope scope{io.get_executor()};
  ha::Mailbox mailbox{clock, "the daemon has not started yet"};
  ControlReads reads{mailbox, clock};
  ConfigEndpoint endpoint{mailbox, reads, clock};
};

TEST_F(ConfigEndpointTest, patch_merges_and_answers_with_the_whole) {
  const auto response =
      send("PATCH", R"({"ttl":20,"pause":null,"postgresql":{"parameters":{"work_mem":"8MB"}}})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ttl": 20, "postgresql": {"parameters": {"work_mem": "8MB"}}})");
  ASSERT_TRUE(written);
  EXPECT_EQ(to_json(*written), R"({"ttl":20,"postgresql":{"parameters":{"work_mem":"8MB"}}})");
  EXPECT_FALSE(always);
  ASSERT_NE(endpoint.newer_than(cluster.config), nullptr);
  EXPECT_EQ(endpoint.newer_than({dcs::Version("8"), cluster.config.data, true}), nullptr);
}

TEST_F(ConfigEndpointTest, what_is_no_json_is_not_called_absent) {
  cluster.config = {dcs::Version("7"), Document::map(), false};
  const auto broken = send("PATCH", R"({"ttl":20})");
  EXPECT_EQ(broken.status, 503);
  EXPECT_TRUE(says(broken, "is no JSON object")) << broken.body;
  EXPECT_TRUE(says(broken, "HINT: PUT /config replaces it"));
  EXPECT_EQ(send("PUT", R"({"ttl":20})").status, 200);
  cluster.config = {};
  EXPECT_TRUE(says(send("PATCH", R"({"ttl":20})"), "there is no dynamic configuration in the store"));
}

TEST_F(ConfigEndpointTest, a_controlled_parameter_that_members_would_not_take_is_not_stored) {
  for (const char* method : {"PATCH", "PUT"}) {
    const auto response = send(method, R"({"postgresql":{"parameters":{"max_connections":"abc"}}})");
    EXPECT_EQ(response.status, 400) << method;
    EXPECT_TRUE(says(response, "postgresql.parameters.max_connections: given")) << response.body;
  }
  EXPECT_FALSE(written);
}

TEST_F(ConfigEndpointTest, what_was_written_is_not_shown_for_ever_over_a_store_that_was_restored) {
  ASSERT_EQ(send("PATCH", R"({"ttl":20})").status, 200);
  ASSERT_NE(endpoint.newer_than(cluster.config), nullptr);
  clock.advance(30s);
  EXPECT_EQ(endpoint.newer_than(cluster.config), nullptr);
  cluster.config.version = dcs::Version("3");
  result.version = dcs::Version("4");
  ASSERT_EQ(send("PATCH", R"({"ttl":25})").status, 200);
  ASSERT_NE(endpoint.newer_than(cluster.config), nullptr);
  EXPECT_EQ(endpoint.newer_than(cluster.config)->find("ttl")->as_int(), 25);
}

TEST_F(ConfigEndpointTest, patch_without_a_change_writes_nothing) {
  const auto response = send("PATCH", R"({"ttl":"30","loop_wait":null})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ttl": 30, "postgresql": {"parameters": {"work_mem": "4MB"}}})");
  EXPECT_FALSE(written);
}

TEST_F(ConfigEndpointTest, a_lost_race_is_a_conflict) {
  changed_meanwhile = true;
  const auto response = send("PATCH", R"({"ttl":20})");
  EXPECT_EQ(response.status, 409);
  EXPECT_TRUE(says(response, "changed by somebody else")) << response.body;
}

TEST_F(ConfigEndpointTest, a_refusal_of_the_store_is_no_conflict) {
  result = {dcs::Outcome::refused, {}, "etcdserver: permission denied"};
  const auto response = send("PATCH", R"({"ttl":20})");
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(says(response, "permission denied")) << response.body;
}

TEST_F(ConfigEndpointTest, an_unknown_outcome_is_told) {
  result = {dcs::Outcome::unknown, {}, "no answer in time"};
  const auto response = send("PATCH", R"({"ttl":20})");
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(says(response, "is not known: no answer in time")) << response.body;
  EXPECT_EQ(send("PUT", R"({"ttl":20})").status, 502);
  EXPECT_EQ(endpoint.newer_than(cluster.config), nullptr);
}

TEST_F(ConfigEndpointTest, a_write_whose_answer_does_not_come_may_have_been_done) {
  answers = false;
  std::optional<net::HttpResponse> response;
  const auto ask = [](ConfigEndpoint* asked, std::optional<net::HttpResponse>* out) -> Task<void> {
    net::HttpRequest request;
    request.method = "PUT";
    request.body = R"({"ttl":20})";
    request.headers.set("Content-Length", "10");
    out->emplace(co_await asked->put(std::move(request), 1s));
  };
  scope.spawn("PUT /config", ask(&endpoint, &response));
  clock.advance(1s);
  EXPECT_FALSE(response) << "control may still say what the store said";
  clock.advance(1s);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 502);
  EXPECT_TRUE(says(*response, "is not known: no answer in time")) << response->body;
}

TEST_F(ConfigEndpointTest, a_write_that_nobody_takes_is_certainly_not_done) {
  control.read = [this](order::ReadCluster) {
    mailbox.close("the daemon is shutting down");
    return std::make_shared<dcs::Cluster>(cluster);
  };
  const auto response = send("PUT", R"({"ttl":20})");
  EXPECT_EQ(response.status, 502);
  EXPECT_TRUE(says(response, "could not change the dynamic configuration: the daemon is shutting down"))
      << response.body;
  EXPECT_FALSE(written);
}

TEST_F(ConfigEndpointTest, without_a_configuration_there_is_nothing_to_patch) {
  cluster.config = {};
  EXPECT_EQ(send("PATCH", R"({"ttl":20})").status, 503);
  EXPECT_FALSE(written);
  EXPECT_EQ(send("PUT", R"({"ttl":20})").status, 200);
  EXPECT_TRUE(always);
}

TEST_F(ConfigEndpointTest, a_store_that_does_not_answer_is_a_503) {
  unreachable = "connection refused";
  for (const char* method : {"PATCH", "PUT"}) {
    const auto response = send(method, R"({"ttl":20})");
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(says(response, "connection refused"));
  }
}

TEST_F(ConfigEndpointTest, what_members_would_refuse_changes_nothing_and_names_the_key) {
  for (const auto& [body, key] : std::vector<std::pair<std::string, std::string>>{
           {R"({"ttl":"abc"})", "ttl"},
           {R"({"loop_wait":[1]})", "loop_wait"},
           {R"({"synchronous_node_count":-1})", "synchronous_node_count"},
           {R"({"synchronous_mode":"qorum"})", "synchronous_mode"},
           {R"({"postgresql":{"parameters":5}})", "postgresql.parameters"},
           {R"({"postgresql":5})", "postgresql"}}) {
    for (const char* method : {"PATCH", "PUT"}) {
      const auto response = send(method, body);
      EXPECT_EQ(response.status, 400) << body;
      EXPECT_TRUE(says(response, key)) << response.body;
    }
  }
  EXPECT_FALSE(written);
}

TEST_F(ConfigEndpointTest, a_cluster_is_not_told_to_follow_itself) {
  dcs::Member& own = cluster.members["pgb"];
  own.name = "pgb";
  own.conn_url = "postgres://10.1.0.12:5432/postgres";
  const auto answer = send("PATCH", R"({"standby_cluster":{"host":"10.9.0.1,10.1.0.12"}})");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(says(answer, "standby_cluster names pgb, which is a member of this very cluster"))
      << answer.body;
  EXPECT_FALSE(written);
  EXPECT_EQ(send("PATCH", R"({"standby_cluster":{"host":"10.1.0.12","port":5433}})").status, 200);
  // What is there already keeps nobody from changing something else.
  cluster.config.data = parse_json(R"({"ttl":30,"standby_cluster":{"host":"10.1.0.12"}})").value();
  EXPECT_EQ(send("PATCH", R"({"ttl":40})").status, 200);
}

TEST_F(ConfigEndpointTest, what_members_adjust_is_stored_as_it_is) {
  EXPECT_EQ(send("PATCH", R"({"ttl":5,"loop_wait":"3"})").status, 200);
  EXPECT_EQ(written->find("ttl")->as_int(), 5);
}

TEST_F(ConfigEndpointTest, a_configuration_that_is_refused_already_may_be_changed_elsewhere) {
  cluster.config.data.set("ttl", "abc");
  EXPECT_EQ(send("PATCH", R"({"pause":true})").status, 200);
  EXPECT_EQ(send("PATCH", R"({"loop_wait":"x"})").status, 400);
  EXPECT_EQ(send("PATCH", R"({"ttl":30})").status, 200);
}

TEST_F(ConfigEndpointTest, bodies_that_are_no_object_are_refused_precisely) {
  const auto refused = [&](const std::string& body, int status, const std::string& text) {
    for (const char* method : {"PATCH", "PUT"}) {
      const auto response = send(method, body);
      EXPECT_EQ(response.status, status) << body;
      EXPECT_TRUE(says(response, text)) << response.body;
    }
  };
  refused("", 400, "the body is empty");
  refused("{\"ttl\": ", 400, "the body is no JSON: ");
  refused("[1]", 400, "the body is a list");
  refused("\"x\"", 400, "the body is a string");
  refused("null", 400, "the body is null");
  refused("{}", 400, "an empty object");
  refused("{\"a\": \"\xff\"}", 400, "the body is no JSON: ");
  EXPECT_EQ(send("PATCH", "", false).status, 411);
  EXPECT_EQ(loads, 0);
}

TEST_F(ConfigEndpointTest, put_replaces_whatever_is_there) {
  changed_meanwhile = true;
  const auto response = send("PUT", R"({"ttl":20,"slots":{"a":null}})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"ttl": 20, "slots": {"a": null}})");
  EXPECT_TRUE(always);
  written.reset();
  cluster.config.data = parse_json(R"({"ttl":"20"})").value();
  EXPECT_EQ(send("PUT", R"({"ttl":20})").body, R"({"ttl": 20})");
  EXPECT_FALSE(written) << "equal by text";
}

TEST_F(ConfigEndpointTest, zones_are_not_for_members_of_other_make) {
  dcs::Member& other = cluster.members["pgb"];
  other.name = "pgb";
  for (const char* method : {"PATCH", "PUT"}) {
    const auto answer = send(method, R"({"synchronous_zones":{"min_other_zones":1}})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_TRUE(says(answer, "members of other make are in the cluster, which know nothing of zones: pgb"))
        << answer.body;
  }
  EXPECT_FALSE(written);
  other.tanist_version = "0.1.0";
  EXPECT_EQ(send("PATCH", R"({"synchronous_zones":{"min_other_zones":1}})").status, 200);
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace tanist::api
