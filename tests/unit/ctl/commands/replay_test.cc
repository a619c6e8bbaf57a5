#include "ctl/commands/replay.h"

#include "ha/model/journal_codec.h"
#include "ha/policy/decide.h"
#include "json/parse.h"
#include "unit/ctl/commands/command_test.h"
#include "unit/ha/view_builder.h"

namespace tanist::ctl {
namespace {

using ha::testing::ViewBuilder;

/// A line of a journal.
Document replayed_line(const ViewBuilder& scene) {
  const ha::View view = scene.build();
  return Document::map({{"version", ha::kJournalVersion},
                        {"at", "2031-05-01T10:00:00+00:00"},
                        {"decision", ha::encode(ha::decide(view))},
                        {"view", ha::encode(view)}});
}

class ReplayTest : public test::CommandTest {
 protected:
  std::string run(const std::string& text, ReplayCommand command = {}) {
    answers(text);
    command.file = "-";
    const Terminal shown = screen.terminal();
    const std::string error = ended([&] { return run_replay(command, shown); });
    return all_said() + error;
  }
  const Document candidate =
      replayed_line(ViewBuilder().as_candidate().peer_unreachable("n2").peer("n3", ha::testing::kHere));
  const Document leader = replayed_line(ViewBuilder().as_leader());
};

bool tells(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ReplayTest, a_journal_is_decided_the_same_again) {
  EXPECT_EQ(run(to_json(candidate) + "\n" + to_json(leader) + "\n"), "2 decisions, 0 differ\n");
  EXPECT_EQ(ending, Ending::done);
}

TEST_F(ReplayTest, one_alone_is_shown_whole) {
  const std::string text = run(to_json(candidate));
  EXPECT_TRUE(text.starts_with("2031-05-01T10:00:00+00:00  n1  the same again\n  (not logged) [acquiring]\n"))
      << text;
  EXPECT_TRUE(tells(text, "    passed lag_within_limit        it lacks 0 bytes")) << text;
}

TEST_F(ReplayTest, an_answer_of_the_rest_api_is_read_too) {
  const Document answer = Document::map({{"entries", Document::list({candidate})}, {"now", leader}});
  EXPECT_EQ(run(to_json(answer)), "2 decisions, 0 differ\n");
}

TEST_F(ReplayTest, a_view_alone_has_nothing_to_differ_from) {
  const std::string text = run(to_json(*leader.find("view")));
  EXPECT_TRUE(text.starts_with("n1\n  no action. I am (n1), the leader with the lock [no_action_leader]\n"))
      << text;
}

TEST_F(ReplayTest, other_settings_show_what_would_have_been) {
  const std::string text =
      run(to_json(candidate) + "\n" + to_json(leader) + "\n", {.with = {"tags.nofailover=true"}});
  EXPECT_TRUE(tells(text,
                    "  n1  differs in reason, checks, intent, duties\n  recorded:\n    (not logged) "
                    "[acquiring] -> acquire\n"))
      << text;
  EXPECT_TRUE(tells(text,
                    "  now:\n    following a different leader because I am not allowed to promote "
                    "[not_allowed_to_promote] -> none\n"))
      << text;
  EXPECT_TRUE(tells(text, "      failed may_promote             the tag nofailover keeps it from leading\n"))
      << text;
  EXPECT_TRUE(text.ends_with("2 decisions, 1 differs\n")) << text;
  EXPECT_EQ(ending, Ending::done) << "that is what was asked";
}

TEST_F(ReplayTest, a_decision_that_is_made_otherwise_by_now_is_a_finding) {
  Document other = candidate;
  other.find("decision")->find("intent")->set("kind", "promote");
  EXPECT_TRUE(tells(run(to_json(other)), "differs in intent\n"));
  EXPECT_EQ(ending, Ending::failed);
}

TEST_F(ReplayTest, journals_from_before_there_were_checks_differ_by_none) {
  Document old = candidate;
  old.find("decision")->erase("checks");
  EXPECT_TRUE(tells(run(to_json(old)), "the same again"));
}

TEST_F(ReplayTest, lines_that_count_and_a_torn_one_are_left_out) {
  const std::string count = "{\"version\":2,\"at\":\"2031-05-01T10:00:01+00:00\",\"previous_repeated\":3}\n";
  const std::string torn = to_json(leader).substr(0, 100);
  EXPECT_EQ(run(to_json(candidate) + "\n" + count + to_json(leader) + "\n" + torn),
            "2 decisions, 0 differ\n");
}

TEST_F(ReplayTest, what_is_no_journal_is_named) {
  EXPECT_TRUE(run("{\"a\": 1}").starts_with("<stdin> is nothing of a journal\nHINT: "));
  EXPECT_TRUE(run(to_json(leader) + "\n[1]\n").starts_with("<stdin>:2 is nothing of a journal\n"));
  EXPECT_TRUE(run(to_json(leader) + "\nx\n" + to_json(leader) + "\n").starts_with("<stdin>:2: "));
  EXPECT_EQ(run(""), "<stdin> holds no decision");
  Document old = candidate;
  old.find("view")->set("version", 1);
  EXPECT_EQ(run(to_json(old)), "2031-05-01T10:00:00+00:00: version 1 of the journal is not known");
}

TEST_F(ReplayTest, a_setting_that_cannot_be_taken_is_named) {
  EXPECT_EQ(run(to_json(leader), {.with = {"ttl"}}), "--with ttl: KEY=VALUE is expected");
  EXPECT_EQ(run(to_json(leader), {.with = {"check_timline=true"}}),
            "--with check_timline=true: unknown setting 'check_timline'; did you mean 'check_timeline'?");
}

TEST_F(ReplayTest, for_programs) {
  const auto read = parse_json(run(to_json(candidate), {.format = Format::json}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->as_list().at(0).find_path("Decided.Intent")->text(), "acquire");
  EXPECT_EQ(read->as_list().at(0).find("Differs")->size(), 0u);
  EXPECT_EQ(
      run(to_json(candidate), {.format = Format::tsv}),
      "At\tMember\tRecorded\tDecided\tDiffers\n2031-05-01T10:00:00+00:00\tn1\tacquiring\tacquiring\t\n");
}

}  // namespace
}  // namespace tanist::ctl
