#include "unit/postgres/server_fixture.h"

/// Real servers: clients and a primary that recovered from a crash while its commits wait for standbys.
namespace tanist::postgres {
namespace {

constexpr const char* kSetAside = "/pg_hba.conf.tanist_set_aside";

std::string rules(const Node& node) {
  return blocking::read_file(node.settings->postgresql.data_dir + "/pg_hba.conf")->value_or("");
}

/// What somebody else than the superuser gets.
Task<std::string> as_client(Node* n) {
  net::Resolver resolver(co_await boost::asio::this_coro::executor);
  Connection connection(n->clock, resolver);
  const config::Credentials client{"client", Secret(""), {}};
  auto connected = co_await connection.connect(local_parameters(*n->settings, client, false), n->in(5s));
  if (!connected) co_return connected.error().detail;
  auto rows = co_await connection.command("SELECT 'let in'", n->in(5s));
  co_return rows ? rows->front()[0].value_or("") : rows.error().detail;
}

Task<void> crash(Node* n) {
  ::kill(n->server->facts().postmaster_pid, SIGKILL);
  const bool down = co_await n->server->wait_down(n->in(10s));
  EXPECT_TRUE(down);
}

Task<bool> let_in(Node* n) {
  return n->until([](const Facts& f) { return f.running() && !f.clients_held; }, 10s);
}

Task<void> waits_for(Node* n, std::string names) {
  Result set = co_await n->server->set_standby_names(std::move(names), Role::primary, n->in(10s));
  EXPECT_TRUE(set) << text(set);
}

Task<void> kept_out(Node* n, Node* standby) {
  const auto& facts = n->server->facts();
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  co_await n->sql("CREATE ROLE client LOGIN");
  const std::string before = rules(*n);

  // Nobody is waited for: everybody is let in at once.
  co_await crash(n);
  Result started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_FALSE(facts.clients_held);
  EXPECT_EQ(co_await as_client(n), "let in");

  // A standby is, and is not there.
  co_await waits_for(n, "\"two\"");
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_TRUE(facts.clients_held);
  EXPECT_THAT(co_await as_client(n), HasSubstr("no pg_hba.conf entry"));
  EXPECT_EQ(co_await n->sql("SELECT 1"), "1");
  EXPECT_THAT(rules(*n), HasSubstr("Clients are kept out for a moment"));
  // New settings change nothing about it.
  Result applied = co_await n->server->apply(n->settings, Role::primary, true, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  EXPECT_THAT(co_await as_client(n), HasSubstr("no pg_hba.conf entry"));

  // It comes, and gets what was recovered.
  ReplicaRequest copy;
  copy.source = n->upstream();
  Result opened = co_await standby->server->open(standby->settings);
  REQUIRE_OK(opened);
  Result copied = co_await standby->server->create_replica(std::move(copy), {}, n->in(60s));
  REQUIRE_OK(copied);
  EXPECT_TRUE(facts.clients_held) << "what receives WAL for a copy is no standby";
  Result follows = co_await standby->start_replica(n->upstream());
  REQUIRE_OK(follows);
  const bool opens = co_await let_in(n);
  EXPECT_TRUE(opens);
  EXPECT_EQ(co_await as_client(n), "let in");
  EXPECT_EQ(rules(*n), before);
  EXPECT_EQ(rules(*standby), before);

  // It is let go: nobody is waited for any more.
  const bool standby_down = co_await standby->stop();
  EXPECT_TRUE(standby_down);
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_THAT(co_await as_client(n), HasSubstr("no pg_hba.conf entry"));
  co_await waits_for(n, "");
  const bool released = co_await let_in(n);
  EXPECT_TRUE(released);
  EXPECT_EQ(co_await as_client(n), "let in");

  // Stopped in order: whoever streamed has everything.
  co_await waits_for(n, "\"two\"");
  const bool stopped = co_await n->stop();
  EXPECT_TRUE(stopped);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_FALSE(facts.clients_held);

  // It comes to an end by itself.
  n->settings->crash_hold_timeout = 1s;
  applied = co_await n->server->apply(n->settings, Role::primary, false, n->in(10s));
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_TRUE(facts.clients_held);
  const bool over = co_await let_in(n);
  EXPECT_TRUE(over);
  EXPECT_EQ(co_await as_client(n), "let in");
  n->settings->crash_hold_timeout = 0s;
  applied = co_await n->server->apply(n->settings, Role::primary, false, n->in(10s));
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_FALSE(facts.clients_held);
}

TEST_F(ServerTest, clients_are_kept_out_after_a_crash_until_standbys_have_what_was_recovered) {
  auto configured = settings("one");
  configured.crash_hold_timeout = 30s;
  auto& lines = configured.postgresql.pg_hba;
  lines.insert(lines.begin(), "host all client 127.0.0.1/32 trust");
  auto second = settings("two");
  second.postgresql.parameters = configured.postgresql.parameters;
  second.postgresql.pg_hba = configured.postgresql.pg_hba;
  Node node(io_.get_executor(), clock_, disk_, configured);
  Node standby(io_.get_executor(), clock_, disk_, second);
  run(then_end(kept_out(&node, &standby), {&node, &standby}));
}

Task<void> users_file(Node* n, Node* next) {
  const auto& facts = n->server->facts();
  const std::string data = n->settings->postgresql.data_dir;
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  co_await n->sql("CREATE ROLE client LOGIN");
  const bool stopped = co_await n->stop();
  REQUIRE(stopped);
  const std::string mine =
      "# by hand\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n"
      "host replication all 127.0.0.1/32 trust\n";
  REQUIRE(blocking::write_file(data + "/pg_hba.conf", mine, 0640).has_value());
  Result started = co_await n->start_primary();
  REQUIRE_OK(started);
  co_await waits_for(n, "\"two\"");
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_TRUE(facts.clients_held);
  EXPECT_THAT(co_await as_client(n), HasSubstr("no pg_hba.conf entry"));
  EXPECT_EQ(blocking::read_file(data + kSetAside)->value_or(""), mine);

  // Another crash meanwhile, and then it is let go.
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  EXPECT_EQ(blocking::read_file(data + kSetAside)->value_or(""), mine);
  co_await waits_for(n, "");
  const bool released = co_await let_in(n);
  EXPECT_TRUE(released);
  EXPECT_EQ(co_await as_client(n), "let in");
  EXPECT_EQ(rules(*n), mine);
  EXPECT_FALSE(fs::exists(data + kSetAside));
  EXPECT_EQ(fs::status(data + "/pg_hba.conf").permissions(), fs::perms(0640));

  // Started as a standby after all: nobody is kept out of that.
  co_await waits_for(n, "\"two\"");
  co_await crash(n);
  started = co_await n->start_primary();
  REQUIRE_OK(started);
  const bool ended = co_await n->stop(StopMode::immediate);
  EXPECT_TRUE(ended);
  started = co_await n->start_replica(std::nullopt);
  REQUIRE_OK(started);
  EXPECT_EQ(rules(*n), mine);
  EXPECT_FALSE(facts.clients_held);
  EXPECT_EQ(co_await as_client(n), "let in");

  // A daemon died while it kept them out: the next one lets them in.
  const bool down = co_await n->stop();
  EXPECT_TRUE(down);
  fs::rename(data + "/pg_hba.conf", data + kSetAside);
  REQUIRE(blocking::write_file(data + "/pg_hba.conf",
                               "local all postgres trust\nhost all postgres all trust\n", 0600)
              .has_value());
  process::Command pg_ctl;
  pg_ctl.argv = {std::string(kBinaries) + "/pg_ctl", "start", "-w", "-D", data, "-l", "/dev/null"};
  auto ran = co_await process::run(n->clock, std::move(pg_ctl), n->in(20s));
  REQUIRE(ran && ran->success());
  EXPECT_THAT(co_await as_client(n), HasSubstr("no pg_hba.conf entry"));
  Result opened = co_await next->server->open(next->settings);
  REQUIRE_OK(opened);
  EXPECT_EQ(rules(*n), mine);
  auto seen = next->until([](const Facts& f) { return f.accepts(); });
  EXPECT_TRUE(co_await std::move(seen));
  // Which returns when the server has read its files.
  Result applied = co_await next->server->apply(next->settings, Role::primary, true, next->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  EXPECT_EQ(co_await as_client(n), "let in");
}

TEST_F(ServerTest, a_users_own_rules_are_set_aside_meanwhile_and_put_back) {
  auto configured = settings("one");
  configured.crash_hold_timeout = 30s;
  configured.postgresql.pg_hba = {};
  Node node(io_.get_executor(), clock_, disk_, configured);
  Node next(io_.get_executor(), clock_, disk_, configured);
  run(then_end(users_file(&node, &next), {&next, &node}));
}

}  // namespace
}  // namespace tanist::postgres
