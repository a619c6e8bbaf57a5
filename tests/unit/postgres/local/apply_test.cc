#include "postgres/parameters/changes.h"
#include "unit/postgres/server_fixture.h"

/// New settings for real servers: what they change at once, what waits for a restart, what others changed.
namespace tanist::postgres {
namespace {

Task<void> settings_of_roles(Node* n) {
  auto& server = *n->server;
  const auto& facts = server.facts();
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  EXPECT_EQ(facts.settings_role, Role::primary);
  EXPECT_FALSE(facts.settings_stale);
  auto started_as = n->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(started_as), "7MB");
  EXPECT_THAT(blocking::read_file(n->settings->postgresql.data_dir + "/pg_hba.conf")->value(),
              HasSubstr("# general"));

  Result applied = co_await server.apply(n->settings, Role::replica, false, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  EXPECT_EQ(facts.settings_role, Role::replica);
  auto as_replica = n->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(as_replica), "3MB");
  auto rules = n->sql("SELECT count(*) FROM pg_hba_file_rules");
  EXPECT_EQ(co_await std::move(rules), "2");
  auto maps = n->sql("SELECT map_name FROM pg_ident_file_mappings");
  EXPECT_EQ(co_await std::move(maps), "mymap");
  EXPECT_TRUE(facts.pending_restart.empty());

  // A list with a line that PostgreSQL refuses is told, and changes nothing.
  auto broken = std::make_shared<config::Settings>(*n->settings);
  broken->postgresql.role_overlays.clear();
  broken->postgresql.pg_hba = {"local all all trust", "host all all 127.0.0.1/32 magic"};
  std::string errors;
  log::redirect(
      [&](log::Level level, const std::string& line) { errors += level == log::Level::error ? line : ""; });
  Result broke = co_await server.apply(broken, Role::primary, false, n->in(10s));
  log::redirect({});
  EXPECT_TRUE(broke) << text(broke);
  EXPECT_THAT(errors,
              HasSubstr("PostgreSQL refuses line 4 of pg_hba.conf and keeps the rules that it had: invalid"));

  // A file that cannot be written: the engine is to try again.
  const std::string main = n->settings->postgresql.data_dir + "/postgresql.conf";
  fs::rename(main, main + ".away");
  fs::create_directory(main);
  Result failed = co_await server.apply(n->settings, Role::primary, false, n->in(10s));
  EXPECT_THAT(text(failed), HasSubstr(main));
  EXPECT_TRUE(facts.settings_stale);
  fs::remove(main);
  fs::rename(main + ".away", main);
  Result mended = co_await server.apply(n->settings, Role::primary, false, n->in(10s));
  EXPECT_TRUE(mended) << text(mended);
  EXPECT_EQ(facts.settings_role, Role::primary);
  EXPECT_FALSE(facts.settings_stale);

  // Somebody else's doing is seen, and seen to be gone again.
  co_await n->sql("ALTER SYSTEM SET shared_buffers = '24MB'");
  co_await n->sql("SELECT pg_reload_conf()");
  auto seen = n->until([](const Facts& f) { return f.pending_restart.contains("shared_buffers"); }, 5s);
  const bool bypassed = co_await std::move(seen);
  REQUIRE(bypassed);
  const PendingRestart buffers{"16MB", "24MB"};
  EXPECT_EQ(facts.pending_restart.at("shared_buffers"), buffers);
  co_await n->sql("ALTER SYSTEM RESET ALL");
  co_await n->sql("SELECT pg_reload_conf()");
  auto gone = n->until([](const Facts& f) { return f.pending_restart.empty(); }, 5s);
  EXPECT_TRUE(co_await std::move(gone));

  // Another address waits for a restart: until then what runs is asked, and named to others, where it is.
  auto moved = std::make_shared<config::Settings>(*n->settings);
  moved->postgresql.port = free_port();
  moved->postgresql.connect_address = {"127.0.0.1", moved->postgresql.port};
  Result told = co_await server.apply(moved, Role::primary, false, n->in(10s));
  EXPECT_TRUE(told) << text(told);
  REQUIRE(facts.pending_restart.contains("port"));
  EXPECT_EQ(facts.pending_restart.at("port").new_value, std::to_string(moved->postgresql.port));
  EXPECT_EQ(facts.conn_url, n->settings->conn_url());
  auto asked = n->until([](const Facts& f) { return f.accepts() && !f.failing_since; }, 5s);
  EXPECT_TRUE(co_await std::move(asked));
  auto stopping = n->stop();
  EXPECT_TRUE(co_await std::move(stopping));
  Result restarted = co_await n->start_primary();
  EXPECT_TRUE(restarted) << text(restarted);
  EXPECT_EQ(facts.conn_url, "");
  EXPECT_TRUE(facts.pending_restart.empty());
  n->settings = moved;
  auto port = n->sql("SHOW port");
  EXPECT_EQ(co_await std::move(port), std::to_string(moved->postgresql.port));
}

TEST_F(ServerTest, settings_follow_the_role_others_are_noticed_and_an_address_waits_for_a_restart) {
  auto configured = settings("one");
  auto& pg = configured.postgresql;
  pg.connect_address = {"127.0.0.1", pg.port};
  pg.pg_hba.insert(pg.pg_hba.begin(), "# general");
  auto parameters = pg.parameters;
  parameters["work_mem"] = "7MB";
  pg.role_overlays["primary"] = {parameters, pg.pg_hba, {}};
  parameters["work_mem"] = "3MB";
  pg.role_overlays["replica"] = {
      parameters, {"local all all trust", "host all all 127.0.0.1/32 trust"}, {"mymap root postgres"}};
  Node node(io_.get_executor(), clock_, disk_, configured);
  run(then_end(settings_of_roles(&node), {&node}));
}

Task<void> joining(Node* first, Node* second) {
  Result booted = co_await first->bootstrap();
  REQUIRE_OK(booted);
  co_await first->stop();
  // Started by somebody who is gone.
  process::Command pg_ctl;
  pg_ctl.argv = {std::string(kBinaries) + "/pg_ctl",   "start", "-w",       "-D",
                 first->settings->postgresql.data_dir, "-l",    "/dev/null"};
  auto started = co_await process::run(first->clock, std::move(pg_ctl), first->in(20s));
  REQUIRE(started && started->success());

  // The next daemon has another port in its configuration, and another setting.
  const int port = first->settings->postgresql.port;
  second->settings->postgresql.port = free_port();
  second->settings->postgresql.connect_address = {"127.0.0.1", second->settings->postgresql.port};
  second->settings->postgresql.parameters["work_mem"] = "9MB";
  Result opened = co_await second->server->open(second->settings);
  REQUIRE_OK(opened);
  const auto& facts = second->server->facts();
  auto waiting = second->server->wait_started(second->in(5s));
  EXPECT_EQ(co_await std::move(waiting), StartOutcome::accepting);
  EXPECT_TRUE(facts.settings_stale);
  EXPECT_EQ(facts.conn_url, "postgres://127.0.0.1:" + std::to_string(port) + "/postgres");
  Result applied = co_await second->server->apply(second->settings, Role::primary, false, second->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  EXPECT_EQ(facts.settings_role, Role::primary);
  EXPECT_FALSE(facts.settings_stale);
  EXPECT_TRUE(facts.pending_restart.contains("port"));
  second->settings->postgresql.port = port;
  auto work_mem = second->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(work_mem), "9MB");
}

TEST_F(ServerTest, a_server_that_was_found_running_is_asked_where_it_is_and_gets_the_settings) {
  auto configured = settings("one");
  configured.postgresql.connect_address = {"127.0.0.1", configured.postgresql.port};
  Node first(io_.get_executor(), clock_, disk_, configured);
  Node second(io_.get_executor(), clock_, disk_, configured);
  run(then_end(joining(&first, &second), {&second, &first}));
}

Task<void> growing_primary(Node* primary, Node* standby) {
  Result booted = co_await primary->bootstrap();
  REQUIRE_OK(booted);
  Result opened = co_await standby->server->open(standby->settings);
  REQUIRE_OK(opened);
  ReplicaRequest request;
  request.source = primary->upstream();
  request.basebackup_only = true;
  auto copying = standby->server->create_replica(request, {}, standby->in(60s));
  Result copied = co_await std::move(copying);
  REQUIRE_OK(copied);
  Result started = co_await standby->start_replica(primary->upstream());
  REQUIRE_OK(started);

  // A pause that somebody wants stays.
  const auto& facts = standby->server->facts();
  co_await standby->sql("SELECT pg_wal_replay_pause()");
  auto paused = standby->until([](const Facts& f) { return f.probe && f.probe->replay_paused; }, 5s);
  EXPECT_TRUE(co_await std::move(paused));
  co_await standby->clock.sleep_for(500ms);
  auto still = standby->sql("SELECT pg_is_wal_replay_paused()");
  EXPECT_EQ(co_await std::move(still), "t");
  co_await standby->sql("SELECT pg_wal_replay_resume()");

  // One that the server made because the primary has grown ends it, and the next start has what is needed.
  auto stopping = primary->stop();
  EXPECT_TRUE(co_await std::move(stopping));
  primary->settings->postgresql.parameters["max_connections"] = "70";
  Result restarted = co_await primary->start_primary();
  REQUIRE_OK(restarted);
  auto down = standby->until([](const Facts& f) { return f.process == Process::none; }, 20s);
  const bool ended = co_await std::move(down);
  REQUIRE(ended);
  Result standing = co_await standby->start_replica(primary->upstream());
  REQUIRE_OK(standing);
  auto connections = standby->sql("SHOW max_connections");
  EXPECT_EQ(co_await std::move(connections), "70");
  REQUIRE(facts.pending_restart.contains("max_connections"));
  const PendingRestart lower{"70", "50"};
  EXPECT_EQ(facts.pending_restart.at("max_connections"), lower);
}

TEST_F(ServerTest, a_standby_that_paused_because_its_primary_has_grown_is_started_with_more) {
  Node primary(io_.get_executor(), clock_, disk_, settings("one"));
  Node standby(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(growing_primary(&primary, &standby), {&standby, &primary}));
}

}  // namespace
}  // namespace tanist::postgres
