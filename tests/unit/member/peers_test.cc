#include "member/peers.h"

#include <gtest/gtest.h>

#include "unit/net/certificates.h"
#include "unit/net/serving.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;
using net::test::Certificates;
using net::test::Serving;

/// The last body of a POST /failsafe.
std::string asked_for_promises;

Task<net::HttpResponse> document(net::HttpRequest request) {
  net::HttpResponse out;
  if (request.target == "/other") {
    out.body =
        R"({"role":"primary","xlog":{"location":9},"patroni":{"version":"4.1.4","scope":"shop","name":"pgc"}})";
    co_return out;
  }
  const bool user = request.headers.find("Authorization") != nullptr;
  if (request.method == "POST" && request.target == "/failsafe") {
    out.status = user ? 200 : 401;
    out.body = request.body.find(R"("name":"pga")") != std::string::npos ? "Accepted" : "Accepted by another";
    asked_for_promises = request.body;
    co_return out;
  }
  out.body = user ? R"({"role":"replica","xlog":{"received_location":7}})" : "{}";
  co_return out;
}

class PeersTest : public ::testing::Test {
 protected:
  PeersTest() {
    ctl.authentication = {"u", Secret("p")};
    tls.ca_file = files.path("ca.crt");
    tls.cert_file = files.path("server.crt");
    tls.key_file = files.path("server.key");
  }
  void serve(net::ClientCertificates clients) {
    net::HttpServerOptions options;
    options.host = "127.0.0.1";
    options.tls = net::load_server_tls(tls, clients).value();
    serving.emplace(std::move(options), document);
  }
  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(serving->port()) + "/patroni";
  }
  ha::PeerAnswer ask(const std::string& host) {
    peers.use(ctl, load_peer_tls(ctl).value());
    return tanist::test::run(io, peers.ask({{"pgb", url(host)}}, clock.now() + 5s)).at("pgb");
  }
  bool anybody(const std::string& api_url, const std::string& name = "pgb") {
    peers.use(ctl, load_peer_tls(ctl).value());
    return tanist::test::run(io, peers.answers_as(name, api_url, clock.now() + 5s));
  }
  void use_client_certificate(const std::string& ca) {
    ctl.tls.ca_file = ca;
    ctl.tls.cert_file = files.path("client.crt");
    ctl.tls.key_file = files.path("client.key");
  }

  Certificates files;
  net::TlsOptions tls;
  boost::asio::io_context io{1};
  SystemClock clock;
  config::Ctl ctl;
  HttpPeers peers{io.get_executor(), clock, "shop"};
  std::optional<Serving> serving;
};

TEST_F(PeersTest, without_a_client_certificate_nothing_is_checked) {
  serve(net::ClientCertificates::ignored);
  EXPECT_EQ(ask("127.1").position, Lsn{7});
}

TEST_F(PeersTest, a_promise_is_exactly_that_word) {
  serve(net::ClientCertificates::ignored);
  peers.use(ctl, load_peer_tls(ctl).value());
  ha::FailsafeQuestion question{.leader = "pga",
                                .conn_url = "postgres://10.0.0.1:5432/postgres",
                                .api_url = "http://10.0.0.1:8008/patroni",
                                .slots = {{"pgb", Lsn{83886432}}},
                                .valid_for = 30s};
  const auto ask = [&] {
    std::map<std::string, std::string> urls{{"pgb", url("127.0.0.1")}, {"pgc", "no URL"}};
    return tanist::test::run(io, peers.ask_promises(urls, question, clock.now() + 5s));
  };
  auto replies = ask();
  EXPECT_TRUE(replies.at("pgb").accepted) << replies.at("pgb").why;
  EXPECT_EQ(asked_for_promises,
            R"({"name":"pga","conn_url":"postgres://10.0.0.1:5432/postgres",)"
            R"("api_url":"http://10.0.0.1:8008/patroni","tanist_valid_for":30.0,"slots":{"pgb":83886432}})");
  EXPECT_FALSE(replies.at("pgc").accepted);
  EXPECT_EQ(replies.at("pgc").why, "api_url 'no URL' is no URL");
  question.leader = "pgx";
  replies = ask();
  EXPECT_FALSE(replies.at("pgb").accepted);
  EXPECT_EQ(replies.at("pgb").why, "HTTP 200: Accepted by another");
}

TEST_F(PeersTest, with_one_the_chain_is_checked_and_the_name_is_not) {
  serve(net::ClientCertificates::required);
  EXPECT_FALSE(ask("127.0.0.1").reachable) << "a certificate is required";
  use_client_certificate(files.path("ca.crt"));
  EXPECT_EQ(ask("127.1").position, Lsn{7});
  use_client_certificate(files.path("client.crt"));
  EXPECT_FALSE(ask("127.0.0.1").reachable) << "no CA that vouches for it";
}

TEST_F(PeersTest, another_member_under_the_address_is_not_the_one_that_was_asked) {
  serve(net::ClientCertificates::ignored);
  peers.use(ctl, load_peer_tls(ctl).value());
  const std::string other = "https://127.0.0.1:" + std::to_string(serving->port()) + "/other";
  const auto answers = tanist::test::run(io, peers.ask({{"pgb", other}, {"pgc", other}}, clock.now() + 5s));
  EXPECT_FALSE(answers.at("pgb").reachable);
  EXPECT_FALSE(answers.at("pgb").primary);
  EXPECT_EQ(answers.at("pgb").error, "it is of member 'pgc', not of 'pgb'");
  EXPECT_TRUE(answers.at("pgc").primary);
}

TEST(StatusDocument, counts_when_nothing_in_it_speaks_against_it) {
  const auto read = [](const std::string& about) {
    return read_status_document(R"({"role":"replica","wal":{"received_location":7})" + about + "}",
                                {"shop", "pgb"});
  };
  EXPECT_EQ(read(R"(,"patroni":{"version":"4.1.4","scope":"shop","name":"pgb"})").position, Lsn{7});
  EXPECT_TRUE(read("").reachable) << "an old member tells neither";
  EXPECT_TRUE(read(R"(,"patroni":{"version":"1.6.5","scope":"shop"})").reachable);
  const auto foreign = read(R"(,"patroni":{"version":"4.1.4","scope":"till","name":"pgb"})");
  EXPECT_FALSE(foreign.reachable);
  EXPECT_EQ(foreign.position, Lsn());
  EXPECT_EQ(foreign.error, "it is of a member of cluster 'till', not of 'shop'");
  const auto starting = read_status_document(
      R"({"state":"starting","patroni":{"scope":"till","name":"pgb"}})", {"shop", "pgb"});
  EXPECT_FALSE(starting.starting) << "nor is it known that the one that is meant starts";
}

TEST_F(PeersTest, a_certificate_that_cannot_be_used_is_not_done_without) {
  serve(net::ClientCertificates::ignored);
  ctl.tls.cert_file = "/nonexistent/client.crt";
  peers.use(ctl, nullptr);
  const auto answer =
      tanist::test::run(io, peers.ask({{"pgb", url("127.0.0.1")}}, clock.now() + 5s)).at("pgb");
  EXPECT_FALSE(answer.reachable);
  EXPECT_NE(answer.error.find("cannot use certificate file /nonexistent/client.crt"), std::string::npos)
      << answer.error;
}

TEST_F(PeersTest, who_refuses_the_handshake_is_somebody) {
  serve(net::ClientCertificates::required);
  EXPECT_TRUE(anybody(url("127.0.0.1")));
  use_client_certificate(files.path("ca.crt"));
  EXPECT_TRUE(anybody(url("127.0.0.1")));
  EXPECT_FALSE(anybody("https://127.0.0.1:1/patroni"));
  EXPECT_FALSE(anybody("http://127.0.0.1:1/patroni"));
}

TEST_F(PeersTest, who_got_the_address_of_another_keeps_no_name_from_being_used) {
  serve(net::ClientCertificates::ignored);
  const std::string other = "https://127.0.0.1:" + std::to_string(serving->port()) + "/other";
  EXPECT_FALSE(anybody(other, "pgb")) << "it says that it is pgc";
  EXPECT_TRUE(anybody(other, "pgc"));
  EXPECT_TRUE(anybody(url("127.0.0.1"))) << "it does not say who it is";
}

TEST(PeerAnswers, tell_where_the_wal_of_a_standby_ends) {
  const auto answer = read_status_document(
      R"({"role":"replica","timeline":3,"xlog":{"received_location":500,"replayed_location":400}})",
      {"sc", "pg1"});
  EXPECT_TRUE(answer.reachable);
  EXPECT_FALSE(answer.primary);
  EXPECT_EQ(answer.timeline.value, 3U);
  EXPECT_EQ(answer.position.value, 500U);
  EXPECT_EQ(answer.replayed.value, 400U);
  EXPECT_FALSE(answer.diverged);
}

TEST(PeerAnswers, ages_become_moments_of_who_asked) {
  const Instant now(1000s);
  const ha::PeerIdentity who{"shop", "pgb"};
  const auto answer =
      read_status_document(R"({"tanist_writes_ended_us":2000000,"tanist_writes_began_us":5000})", who, now);
  EXPECT_FALSE(answer.reachable) << "one that starts tells it as well";
  EXPECT_EQ(answer.writes_ended, now - 2s);
  EXPECT_EQ(answer.writes_began, now - 5ms);
  for (const char* wrong : {"-1", "\"1\"", "9223372036854775807", "null"}) {
    const std::string body = std::string(R"({"tanist_writes_ended_us":)") + wrong + "}";
    EXPECT_FALSE(read_status_document(body, who, now).writes_ended) << wrong;
  }
}

TEST(PeerAnswers, an_unknown_timeline_is_null) {
  EXPECT_FALSE(
      read_status_document(R"({"timeline":null,"xlog":{"replayed_location":400}})", {"sc", "pg1"}).timeline);
}

TEST(PeerAnswers, tell_who_has_left_the_leaders_wal) {
  EXPECT_TRUE(
      read_status_document(R"({"xlog":{"replayed_location":400},"tanist_diverged":true})", {"sc", "pg1"})
          .diverged);
}

TEST(PeerAnswers, tell_which_timeline_of_its_number_it_is) {
  const auto branch = [](const std::string& more) {
    return read_status_document(R"({"xlog":{"replayed_location":400})" + more + "}", {"sc", "pg1"}).branch;
  };
  EXPECT_EQ(branch(R"(,"tanist_branch":"1f-2")"), "1f-2");
  EXPECT_EQ(branch(R"(,"tanist_branch":7)"), "");
  EXPECT_EQ(branch(""), "") << "members of other make do not tell";
}

TEST(PeerAnswers, tell_who_replays_late_on_purpose) {
  const auto delayed = [](const std::string& more) {
    return read_status_document(R"({"xlog":{"replayed_location":400})" + more + "}", {"sc", "pg1"}).delayed;
  };
  EXPECT_TRUE(delayed(R"(,"tanist_delayed":true)"));
  EXPECT_FALSE(delayed(R"(,"tanist_delayed":false)"));
  EXPECT_FALSE(delayed("")) << "members of other make do not tell";
}

TEST(PeerAnswers, tell_of_logical_slots) {
  const auto slots = [](const std::string& more) {
    return read_status_document(R"({"xlog":{"replayed_location":400})" + more + "}", {"sc", "pg1"})
        .logical_slots;
  };
  EXPECT_EQ(slots(R"(,"tanist_logical_slots":["feed","audit"])"),
            (std::vector<std::string>{"audit", "feed"}));
  EXPECT_EQ(slots(R"(,"tanist_logical_slots":[])"), std::vector<std::string>());
  EXPECT_FALSE(slots("")) << "members of other make do not tell";
  for (const char* nonsense : {"null", "{}", "[1]", "\"feed\"", "[null]"})
    EXPECT_FALSE(slots(std::string(R"(,"tanist_logical_slots":)") + nonsense)) << nonsense;
}

TEST(PeerAnswers, tell_how_the_wal_has_come_to_its_timeline) {
  const auto way = [](const std::string& told) {
    return read_status_document(R"({"xlog":{"replayed_location":400},"tanist_timelines":)" + told + "}",
                                {"sc", "pg1"})
        .way;
  };
  const auto two = way("[[1,400],[2,500]]");
  ASSERT_TRUE(two);
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(two->back().parent, Timeline{2});
  EXPECT_EQ(two->back().switch_lsn, Lsn{500});
  EXPECT_TRUE(way("[]"));
  for (const char* nonsense : {"null", "{}", "[1]", "[[1]]", "[[0,400]]", "[[1,-1]]", R"([["1",400]])"})
    EXPECT_FALSE(way(nonsense)) << nonsense;
  EXPECT_FALSE(read_status_document(R"({"xlog":{"replayed_location":400}})", {"sc", "pg1"}).way);
}

TEST(PeerTls, is_checked_only_by_who_has_a_certificate) {
  Certificates files;
  config::Ctl ctl;
  ctl.tls.ca_file = "/nonexistent/ca.crt";
  EXPECT_TRUE(load_peer_tls(ctl)) << "without a client certificate nobody looks at it";
  ctl.tls.cert_file = files.path("client.crt");
  ctl.tls.key_file = files.path("client.key");
  EXPECT_FALSE(load_peer_tls(ctl));
  ctl.tls.ca_file = files.path("ca.crt");
  EXPECT_TRUE(load_peer_tls(ctl));
}

}  // namespace
}  // namespace tanist::member
