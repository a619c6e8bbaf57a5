#include "api/failsafe_endpoint.h"

#include <gtest/gtest.h>

#include "json/parse.h"

namespace tanist::api {
namespace {

constexpr const char* kUrls =
    R"("conn_url":"postgres://10.0.0.6:5432/postgres","api_url":"http://10.0.0.6:8008/patroni")";

std::expected<ha::FailsafeQuestion, std::string> parsed(const std::string& more) {
  return parse_failsafe(parse_json(std::string("{") + kUrls + more + "}").value());
}

/// As Patroni 4.1 sends it (ha.md §12.2).
TEST(FailsafeQuestion, of_a_leader_of_other_make) {
  const auto question = parsed(R"(,"name":"n1","slots":{"n2":83886432,"n1":83886433})");
  ASSERT_TRUE(question) << question.error();
  EXPECT_EQ(question->leader, "n1");
  EXPECT_EQ(question->conn_url, "postgres://10.0.0.6:5432/postgres");
  EXPECT_EQ(question->api_url, "http://10.0.0.6:8008/patroni");
  EXPECT_EQ(question->slots, (std::map<std::string, Lsn>{{"n1", Lsn{83886433}}, {"n2", Lsn{83886432}}}));
  EXPECT_EQ(question->valid_for, Duration::zero());
}

TEST(FailsafeQuestion, slots_may_be_missing_and_a_time_may_be_asked_for) {
  EXPECT_TRUE(parsed(R"(,"name":"n1")"));
  EXPECT_TRUE(parsed(R"(,"name":"n1","slots":null)"));
  EXPECT_EQ(parsed(R"(,"name":"n1","tanist_valid_for":30)")->valid_for, std::chrono::seconds(30));
  EXPECT_EQ(parsed(R"(,"name":"n1","tanist_valid_for":2.5)")->valid_for, std::chrono::milliseconds(2500));
}

TEST(FailsafeQuestion, what_is_wrong_is_named) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"", "name: a text that is not empty is needed"},
      {R"(,"name":7)", "name: a text that is not empty is needed"},
      {R"(,"name":"")", "name: a text that is not empty is needed"},
      {R"(,"name":"n1","slots":[1])", "slots: an object of names and positions is needed"},
      {R"(,"name":"n1","slots":{"a":"x"})", "slots.a: a position in bytes is needed"},
      {R"(,"name":"n1","slots":{"a":-1})", "slots.a: a position in bytes is needed"},
      {R"(,"name":"n1","tanist_valid_for":-1)", "tanist_valid_for: seconds from 0 to 86400 are needed"},
      {R"(,"name":"n1","tanist_valid_for":86401)", "tanist_valid_for: seconds from 0 to 86400 are needed"},
      {R"(,"name":"n1","tanist_valid_for":"1")", "tanist_valid_for: seconds from 0 to 86400 are needed"},
  };
  for (const auto& [more, why] : kWrong) {
    const auto question = parsed(more);
    ASSERT_FALSE(question) << more;
    EXPECT_EQ(question.error(), why) << more;
  }
}

}  // namespace
}  // namespace tanist::api
