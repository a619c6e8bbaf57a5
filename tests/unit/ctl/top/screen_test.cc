#include "ctl/top/screen.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ctl/show/unicode.h"
#include "json/parse.h"
#include "unit/ctl/clusters.h"

namespace tanist::ctl {
namespace {

using namespace std::chrono_literals;

constexpr Instant kSeen{100s};

TopModel shop_on_screen() {
  TopModel model;
  model.cluster = "shop";
  model.store = "etcd";
  take_cluster(model, test::shop(), kSeen);
  take_answer(model, "pga",
              parse_json(R"({"state": "running", "timeline": 5, "xlog": {"location": 2000000}})").value());
  for (const int at : {0, 500000, 1000000, 2000000}) {
    take_answer(model, "pgb",
                parse_json(R"({"state": "running", "replication_state": "streaming", "timeline": 5,
        "xlog": {"replayed_location": )" +
                           std::to_string(at) + "}}")
                    .value());
    take_lags(model);
  }
  return model;
}

std::string drawn(const TopModel& model, ScreenSize size = {}, Instant now = kSeen, bool unicode = true) {
  const auto lines = screen(model, size, now, "03:00:05", unicode);
  EXPECT_EQ(static_cast<int>(lines.size()), std::max(1, size.rows));
  std::string out;
  for (const auto& line : lines) {
    std::string text = text_of(line);
    EXPECT_LE(display_width(text), static_cast<std::size_t>(size.columns)) << text;
    while (text.ends_with(' ')) text.pop_back();
    out += text + "\n";
  }
  return out;
}

TEST(TopScreen, shows_members_with_their_curves_and_the_last_events) {
  auto model = shop_on_screen();
  take_event(model, "pgb", {"a-1", "leader", parse_json(R"({"leader": "pga", "before": null})").value()},
             kSeen, "03:00:01");
  EXPECT_EQ(drawn(model, {.columns = 80, .rows = 12}),
            " shop (7411111111111111111)  leader pga                                03:00:05\n"
            " 2 members, etcd answers\n"
            "\n"
            "  MEMBER ROLE           STATE               TL      LAG  LAG, TOP 1953 kB\n"
            "> pga    Leader         running              5\n"
            "  pgb    Replica        streaming            5      0 B  █▇▅▁\n"
            "\n"
            " EVENTS  as pgb tells\n"
            " 03:00:01 pga leads\n"
            "\n"
            "\n"
            " q quit  ? help  j/k select  s switch over to  r restart  p pause\n");
}

TEST(TopScreen, synchronous_standbys_are_named_as_in_a_list) {
  const auto row = [](const char* mode) {
    dcs::Cluster cluster = test::shop();
    cluster.sync.leader = "pga";
    cluster.sync.voters = {"pgb"};
    cluster.config = {dcs::Version("1"), Document::map({{"synchronous_mode", mode}}), true};
    TopModel model;
    model.cluster = "shop";
    take_cluster(model, cluster, kSeen);
    return drawn(model);
  };
  EXPECT_NE(row("on").find("  pgb    Sync Standby   streaming"), std::string::npos) << row("on");
  EXPECT_NE(row("quorum").find("  pgb    Quorum Standby streaming"), std::string::npos) << row("quorum");
}

TEST(TopScreen, a_member_that_does_not_answer_is_shown_with_the_reason) {
  auto model = shop_on_screen();
  take_silence(model, "pgb", "connecting to http://10.1.0.12:8008: connection refused");
  EXPECT_NE(
      drawn(model).find("  pgb    Replica        no answer            4  unknown  connecting to http://10"),
      std::string::npos)
      << drawn(model);
}

TEST(TopScreen, a_store_that_is_gone_is_shown_with_the_age_of_the_picture) {
  auto model = shop_on_screen();
  model.store_trouble = "no node answers";
  EXPECT_NE(
      drawn(model, {}, kSeen + 75s).find(" etcd does not answer, the picture is 75 s old: no node answers\n"),
      std::string::npos)
      << drawn(model, {}, kSeen + 75s);
  model.store_trouble.clear();
  EXPECT_NE(drawn(model, {}, kSeen + 3h).find(" the picture is 3 h old\n"), std::string::npos);
  TopModel empty;
  empty.store = "etcd";
  empty.store_trouble = "no node answers";
  EXPECT_NE(drawn(empty).find(" etcd does not answer: no node answers\n"), std::string::npos);
}

TEST(TopScreen, pause_and_plans_stand_in_the_header) {
  auto model = shop_on_screen();
  model.pause = true;
  model.planned = "switchover from pga to pgb at 2031-05-04T03:00:00+02:00";
  const auto text = drawn(model);
  EXPECT_NE(text.find("\n PAUSED  2 members, etcd answers  switchover from pga to pgb at"), std::string::npos)
      << text;
  EXPECT_NE(text.find("p resume"), std::string::npos);
}

TEST(TopScreen, the_last_line_asks_tells_what_is_under_way_or_what_came_of_it) {
  auto model = shop_on_screen();
  model.message = "03:00:00 pause: done";
  EXPECT_TRUE(drawn(model).ends_with("\n 03:00:00 pause: done\n"));
  model.busy = "switchover to pgb";
  model.busy_since = kSeen;
  EXPECT_TRUE(drawn(model, {}, kSeen + 4s).ends_with("\n switchover to pgb, 4 s ...\n"));
  model.question = {{}, "Restart PostgreSQL of pga? [y/N]: ", "y"};
  EXPECT_TRUE(drawn(model).ends_with("\n Restart PostgreSQL of pga? [y/N]: y\n"));
}

TEST(TopScreen, the_selected_member_is_in_sight) {
  auto cluster = test::shop();
  for (int i = 10; i < 60; ++i) test::add_member(cluster, "pgm" + std::to_string(i), "10.1.1.1");
  TopModel model;
  take_cluster(model, cluster, kSeen);
  for (const char* name : {"pga", "pgm10", "pgm35", "pgm59"}) {
    model.selected = name;
    EXPECT_NE(drawn(model).find("\n> " + std::string(name) + " "), std::string::npos) << name << drawn(model);
  }
}

TEST(TopScreen, fits_every_size) {
  auto model = shop_on_screen();
  model.message = std::string(500, 'm');
  for (int i = 0; i < 100; ++i)
    take_event(model, "pga",
               {"a", "rejoin", parse_json(R"({"member": "pgb", "error": "äöü 日本語 日本語"})").value()},
               kSeen, "03:00:00");
  model.find("pgb")->role = "日本語日本語日本語日本語";
  for (const int columns : {1, 10, 39, 40, 60, 80, 81, 200, 500})
    for (const int rows : {0, 1, 7, 8, 10, 24, 100}) {
      drawn(model, {.columns = columns, .rows = rows});
      model.help = !model.help;
    }
}

TEST(TopScreen, nothing_in_it_is_obeyed_by_a_terminal) {
  auto model = shop_on_screen();
  take_silence(model, "pgb", "\033[2J\tgone\xc2\x9b");
  const auto text = drawn(model, {.columns = 120});
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(text.find("?[2J?gone?"), std::string::npos) << text;
}

TEST(TopScreen, a_terminal_of_ascii_gets_nothing_else) {
  const auto text = drawn(shop_on_screen(), {}, kSeen, false);
  EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) << text;
  EXPECT_NE(text.find("#*=_"), std::string::npos) << text;
}

}  // namespace
}  // namespace tanist::ctl
