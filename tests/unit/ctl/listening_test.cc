#include "ctl/listening.h"

#include <gtest/gtest.h>

#include <atomic>

#include "async/event.h"
#include "unit/ctl/surroundings.h"
#include "unit/net/serving.h"

namespace tanist::ctl {
namespace {

using namespace std::chrono_literals;
using net::test::Serving;

/// A body of these pieces, and then nothing for as long as somebody listens.
class Telling final : public net::HttpBody {
 public:
  Telling(std::vector<std::string> pieces, bool ends) : pieces_(std::move(pieces)), ends_(ends) {}
  Task<std::string> next() override {
    if (at_ < pieces_.size()) co_return pieces_[at_++];
    if (!ends_) {
      Event never;
      co_await never.wait();
    }
    co_return std::string();
  }

 private:
  std::vector<std::string> pieces_;
  bool ends_;
  std::size_t at_ = 0;
};

/// What a member answers to GET /events.
struct Member {
  std::vector<std::string> pieces = {};
  bool ends = false;
  int status = 200;
  std::string type = "text/event-stream";
  std::atomic<int>* asked = nullptr;
};

Task<net::HttpResponse> answer(Member member, net::HttpRequest) {
  if (member.asked != nullptr) ++*member.asked;
  net::HttpResponse out;
  out.status = member.status;
  out.headers.set("Content-Type", member.type);
  if (member.type == "text/event-stream")
    out.stream = std::make_shared<Telling>(member.pieces, member.ends);
  else
    out.body = "{}";
  co_return out;
}

std::string snapshot(const std::string& scope) {
  return "event: snapshot\ndata: {\"scope\": \"" + scope + "\"}\n\n";
}
const std::string kChange = "event: pause\ndata: {\"pause\": true}\n\n";

class ChangesTest : public ::testing::Test {
 protected:
  dcs::Cluster cluster(std::vector<Member> members) {
    dcs::Cluster out;
    for (auto& member : members) {
      net::HttpServerOptions options;
      options.host = "127.0.0.1";
      const auto handler = [member](net::HttpRequest request) { return answer(member, std::move(request)); };
      servers_.push_back(std::make_unique<Serving>(options, handler));
      const std::string name = "pg" + std::to_string(servers_.size());
      out.members[name].name = name;
      out.members[name].api_url = "http://127.0.0.1:" + std::to_string(servers_.back()->port()) + "/patroni";
    }
    return out;
  }
  /// How long it waits, of at most a second.
  Duration waited(Changes& changes) {
    const Instant begun = BootClock::now();
    EXPECT_TRUE(changes.wait(begun + 1s));
    return BootClock::now() - begun;
  }
  std::unique_ptr<MemberApi> api() {
    Settings settings;
    return open_member_api(settings);
  }

  std::vector<std::unique_ptr<Serving>> servers_;
  test::FakeTerminal fake_;
  Terminal terminal_ = [this] {
    Terminal out = fake_.terminal();
    out.now = [] { return BootClock::now(); };
    out.sleep_until = [](Instant) { return true; };
    return out;
  }();
};

TEST_F(ChangesTest, a_change_is_heard_at_once) {
  const auto members = api();
  Changes changes(members.get(), terminal_);
  changes.seen("shop", cluster({{.pieces = {snapshot("shop"), kChange}}}));
  EXPECT_LT(waited(changes), 900ms);
  EXPECT_GE(waited(changes), 1s) << "nothing more was told";
}

TEST_F(ChangesTest, a_snapshot_is_no_change) {
  const auto members = api();
  Changes changes(members.get(), terminal_);
  changes.seen("shop", cluster({{.pieces = {snapshot("shop")}}}));
  EXPECT_GE(waited(changes), 1s);
}

TEST_F(ChangesTest, members_that_serve_no_events_are_asked_once_and_others_are_heard) {
  std::atomic<int> asked = 0;
  const auto members = api();
  Changes changes(members.get(), terminal_);
  auto shop = cluster({{.status = 503, .type = "application/json", .asked = &asked},
                       {.status = 200, .type = "application/json", .asked = &asked},
                       {.pieces = {snapshot("other"), kChange}},
                       {.pieces = {snapshot("shop"), kChange}}});
  shop.members["gone"].api_url = "http://127.0.0.1:1/patroni";
  changes.seen("shop", shop);
  EXPECT_LT(waited(changes), 900ms);
  EXPECT_LE(asked, 2);
}

TEST_F(ChangesTest, the_end_of_a_member_is_a_change) {
  const auto members = api();
  Changes changes(members.get(), terminal_);
  changes.seen("shop", cluster({{.pieces = {snapshot("shop")}, .ends = true}}));
  EXPECT_LT(waited(changes), 900ms);
}

TEST_F(ChangesTest, without_anybody_to_listen_to_the_terminal_waits) {
  const Terminal terminal = fake_.terminal();
  Changes changes(nullptr, terminal);
  changes.seen("shop", test::shop());
  EXPECT_TRUE(changes.wait(Instant(5s)));
  EXPECT_EQ(fake_.now, Instant(5s));
  test::FakeApi fake;
  Changes of_a_fake(&fake, terminal);
  EXPECT_TRUE(of_a_fake.wait(Instant(7s)));
  EXPECT_EQ(fake_.now, Instant(7s));
}

}  // namespace
}  // namespace tanist::ctl
