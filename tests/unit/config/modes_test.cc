#include "config/modes.h"

#include <gtest/gtest.h>

#include "config/build.h"
#include "config/sections/dynamic.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

using Sync = Dynamic::SyncMode;

Modes modes(std::string_view text) {
  return modes_of(json(text));
}

TEST(Modes, pause_is_what_says_yes_and_nothing_else) {
  for (const char* yes : {R"(true)", R"("on")", R"("True")", R"("yes")", R"(1)", R"("1")"})
    EXPECT_TRUE(modes(std::string(R"({"pause":)") + yes + "}").pause) << yes;
  // A daemon that takes itself for paused leaves a primary running past its lease.
  for (const char* no :
       {R"("off")", R"("OFF")", R"("false")", R"("no")", R"("0")", R"(false)", R"(0)", R"(null)", R"("")",
        R"("paused")", R"(2)", R"([true])", R"(["on"])", R"({"on":true})"})
    EXPECT_FALSE(modes(std::string(R"({"pause":)") + no + "}").pause) << no;
}

TEST(Modes, of_what_is_no_mapping_are_none) {
  for (const char* text : {"[]", "\"pause\"", "true", "null", "{}"}) EXPECT_EQ(modes(text), Modes()) << text;
}

TEST(Modes, synchronous_mode_is_off_on_or_quorum) {
  EXPECT_EQ(modes(R"({"synchronous_mode":"on"})").synchronous, Sync::on);
  EXPECT_EQ(modes(R"({"synchronous_mode":"Quorum"})").synchronous, Sync::quorum);
  EXPECT_EQ(modes(R"({"synchronous_mode":"off"})").synchronous, Sync::off);
  EXPECT_EQ(modes(R"({"synchronous_mode":["quorum"]})").synchronous, Sync::off);
  EXPECT_TRUE(modes(R"({"synchronous_mode_strict":"yes"})").synchronous_strict);
  EXPECT_EQ(modes(R"({"synchronous_mode":"on","standby_cluster":{"host":"a"}})").synchronous, Sync::off)
      << "a standby cluster acknowledges nothing";
}

TEST(Modes, a_standby_cluster_has_somebody_to_follow) {
  EXPECT_TRUE(modes(R"({"standby_cluster":{"port":5432}})").standby_cluster);
  EXPECT_TRUE(modes(R"({"standby_cluster":{"restore_command":"cp"}})").standby_cluster);
  EXPECT_FALSE(modes(R"({"standby_cluster":{"host":""}})").standby_cluster);
  EXPECT_FALSE(modes(R"({"standby_cluster":["host"]})").standby_cluster);
  EXPECT_FALSE(modes(R"({"standby_cluster":{"create_replica_methods":["x"]}})").standby_cluster);
}

TEST(Modes, are_the_ones_that_the_engine_works_with) {
  const Document all = json(R"({"pause":"on","failsafe_mode":"yes","synchronous_mode":"quorum",)"
                            R"("synchronous_mode_strict":1})");
  const Dynamic built = build_dynamic(*accept_dynamic(all));
  EXPECT_EQ(modes_of(all), (Modes{built.pause, built.failsafe_mode, built.standby_cluster,
                                  built.synchronous_mode, built.synchronous_mode_strict}));
  EXPECT_TRUE(built.pause && built.failsafe_mode && built.synchronous_mode_strict);
  EXPECT_FALSE(build_dynamic(*accept_dynamic(json(R"({"pause":"off"})"))).pause);
}

}  // namespace
}  // namespace tanist::config
