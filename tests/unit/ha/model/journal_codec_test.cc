#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include "unit/ha/random_view.h"
#include "unit/ha/view_builder.h"

namespace tanist::ha {
namespace {

using namespace testing;

constexpr int kReplays = views(6'000);
constexpr std::uint64_t kSeed = 20320229;

TEST(Journal, a_recorded_view_can_be_decided_on_again) {
  std::mt19937_64 random(kSeed + 3);
  for (int i = 0; i < kReplays; ++i) {
    const View view = i % 2 == 0 ? random_view(random) : varied_view(random);
    const auto line = parse_json(to_json(encode(view)));
    ASSERT_TRUE(line);
    const auto again = decode_view(*line);
    ASSERT_TRUE(again) << again.error();
    ASSERT_EQ(to_json(encode(decide(*again))), to_json(encode(decide(view)))) << to_json(*line);
  }
}

TEST(Journal, a_recorded_view_is_recorded_the_same_again) {
  std::mt19937_64 random(kSeed + 4);
  for (int i = 0; i < kReplays; ++i) {
    const Document first = encode(i % 2 == 0 ? random_view(random) : varied_view(random));
    ASSERT_EQ(encode(*decode_view(first)), first);
  }
}

TEST(Journal, holds_no_secret) {
  ViewBuilder b = ViewBuilder().as_replica();
  b.settings.postgresql.accounts.superuser.password = Secret("hunter2");
  b.settings.ctl.authentication.password = Secret("hunter2");
  b.settings.dynamic.raw.set("postgresql", Document::map({{"password", "hunter2"}}));
  b.cluster.config.data.set("postgresql", Document::map({{"password", "hunter2"}}));
  b.cluster.members["n2"].raw = Document::map({{"password", "hunter2"}});
  b.view.postgres.facts.probe->receiver_conninfo = "password=hunter2";
  b.view.postgres.facts.pending_restart["primary_conninfo"] = {.old_value = "hunter2",
                                                               .new_value = "hunter2"};
  b.view.postgres.facts.probe->restore_command = "fetch --password hunter2";
  EXPECT_EQ(to_json(encode(b.build())).find("hunter2"), std::string::npos);
  EXPECT_EQ(to_json(encode(b.decide())).find("hunter2"), std::string::npos);
}

/// What is told of a decision is enough to see that another was made.
TEST(Journal, a_decision_that_differs_is_recorded_differently) {
  const auto recorded = [](Intent intent) {
    Decision d;
    d.intent = std::move(intent);
    return encode(d);
  };
  EXPECT_NE(recorded(intent::Rewind{.leader = "n2"}), recorded(intent::Rewind{.leader = "n3"}));
  EXPECT_NE(recorded(intent::Rewind{}), recorded(intent::Rewind{.checkpoint_source = true}));
  EXPECT_NE(recorded(intent::Clone{.source_name = "n2"}), recorded(intent::Clone{.source_name = "n3"}));
  const auto added = [](Duty duty) {
    Decision d;
    d.duties.push_back({std::move(duty)});
    return encode(d);
  };
  EXPECT_NE(added(duty::Initialize{.system_id = "1"}), added(duty::Initialize{.system_id = "2"}));
  using Answer = order::Restart::Answer;
  EXPECT_NE(added(duty::Answer{.id = 1, .answer = {}}), added(duty::Answer{.id = 2, .answer = {}}));
  EXPECT_NE(added(duty::Answer{.id = 1, .answer = Answer::refused("a")}),
            added(duty::Answer{.id = 1, .answer = Answer::refused("b")}));
}

TEST(Journal, tells_what_was_decided_and_why) {
  const Document d = encode(ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", kHere).decide());
  EXPECT_EQ(d.find_path("intent.kind")->as_string(), "acquire");
  EXPECT_EQ(d.find_path("intent.conditions.initialize")->as_string(), "2");
  EXPECT_EQ(d.find_path("reason.code")->as_string(), "acquiring");
  EXPECT_EQ(d.find_path("reason.numbers.lag_bytes")->as_int(), 0);
  EXPECT_EQ(d.find_path("mandate.kind")->as_string(), "lapse");
}

TEST(Journal, what_cannot_be_read_is_named) {
  EXPECT_EQ(decode_view(Document("x")).error(), "a recorded view cannot be read: a map is expected, not x");
  EXPECT_EQ(decode_view(Document::map({{"version", 99}})).error(), "version 99 of the journal is not known");
  const auto broken = decode_view(Document::map({{"version", kJournalVersion}, {"lock", "stolen"}}));
  EXPECT_EQ(broken.error(), "a recorded view cannot be read: lock: an unknown word: stolen");
}

}  // namespace
}  // namespace tanist::ha
