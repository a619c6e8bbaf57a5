#include "config/read/change.h"
#include "json/parse.h"

#include <gtest/gtest.h>

namespace tanist::config {
namespace {

std::string refused(const char* current, const char* next) {
  return refused_change(parse_json(current).value(), parse_json(next).value()).value_or("");
}

TEST(RefusedChange, what_members_take_or_adjust_is_fine) {
  EXPECT_EQ(refused("{}", R"({"ttl":30})"), "");
  EXPECT_EQ(refused("{}", R"({"ttl":1,"loop_wait":"5"})"), "");
  EXPECT_EQ(refused("{}", R"({"what is this":[1]})"), "");
}

TEST(RefusedChange, a_value_that_is_refused_is_named) {
  EXPECT_TRUE(refused("{}", R"({"ttl":"soon"})").starts_with("ttl: "));
  EXPECT_NE(refused("{}", R"({"postgresql":{"parameters":"a"}})").find("postgresql.parameters"),
            std::string::npos);
}

TEST(RefusedChange, parameters_that_members_would_replace_by_a_default_are_refused) {
  const auto parameter = [](const char* now, const char* then) {
    return refused((std::string(R"({"postgresql":{"parameters":{)") + now + "}}}").c_str(),
                   (std::string(R"({"postgresql":{"parameters":{)") + then + "}}}").c_str());
  };
  EXPECT_EQ(
      parameter("", R"("max_connections":"abc")"),
      "postgresql.parameters.max_connections: given \"abc\" (a string), allowed: an integer of at least 25; "
      "members would use 100");
  EXPECT_EQ(
      parameter("", R"("Max_Connections":24)"),
      "postgresql.parameters.Max_Connections: given 24 (an integer), allowed: an integer of at least 25; "
      "members would use 100");
  EXPECT_NE(parameter("", R"("wal_level":"minimal")"), "");
  EXPECT_NE(parameter("", R"("hot_standby":"off")"), "");
  EXPECT_NE(parameter("", R"("wal_keep_size":"1kB")"), "");
  EXPECT_NE(parameter("", R"("track_commit_timestamp":"perhaps")"), "");
  EXPECT_NE(parameter("", R"("max_worker_processes":[8])"), "");
  EXPECT_NE(parameter(R"("max_connections":"abc")", R"("max_connections":"abcd")"), "");

  EXPECT_EQ(parameter("", R"("max_connections":"200","wal_level":"logical","wal_keep_size":"1GB")"), "");
  EXPECT_EQ(parameter("", R"("max_connections":null)"), "");
  EXPECT_EQ(parameter("", R"("port":5432,"work_mem":"anything")"), "")
      << "all members ignore the one alike, PostgreSQL judges the other";
  EXPECT_EQ(parameter(R"("max_connections":"abc")", R"("max_connections":"abc","work_mem":"1MB")"), "")
      << "what stands there already does not keep the rest from being changed";
}

TEST(RefusedChange, what_makes_commits_safe_is_not_replaced_by_a_default_in_silence) {
  EXPECT_EQ(refused("{}", R"({"synchronous_node_count":-1})"),
            "synchronous_node_count: given -1 (an integer), allowed: an integer of at least 1");
  EXPECT_EQ(refused("{}", R"({"synchronous_mode":"qorum"})"),
            "synchronous_mode: given \"qorum\" (a string), allowed: a boolean or quorum");
  for (const char* wrong :
       {R"({"synchronous_node_count":0})", R"({"synchronous_node_count":"two"})",
        R"({"synchronous_node_count":[2]})", R"({"maximum_lag_on_syncnode":-2})",
        R"({"maximum_lag_on_syncnode":"1 GB"})", R"({"synchronous_mode_strict":"perhaps"})",
        R"({"synchronous_mode":{"on":true}})", R"({"primary_stop_timeout":-5})"})
    EXPECT_NE(refused("{}", wrong), "") << wrong;
  for (const char* right :
       {R"({"synchronous_node_count":"2","maximum_lag_on_syncnode":-1,"primary_stop_timeout":0})",
        R"({"synchronous_mode":"Quorum","synchronous_mode_strict":"on"})", R"({"synchronous_mode":"off"})",
        R"({"synchronous_mode":null,"synchronous_node_count":null})"})
    EXPECT_EQ(refused("{}", right), "") << right;
  EXPECT_EQ(refused(R"({"synchronous_node_count":0})", R"({"synchronous_node_count":0,"pause":true})"), "")
      << "what stands there already does not keep the rest from being changed";
}

TEST(RefusedChange, what_was_refused_before_does_not_stand_in_the_way_of_the_rest) {
  EXPECT_EQ(refused(R"({"ttl":"soon"})", R"({"ttl":"soon","pause":true})"), "");
  EXPECT_EQ(refused(R"({"ttl":"soon"})", R"({"ttl":30})"), "");
  EXPECT_TRUE(refused(R"({"ttl":"soon"})", R"({"ttl":"soon","loop_wait":"x"})").starts_with("loop_wait: "));
  EXPECT_TRUE(refused(R"({"ttl":"soon"})", R"({"ttl":"later"})").starts_with("ttl: "));
}

}  // namespace
}  // namespace tanist::config
