#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "async/task_scope.h"
#include "async/wait.h"
#include "contract/etcd3_member.h"
#include "core/format.h"
#include "dcs/etcd3/messages.h"
#include "json/parse.h"
#include "log/log.h"
#include "net/http.h"

/// What only etcd 3 has: several nodes, raft terms, logins, certificates.
namespace tanist::contract {
namespace {

TEST(Etcd3, a_renewal_takes_two_requests_and_a_kept_session_one) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  a.read(Read::watched);
  world.proxy("a").take_requests();
  ASSERT_EQ(a.run(a.store->renew(dcs::Status{Lsn{5}, {}, {}}, a.in(kBudget))).outcome, RenewOutcome::proven);
  EXPECT_EQ(world.proxy("a").take_requests(),
            (std::map<std::string, int>{{"/v3/kv/txn", 1}, {"/v3/lease/keepalive", 1}}));
  ASSERT_TRUE(a.run(a.store->keep_session(a.in(kBudget))).done());
  EXPECT_EQ(world.proxy("a").take_requests(), (std::map<std::string, int>{{"/v3/lease/keepalive", 1}}));
}

TEST(Etcd3, keys_of_others_below_the_path_are_left_alone) {
  Etcd3Fixture world;
  const std::map<std::string, std::string> theirs = {
      {"colour", "red"}, {"other/config", "{}"}, {"members/b/notes", "x"}, {"tanist/journal", "[]"}};
  for (const auto& [key, value] : theirs) world.put_by_hand(key, value);
  Member a(through_proxy(world));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  ASSERT_TRUE(a.run(a.store->touch_member(Document::map({{"state", "running"}}), a.in(kBudget))).done());
  EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
  const auto view = a.read();
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_EQ(view->members.size(), 1u) << "a key below a member's is no member";
  ASSERT_TRUE(a.run(a.store->release(std::nullopt, a.in(kBudget))).done());
  for (const auto& [key, value] : theirs) EXPECT_EQ(world.value_by_hand(key), value) << key;
}

TEST(Etcd3, a_new_retry_timeout_bounds_the_next_watch) {
  Etcd3Fixture world;
  Member a(through_proxy(world));
  a.open();
  a.read(Read::watched);
  a.store->set_timing({.ttl = 2s, .loop_wait = 1s, .retry_timeout = 300ms});
  // A node that takes the next watch and says nothing.
  auto& proxy = world.proxy("a");
  proxy.answer("/watch", [](const std::string&) { return std::string(); });
  proxy.take_requests();
  proxy.close_watches();
  const Instant begin = a.clock.now();
  while (!proxy.take_requests().contains("/v3/watch") && a.clock.now() - begin < 10s) a.pass(10ms);
  proxy.answer("/watch", {});
  // The timeout and a pause of one second; the timeout it was opened with is three.
  EXPECT_TRUE(a.run(a.store->load(Read::watched, a.in(2500ms))));
}

TEST(Etcd3, an_etcd_that_is_restarted_is_found_again) {
  EtcdProcess etcd({});
  etcd.start();
  ASSERT_TRUE(etcd.wait_healthy());
  Member a(at({etcd.port()}, false));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  a.read(Read::watched);
  etcd.kill();
  EXPECT_EQ(a.renew(400ms).outcome, RenewOutcome::unproven);
  a.pass(50ms);
  EXPECT_EQ(a.store->watched(), nullptr) << "a copy without its stream is not shown";
  etcd.start();
  const auto renewal = a.renew(20s);
  EXPECT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_EQ(a.read(Read::watched)->leader_name(), "a");
}

TEST(Etcd3, opening_waits_for_an_etcd_that_is_not_there_and_ends_at_once_when_told_to) {
  Member a(at({free_port()}));
  std::vector<std::string> lines;
  log::redirect([&](log::Level, const std::string& line) { lines.push_back(line); });
  struct Attempt {
    static Task<void> run(Member* a, Clock* clock) {
      TaskScope scope(co_await boost::asio::this_coro::executor);
      scope.spawn("open", a->store->open({"a", "first", {}}));
      co_await clock->sleep_for(300ms);
      co_await scope.close();
    }
  };
  const Instant begin = a.clock.now();
  test::run(a.io, Attempt::run(&a, &a.clock));
  EXPECT_LT(a.clock.now() - begin, 1s);
  log::redirect([](log::Level, const std::string&) {});
  EXPECT_NE(std::ranges::find(lines, "waiting on etcd"), lines.end());
}

TEST(Etcd3, an_old_etcd_gets_a_warning_with_a_hint) {
  std::vector<std::string> lines;
  log::redirect([&](log::Level level, const std::string& line) {
    if (level == log::Level::warning) lines.push_back(line);
  });
  {
    Member a(at({shared_etcd().port()}));
    a.open();
  }
  log::redirect([](log::Level, const std::string&) {});
  std::string said;
  for (const auto& line : lines) said += line;
  // `etcd Version: 3.4.23`, as in Debian 12; a newer one has nothing to be warned of.
  std::string about;
  ASSERT_EQ(run_program({"/usr/bin/etcd", "--version"}, &about), 0);
  const auto at = about.find(": ");
  ASSERT_NE(at, std::string::npos) << about;
  const auto version = dcs::etcd3::parse_version(std::string_view(about).substr(at + 2));
  ASSERT_TRUE(version) << about;
  EXPECT_EQ(said.find("HINT: upgrade etcd") != std::string::npos,
            dcs::etcd3::keepalive_is_unreliable(*version))
      << about << said;
}

/// An etcd whose space is used up, and a leader that held the key before it was.
class FullEtcd : public ::testing::Test {
 protected:
  void SetUp() override {
    etcd.start();
    ASSERT_TRUE(etcd.wait_healthy());
    a.open();
    ASSERT_EQ(a.acquire(), Outcome::done);
    for (int i = 0; i < 64 && !full(fmt::format("/filler/{}", i)); ++i) {
    }
    ASSERT_TRUE(full("/filler/last"));
    log::redirect([this](log::Level level, const std::string& line) {
      if (level == log::Level::error) errors.push_back(line);
    });
  }
  void TearDown() override {
    log::redirect([](log::Level, const std::string&) {});
  }
  bool full(const std::string& key) {
    const auto body = dcs::etcd3::txn_body({}, {dcs::etcd3::put(key, std::string(100'000, 'x'))}, {});
    return etcd.post("/v3/kv/txn", body).find("database space exceeded") != std::string::npos;
  }
  dcs::Renewal renew() { return a.run(a.store->renew(dcs::Status{Lsn{5}, {}, {}}, a.in(20s))); }

  EtcdProcess etcd{[] {
    EtcdProcess::Options options;
    options.more = {"--quota-backend-bytes=2097152"};
    return options;
  }()};
  Member a{at({etcd.port()}, false)};
  std::vector<std::string> errors;
};

TEST_F(FullEtcd, leaves_the_leader_its_key_and_is_complained_of_once_a_minute) {
  for (int i = 0; i < 2; ++i) {
    const auto renewal = renew();
    EXPECT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
    EXPECT_FALSE(renewal.status_written);
  }
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].find("etcd is out of space"), std::string::npos) << errors[0];
  EXPECT_NE(errors[0].find("HINT: "), std::string::npos) << errors[0];
  const auto released = a.run(a.store->release(dcs::Status{Lsn{6}, {}, {}}, a.in(kBudget)));
  EXPECT_TRUE(released.done()) << released.detail;
  EXPECT_EQ(a.read()->leader_name(), "");
}

class Login : public ::testing::Test {
 protected:
  void SetUp() override {
    EtcdProcess::Options options;
    options.more = {"--auth-token=simple"};
    etcd = std::make_unique<EtcdProcess>(std::move(options));
    etcd->start();
    ASSERT_TRUE(etcd->wait_healthy());
    ask(*etcd, "/v3/auth/user/add", R"({"name":"root","password":"secret"})");
    ask(*etcd, "/v3/auth/role/add", R"({"name":"root"})");
    ask(*etcd, "/v3/auth/user/grant", R"({"user":"root","role":"root"})");
    ask(*etcd, "/v3/auth/enable", "{}");
  }
  dcs::etcd3::Options with(const std::string& user, const std::string& password) {
    auto out = at({etcd->port()}, false);
    out.connection.username = user;
    out.connection.password = Secret(password);
    return out;
  }
  std::unique_ptr<EtcdProcess> etcd;
};

TEST_F(Login, a_token_that_is_not_valid_any_more_is_renewed) {
  Member a(with("root", "secret"));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  a.read(Read::watched);
  // Simple tokens do not outlive the process: the same as one that has expired.
  etcd->kill();
  etcd->start();
  const auto renewal = a.renew(20s);
  EXPECT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  EXPECT_EQ(a.read(Read::watched)->leader_name(), "a");
  EXPECT_EQ(a.read()->leader_name(), "a");
}

TEST_F(Login, a_password_that_changed_is_taken_over_by_a_reload) {
  Member a(with("root", "secret"));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  const auto reload = [&](const std::string& password) {
    a.store->reload(with("root", password).connection);
  };
  reload("mistyped");
  EXPECT_EQ(a.renew().outcome, RenewOutcome::proven) << "the login in use stays";
  reload("secret");

  // It ends the logins that were made with the old one.
  const auto login =
      parse_json(ask(*etcd, "/v3/auth/authenticate", R"({"name":"root","password":"secret"})"));
  net::HttpClient http(a.io.get_executor(), a.clock);
  net::HttpRequest change;
  change.method = "POST";
  change.target = "/v3/auth/user/changepw";
  change.headers.set("Authorization", login->find("token")->as_string());
  change.body = R"({"name":"root","password":"changed"})";
  const auto changed = a.run(http.request({"127.0.0.1", etcd->port(), false}, change, a.in(kBudget)));
  ASSERT_TRUE(changed && changed->status == 200);

  const auto refused = a.renew(1s);
  EXPECT_NE(refused.outcome, RenewOutcome::proven);
  EXPECT_NE(refused.detail.find("authentication failed"), std::string::npos) << refused.detail;
  reload("changed");
  EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
}

TEST_F(Login, a_wrong_password_ends_the_start) {
  Member a(with("root", "wrong"));
  EXPECT_THROW(a.open(), dcs::FatalStoreError);
}

TEST_F(Login, without_a_login_nothing_works_and_says_why) {
  Member a(with("", ""));
  a.open();
  const auto view = a.run(a.store->load(Read::linearizable, a.in(1s)));
  ASSERT_FALSE(view);
  EXPECT_NE(view.error().detail.find("Username or password not set"), std::string::npos)
      << view.error().detail;
}

TEST_F(Login, a_login_that_is_not_needed_does_no_harm) {
  Member a(with("root", "secret"));
  const auto token =
      parse_json(ask(*etcd, "/v3/auth/authenticate", R"({"name":"root","password":"secret"})"));
  ASSERT_TRUE(token && token->find("token"));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  Member b([] {
    auto options = at({shared_etcd().port()});
    options.base_path = "/service/nologin";
    options.connection.username = "root";
    options.connection.password = Secret("x");
    return options;
  }());
  b.open();
  EXPECT_EQ(b.acquire(), Outcome::done);
  EXPECT_TRUE(b.run(b.store->release(std::nullopt, b.in(kBudget))).done());
}

TEST(Etcd3, tls_with_client_certificates) {
  TemporaryDirectory files;
  const auto path = [&](const std::string& name) { return files.path() + "/" + name; };
  const std::vector<std::string> key{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"};
  const auto openssl = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    std::string output;
    EXPECT_EQ(run_program(words, &output), 0) << output;
  };
  const auto with_key = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, key.begin(), key.end());
    return words;
  };
  openssl(with_key(
      {"req", "-x509", "-subj", "/CN=ca", "-keyout", path("ca.key"), "-out", path("ca.crt"), "-days", "2"}));
  for (const std::string who : {"server", "client"}) {
    openssl(with_key({"req", "-subj", "/CN=" + who, "-keyout", path(who + ".key"), "-out", path(who + ".csr"),
                      "-addext", "subjectAltName=IP:127.0.0.1"}));
    openssl({"x509", "-req", "-in", path(who + ".csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"),
             "-CAcreateserial", "-copy_extensions", "copy", "-days", "2", "-out", path(who + ".crt")});
  }
  EtcdProcess::Options options;
  options.cert_file = path("server.crt");
  options.key_file = path("server.key");
  options.client_ca_file = path("ca.crt");
  EtcdProcess etcd(options);
  etcd.start();

  auto secure = at({etcd.port()}, false);
  secure.connection.https = true;
  secure.connection.tls.ca_file = path("ca.crt");
  secure.connection.tls.cert_file = path("client.crt");
  secure.connection.tls.key_file = path("client.key");
  {
    Member a(secure);
    a.open();
    ASSERT_EQ(a.acquire(), Outcome::done);
    EXPECT_EQ(a.renew().outcome, RenewOutcome::proven);
    EXPECT_EQ(a.read(Read::watched)->leader_name(), "a");
    ASSERT_TRUE(a.run(a.store->release(std::nullopt, a.in(kBudget))).done());
  }
  secure.connection.tls.cert_file.clear();
  secure.connection.tls.key_file.clear();
  boost::asio::io_context io;
  SystemClock clock;
  const auto access = dcs::make_access(io.get_executor(), clock, secure.connection, {"service", "x"});
  const auto refused = test::run(io, access->load(clock.now() + 2s));
  EXPECT_FALSE(refused) << "a client without a certificate";
}

/// Three nodes, each reached through a proxy; what they advertise leads to the proxies.
class ThreeNodes : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<int> client_ports;
    std::vector<int> peer_ports;
    std::string cluster;
    for (int i = 0; i < 3; ++i) {
      client_ports.push_back(free_port());
      peer_ports.push_back(free_port());
      proxies.push_back(std::make_unique<Proxy>(client_ports.back()));
      cluster += fmt::format("{}n{}=http://127.0.0.1:{}", i == 0 ? "" : ",", i, peer_ports.back());
    }
    for (int i = 0; i < 3; ++i) {
      EtcdProcess::Options options;
      options.name = fmt::format("n{}", i);
      options.client_port = client_ports[static_cast<std::size_t>(i)];
      options.peer_port = peer_ports[static_cast<std::size_t>(i)];
      options.advertised_port = proxies[static_cast<std::size_t>(i)]->port();
      options.cluster = cluster;
      nodes.push_back(std::make_unique<EtcdProcess>(options));
      nodes.back()->start();
    }
    for (auto& node : nodes) ASSERT_TRUE(node->wait_healthy());
  }
  std::size_t leader() {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto status = parse_json(nodes[i]->post("/v3/maintenance/status", "{}"));
      if (!status || status->find("leader") == nullptr) continue;
      const auto* mine = status->find_path("header.member_id");
      if (mine != nullptr && mine->text() == status->find("leader")->text()) return i;
    }
    ADD_FAILURE() << "no node leads";
    return 0;
  }
  std::vector<std::unique_ptr<Proxy>> proxies;
  std::vector<std::unique_ptr<EtcdProcess>> nodes;
};

TEST_F(ThreeNodes, one_endpoint_is_enough_to_survive_the_loss_of_any_node) {
  Member a(at({proxies[1]->port()}, false));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  a.read(Read::watched);
  for (const std::size_t lost : {1, 0}) {
    proxies[lost]->cut();
    const auto renewal = a.renew(4s);
    EXPECT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
    EXPECT_EQ(a.read(Read::watched)->leader_name(), "a");
    proxies[lost]->heal();
  }
}

TEST_F(ThreeNodes, a_leader_stuck_in_its_disk_proves_nothing) {
  const std::size_t stuck = leader();
  const std::size_t next = (stuck + 1) % 3;
  Member a(at({proxies[stuck]->port()}, true));
  Member b(at({proxies[next]->port()}, true), "b");
  a.open();
  b.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  // It stops, and its stand-in goes on answering keep-alives, as a real one would that can still talk but not
  // write.
  const auto header = header_of(*nodes[stuck]);
  const auto alive = fmt::format(
      R"({{"result":{{"header":{{"cluster_id":"{}","member_id":"1","revision":"1","raft_term":"{}"}},"ID":"{}","TTL":"2"}}}})",
      header.cluster_id, header.raft_term, a.store->session());
  proxies[stuck]->answer("/lease/keepalive", [alive](const std::string&) { return alive; });
  nodes[stuck]->signal(SIGSTOP);
  const Instant begin = a.clock.now();
  while (b.read()->leader && a.clock.now() - begin < 10s) {
    EXPECT_EQ(a.renew(300ms).outcome, RenewOutcome::unproven);
    b.pass(50ms);
  }
  ASSERT_EQ(b.acquire(), Outcome::done) << "the others let the lease end";
  EXPECT_EQ(a.renew(300ms).outcome, RenewOutcome::unproven);
  nodes[stuck]->signal(SIGCONT);
}

TEST_F(ThreeNodes, a_member_that_sees_all_nodes_leaves_the_stuck_leader) {
  const std::size_t stuck = leader();
  Member a(at({proxies[stuck]->port()}, false));
  a.open();
  ASSERT_EQ(a.acquire(), Outcome::done);
  const auto header = header_of(*nodes[stuck]);
  const auto alive = fmt::format(
      R"({{"result":{{"header":{{"cluster_id":"{}","member_id":"1","revision":"1","raft_term":"{}"}},"ID":"{}","TTL":"2"}}}})",
      header.cluster_id, header.raft_term, a.store->session());
  proxies[stuck]->answer("/lease/keepalive", [alive](const std::string&) { return alive; });
  nodes[stuck]->signal(SIGSTOP);
  const auto renewal = a.renew(3s);
  ASSERT_EQ(renewal.outcome, RenewOutcome::proven) << renewal.detail;
  // Proven by the others: as long as the proof holds the key is there.
  bool present = false;
  const auto value = nodes[(stuck + 1) % 3]->get("/service/x/leader", &present);
  if (a.clock.now() < renewal.proof.sent_at + renewal.proof.valid_for) EXPECT_EQ(value, "a");
  nodes[stuck]->signal(SIGCONT);
}

TEST_F(ThreeNodes, a_watch_on_a_node_without_a_majority_ends) {
  Member a(at({proxies[0]->port()}, true));
  a.open();
  a.read(Read::watched);
  nodes[1]->signal(SIGSTOP);
  nodes[2]->signal(SIGSTOP);
  const Instant begin = a.clock.now();
  while (a.store->watched() && a.clock.now() - begin < 10s) a.pass(50ms);
  EXPECT_EQ(a.store->watched(), nullptr);
  nodes[1]->signal(SIGCONT);
  nodes[2]->signal(SIGCONT);
  EXPECT_TRUE(a.read(Read::watched));
}

}  // namespace
}  // namespace tanist::contract
