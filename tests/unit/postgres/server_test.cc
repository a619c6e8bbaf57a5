#include "postgres/whole/local_server.h"

#include <fstream>

#include "unit/postgres/server_fixture.h"

namespace tanist::postgres {
namespace {

Task<void> life_of_a_primary(Node* n) {
  auto& server = *n->server;
  const auto& facts = server.facts();
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  EXPECT_FALSE(fs::exists(n->settings->state_dir + "/initdb.password"));
  EXPECT_TRUE(facts.accepts());
  EXPECT_EQ(facts.major_version, 150000);
  REQUIRE(facts.probe.has_value());
  EXPECT_FALSE(facts.probe->in_recovery);
  EXPECT_EQ(facts.probe->timeline.value, 1u);
  EXPECT_EQ(facts.probe->effective_timeline.value, 1u);
  EXPECT_TRUE(facts.probe->wal);
  EXPECT_EQ(facts.probe->server_version / 10000, 15);
  EXPECT_TRUE(n->saw(ServerEvent::started_accepting));
  EXPECT_GE(facts.system_identifier.size(), 10u);

  // Asked for at most a minute old: answered without a query.
  const Instant asked = facts.probe->asked_at;
  co_await server.refresh(60s, n->in(5s));
  EXPECT_EQ(facts.probe->asked_at, asked);
  co_await server.refresh(0s, n->in(5s));
  EXPECT_GT(facts.probe->asked_at, asked);

  auto roles = n->sql("SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolcanlogin");
  EXPECT_EQ(co_await std::move(roles), "postgres,replicator,rewinder");
  auto name = n->sql("SHOW cluster_name");
  EXPECT_EQ(co_await std::move(name), "test");
  auto script = n->sql("SELECT count(*) FROM pg_database WHERE datname = 'app'");
  EXPECT_EQ(co_await std::move(script), "1");
  EXPECT_FALSE(fs::exists(n->settings->state_dir + "/pgpass.bootstrap"));
  auto session = n->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'Patroni heartbeat'");
  EXPECT_EQ(co_await std::move(session), "1");

  // A new setting is reloaded, one that needs a restart is told.
  auto changed = std::make_shared<config::Settings>(*n->settings);
  changed->postgresql.parameters["work_mem"] = "8MB";
  changed->postgresql.parameters["shared_buffers"] = "32768kB";
  changed->postgresql.parameters["max_connections"] = "60";
  Result applied = co_await server.apply(changed, Role::primary, false, n->in(10s));
  EXPECT_TRUE(applied) << text(applied);
  auto work_mem = n->sql("SHOW work_mem");
  EXPECT_EQ(co_await std::move(work_mem), "8MB");
  EXPECT_EQ(facts.pending_restart.size(), 2u);
  const PendingRestart buffers{"16MB", "32MB"};
  const PendingRestart connections{"50", "60"};
  REQUIRE(facts.pending_restart.contains("shared_buffers") &&
          facts.pending_restart.contains("max_connections"));
  EXPECT_EQ(facts.pending_restart.at("shared_buffers"), buffers);
  EXPECT_EQ(facts.pending_restart.at("max_connections"), connections);

  Result checkpoint = co_await server.checkpoint(n->in(20s));
  EXPECT_TRUE(checkpoint) << text(checkpoint);

  server.signal_stop(StopMode::fast);
  auto clients = server.wait_no_clients(n->in(10s));
  EXPECT_TRUE(co_await std::move(clients));
  auto control = co_await server.wait_shutdown_checkpoint(n->in(10s));
  REQUIRE(control.has_value());
  EXPECT_EQ(control->cluster_state, "shut down");
  auto last = server.last_lsn(*control, n->in(10s));
  EXPECT_EQ(to_string(co_await std::move(last)), to_string(control->latest_checkpoint));
  auto down = server.wait_down(n->in(10s));
  EXPECT_TRUE(co_await std::move(down));
  EXPECT_EQ(facts.process, Process::none);
  EXPECT_FALSE(facts.probe);
  EXPECT_TRUE(n->saw(ServerEvent::postmaster_died));

  // How much the port adds to PostgreSQL's own start.
  const Instant begin = n->clock.now();
  Result restarted = co_await n->start_primary();
  EXPECT_TRUE(restarted) << text(restarted);
  EXPECT_LT(n->clock.now() - begin, 2s);
  EXPECT_TRUE(facts.pending_restart.empty());

  auto stopping = n->stop();
  EXPECT_TRUE(co_await std::move(stopping));
}

Task<void> a_postmaster_that_hangs(Node* n) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  const auto& facts = n->server->facts();
  const int postmaster = facts.postmaster_pid;
  EXPECT_FALSE(facts.silent_since);
  ::kill(postmaster, SIGSTOP);
  auto noticed = n->until([](const Facts& f) { return f.silent_since.has_value(); }, 12s);
  EXPECT_TRUE(co_await std::move(noticed));
  // Its backends go on: the kept connection is answered.
  EXPECT_FALSE(facts.failing_since);
  EXPECT_TRUE(n->saw(ServerEvent::stopped_answering));
  ::kill(postmaster, SIGCONT);
  auto over = n->until([](const Facts& f) { return !f.silent_since; }, 12s);
  EXPECT_TRUE(co_await std::move(over));
}

TEST_F(ServerTest, a_primary_is_made_asked_reconfigured_stopped_and_started) {
  auto configured = settings("one");
  // The script gets a connection string without a password, which it finds in a password file.
  configured.bootstrap.post_bootstrap =
      std::string("/bin/sh -c '") + kBinaries + "/psql -w \"$0\" -qc \"CREATE DATABASE app\"'";
  Node node(io_.get_executor(), clock_, disk_, configured);
  run(then_end(life_of_a_primary(&node), {&node}));
}

Task<void> adoption(Node* first, Node* second) {
  Result booted = co_await first->bootstrap();
  REQUIRE_OK(booted);
  co_await first->stop();
  // Started by a daemon that is gone by now.
  const auto& pg = first->settings->postgresql;
  process::Command start;
  start.argv = {std::string(kBinaries) + "/pg_ctl", "start", "-w", "-D", pg.data_dir, "-l", "/dev/null", "-o",
                "-p " + std::to_string(pg.port)};
  auto started = co_await process::run(first->clock, std::move(start), first->in(20s));
  REQUIRE(started && started->success());
  Result opened = co_await second->server->open(second->settings);
  REQUIRE_OK(opened);
  const auto& facts = second->server->facts();
  EXPECT_EQ(facts.process, Process::running);
  auto waiting = second->server->wait_started(second->in(5s));
  EXPECT_EQ(co_await std::move(waiting), StartOutcome::accepting);
  REQUIRE(facts.control.has_value());
  EXPECT_EQ(facts.control->cluster_state, "in production");
  // One that is no child of this daemon is watched all the same.
  ::kill(facts.postmaster_pid, SIGKILL);
  auto down = second->server->wait_down(second->in(5s));
  EXPECT_TRUE(co_await std::move(down));
  EXPECT_TRUE(second->saw(ServerEvent::postmaster_died));
  // Its pid may stay a zombie of process 1 for a while: that does not hold up the next start.
  Result restarted = co_await second->start_primary();
  EXPECT_TRUE(restarted) << text(restarted);
}

Task<void> mend_soon(Node* n, std::string path) {
  co_await n->clock.sleep_for(80ms);
  fs::rename(path + ".aside", path);
}

/// A link that leads to itself plays an input/output error.
void break_file(const std::string& path) {
  fs::rename(path, path + ".aside");
  fs::create_symlink(path, path);
}

Task<void> errors_come_and_stay(Node* n, TaskScope* scope) {
  auto& server = *n->server;
  const auto& facts = server.facts();
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  const std::string version = n->settings->postgresql.data_dir + "/PG_VERSION";

  break_file(version);
  scope->spawn("mend", mend_soon(n, version));
  co_await server.refresh(0s, n->in(5s));
  EXPECT_EQ(facts.data_directory, DataDirectory::ok);

  break_file(version);
  co_await server.refresh(0s, n->in(5s));
  EXPECT_EQ(facts.data_directory, DataDirectory::unreadable);
  EXPECT_THAT(facts.data_directory_error, HasSubstr(version));
  EXPECT_EQ(facts.major_version, 150000);
  EXPECT_TRUE(facts.accepts());
  fs::rename(version + ".aside", version);
  co_await server.refresh(0s, n->in(5s));
  EXPECT_EQ(facts.data_directory, DataDirectory::ok);
}

TEST_F(ServerTest, an_error_that_goes_by_is_not_told_of_a_running_server_and_one_that_stays_is) {
  Node node(io_.get_executor(), clock_, disk_, settings("m1"));
  run(then_end(errors_come_and_stay(&node, &scope_), {&node}));
}

/// pg_controldata fails as long as a file says so.
void wrap_control_data(const std::string& path, const std::string& while_there) {
  std::ofstream(path) << "#!/bin/sh\n[ -e '" << while_there << "' ] && exit 1\nexec " << kBinaries
                      << "/pg_controldata \"$@\"\n";
  fs::permissions(path, fs::perms::owner_all);
}

Task<void> running_without_an_identity(Node* n, std::string broken) {
  std::ofstream(broken) << "";
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  EXPECT_TRUE(n->server->facts().running());
  EXPECT_EQ(n->server->facts().system_identifier, "");
  fs::remove(broken);
  co_await n->server->refresh(0s, n->in(5s));
  EXPECT_GE(n->server->facts().system_identifier.size(), 10u);
}

TEST_F(ServerTest, whose_a_running_server_is_is_asked_again_until_it_is_known) {
  auto configured = settings("m1");
  wrap_control_data(root_ + "/control_data", root_ + "/broken");
  configured.postgresql.tools.bin_name["pg_controldata"] = "../../../../.." + root_ + "/control_data";
  Node node(io_.get_executor(), clock_, disk_, configured);
  run(then_end(running_without_an_identity(&node, root_ + "/broken"), {&node}));
}

TEST_F(ServerTest, a_running_server_is_adopted_watched_and_started_anew_beside_its_zombie) {
  const auto common = settings("one");
  Node first(io_.get_executor(), clock_, disk_, common);
  Node second(io_.get_executor(), clock_, disk_, common);
  run(then_end(adoption(&first, &second), {&second, &first}));
}

Task<void> busy_client(Node* n) {
  co_await n->sql("DO $$ BEGIN LOOP PERFORM count(*) FROM generate_series(1, 100000); END LOOP; END $$");
}

Task<void> murder(Node* n, TaskScope* clients) {
  Result booted = co_await n->bootstrap();
  REQUIRE_OK(booted);
  for (int i = 0; i < 4; ++i) clients->spawn("client", busy_client(n));
  auto busy = n->until([](const Facts&) { return true; });
  co_await std::move(busy);
  co_await n->clock.sleep_for(300ms);
  co_await n->server->refresh(0s, n->in(5s));
  const int pid = n->server->facts().postmaster_pid;
  const auto children = process::children(pid);
  EXPECT_GE(children.size(), 8u);
  n->events.clear();

  const Instant begin = n->clock.now();
  ::kill(pid, SIGKILL);
  auto down = n->server->wait_down(n->in(10s));
  EXPECT_TRUE(co_await std::move(down));
  const Duration took = n->clock.now() - begin;
  EXPECT_LT(took, 500ms);
  EXPECT_TRUE(n->saw(ServerEvent::postmaster_died));
  for (const pid_t child : children) {
    const auto seen = process::stat(child);
    EXPECT_TRUE(!seen || seen->dead()) << process::title(child);
  }
  Result restarted = co_await n->start_primary();
  EXPECT_TRUE(restarted) << text(restarted);
  EXPECT_LT(n->clock.now() - begin, 1500ms);

  // A postmaster that is stopped hangs nobody; killing all still works.
  const int again = n->server->facts().postmaster_pid;
  ::kill(again, SIGSTOP);
  for (const pid_t child : process::children(again)) ::kill(child, SIGSTOP);
  const Instant asked = n->clock.now();
  co_await n->server->refresh(0s, n->in(300ms));
  EXPECT_LT(n->clock.now() - asked, 400ms);
  auto failing = n->until([](const Facts& f) { return f.failing_since.has_value(); }, 6s);
  EXPECT_TRUE(co_await std::move(failing));
  EXPECT_EQ(n->server->facts().process, Process::running);
  auto killing = n->server->kill_everything(n->in(5s));
  EXPECT_TRUE(co_await std::move(killing));
  EXPECT_EQ(n->server->facts().process, Process::none);
  co_await clients->close();
}

TEST_F(ServerTest, nothing_survives_a_killed_postmaster_and_a_stopped_one_hangs_nobody) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  TaskScope clients(io_.get_executor());
  run(then_end(murder(&node, &clients), {&node}));
}

Task<void> bad_days(Node* n, std::string root) {
  auto& pg = n->settings->postgresql;
  // Content of others in the data directory: refused, and left alone.
  (void)blocking::write_file(pg.data_dir + "/thesis.txt", "", 0600);
  Result opened = co_await n->server->open(n->settings);
  EXPECT_TRUE(opened) << text(opened);
  EXPECT_EQ(n->server->facts().data_directory, DataDirectory::foreign);
  Result made = co_await n->server->initdb(n->in(30s));
  EXPECT_FALSE(made);
  Result started = co_await n->start_primary();
  EXPECT_THAT(text(started), HasSubstr("holds no whole PostgreSQL cluster"));
  EXPECT_TRUE(fs::exists(pg.data_dir + "/thesis.txt"));
  fs::remove(pg.data_dir + "/thesis.txt");

  // A port that is in use.
  Result remade = co_await n->server->initdb(n->in(30s));
  REQUIRE_OK(remade);
  const int blocker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(pg.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(blocker, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::listen(blocker, 1);
  StartRequest request;
  request.as_standby = false;
  Result launched = co_await n->server->start(request, n->in(5s));
  EXPECT_TRUE(launched) << text(launched);
  auto waiting = n->server->wait_started(n->in(5s));
  EXPECT_EQ(co_await std::move(waiting), StartOutcome::died);
  ::close(blocker);
  EXPECT_EQ(n->server->facts().process, Process::none);

  // Wrong permissions.
  fs::permissions(pg.data_dir, fs::perms::all);
  Result refused = co_await n->server->start(request, n->in(5s));
  EXPECT_THAT(text(refused), HasSubstr("has permissions 0777"));
  fs::permissions(pg.data_dir, fs::perms::owner_all);

  // Binaries of another version.
  const std::string fake = root + "/fake";
  fs::create_directory(fake);
  (void)blocking::write_file(fake + "/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n", 0700);
  auto wrong = std::make_shared<config::Settings>(*n->settings);
  wrong->postgresql.tools.bin_dir = fake;
  co_await n->server->apply(wrong, Role::primary, false, n->in(5s));
  Result mismatch = co_await n->server->start(request, n->in(5s));
  EXPECT_THAT(text(mismatch), HasSubstr("was made by PostgreSQL 15, but"));

  Result renamed = co_await n->server->rename_data_directory(n->in(5s));
  EXPECT_TRUE(renamed) << text(renamed);
  EXPECT_TRUE(fs::exists(pg.data_dir + ".failed/PG_VERSION"));
  EXPECT_EQ(n->server->facts().data_directory, DataDirectory::empty);
}

TEST_F(ServerTest, what_is_wrong_is_named_and_nothing_of_others_is_touched) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(bad_days(&node, root_), {&node}));
}

TEST_F(ServerTest, a_postmaster_that_hangs_is_noticed_by_a_new_connection) {
  Node node(io_.get_executor(), clock_, disk_, settings("one"));
  run(then_end(a_postmaster_that_hangs(&node), {&node}));
}

}  // namespace
}  // namespace tanist::postgres

/// PostgreSQL refuses to run as root: so do these tests, where there is another user.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  tanist::process::ignore_sigpipe();
  tanist::log::configure({.level = tanist::log::Level::warning});
  if (::geteuid() == 0) {
    if (const passwd* user = ::getpwnam("postgres"); user != nullptr) {
      if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)
        return 1;
      ::setenv("HOME", user->pw_dir, 1);
    }
  }
  return RUN_ALL_TESTS();
}
