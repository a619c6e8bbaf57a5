#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "process/proc.h"
#include "unit/postgres/server_fixture.h"

namespace tanist::postgres {
namespace {

class ReplicaMethodsTest : public ServerTest {
 protected:
  /// An executable with the place of the copy in $d, and the connection string in $c.
  std::string script(const std::string& name, const std::string& body) {
    const std::string path = root_ + "/" + name;
    std::ofstream(path)
        << "#!/bin/sh\n"
        << "for a in \"$@\"; do case $a in --datadir=*) d=${a#*=};; --connstring=*) c=${a#*=};; esac; done\n"
        << "echo \"$@\" > " << path << ".args\n"
        << body << "\n";
    ::chmod(path.c_str(), 0755);
    return path;
  }
  config::Settings with_methods(const std::string& name, std::map<std::string, config::ReplicaMethod> methods,
                                std::vector<std::string> order) {
    auto s = settings(name);
    s.postgresql.copying.create_replica_methods = std::move(order);
    s.postgresql.copying.replica_methods = std::move(methods);
    return s;
  }
};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t left_at_work(const Node& node) {
  return process::with_variable("TANIST_WORKS_FOR", node.settings->state_dir).size();
}

ReplicaRequest from(const Node& node) {
  return {node.upstream(), false, {}};
}

Task<Result> open_empty(Node* node) {
  Result opened = co_await node->server->open(node->settings);
  co_return opened;
}

Task<void> first_success_wins(Node* a, Node* b, std::string good) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  auto cloning = b->server->create_replica(from(*a), {}, b->in(60s));
  Result cloned = co_await std::move(cloning);
  REQUIRE_OK(cloned);
  EXPECT_EQ(b->server->facts().system_identifier, a->server->facts().system_identifier);
  const auto& pg = b->settings->postgresql;
  EXPECT_EQ(content(good + ".args"),
            fmt::format("--stanza=main --scope=test --role=replica --datadir={} --connstring=dbname=postgres "
                        "user=replicator host=127.0.0.1 port={}\n",
                        pg.data_dir, a->settings->postgresql.port));
  // What the first one left is not in the copy, and no password lies around.
  EXPECT_FALSE(fs::exists(pg.data_dir + "/rubbish"));
  EXPECT_FALSE(fs::exists(pg.data_dir + "/promote"));
  EXPECT_FALSE(fs::exists(b->settings->state_dir + "/pgpass.clone"));
  EXPECT_FALSE(fs::exists(b->settings->state_dir + "/clone"));
  Result started = co_await b->start_replica(a->upstream());
  REQUIRE_OK(started);
  auto streaming = b->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
  EXPECT_TRUE(co_await std::move(streaming));
}

TEST_F(ReplicaMethodsTest, the_first_method_that_succeeds_makes_the_replica) {
  const std::string bad = script("bad.sh", "mkdir -p $d; touch $d/rubbish; echo no backup today >&2; exit 7");
  const std::string good =
      script("good.sh", std::string(kBinaries) +
                            "/pg_basebackup -D $d -X stream -c fast --dbname=\"$c\" && touch $d/promote");
  config::ReplicaMethod first{.command = bad};
  config::ReplicaMethod second{.command = good, .arguments = {{"stanza", "main"}}};
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_,
         with_methods("two", {{"bad", first}, {"good", second}}, {"bad", "good", "basebackup"}));
  run(then_end(first_success_wins(&a, &b, good), {&a, &b}));
  EXPECT_TRUE(fs::exists(bad + ".args"));
}

Task<void> all_fail(Node* b, ReplicaRequest request) {
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  auto cloning = b->server->create_replica(request, {}, b->in(20s));
  Result cloned = co_await std::move(cloning);
  EXPECT_FALSE(cloned);
  // The words of the script are in the error.
  EXPECT_THAT(text(cloned), HasSubstr("half way: it broke"));
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
}

const char* const kHalfACluster =
    "mkdir -p $d/global; echo 15 > $d/PG_VERSION; echo x > $d/global/pg_control; chmod 700 $d; ";

TEST_F(ReplicaMethodsTest, when_all_fail_nothing_is_left) {
  const std::string bad =
      script("bad.sh", std::string(kHalfACluster) + "echo half way: it broke >&2; exit 1");
  config::ReplicaMethod method{.command = bad, .no_params = true, .arguments = {{"datadir", root_ + "/two"}}};
  Node b(io_.get_executor(), clock_, disk_, with_methods("two", {{"half way", method}}, {"half way"}));
  run(then_end(all_fail(&b, {Upstream{"x", "127.0.0.1", 1, {}}, false, {}}), {&b}));
  EXPECT_FALSE(fs::exists(root_ + "/two/PG_VERSION"));
  EXPECT_EQ(content(bad + ".args"), "--datadir=" + root_ + "/two\n");
}

Task<void> keep_and_go_on(Node* b, ReplicaRequest request, std::string flag) {
  co_await all_fail(b, request);
  // What looks whole is not: it is no server for anybody, but the next try finds it.
  EXPECT_TRUE(fs::exists(b->settings->postgresql.data_dir + "/PG_VERSION"));
  StartRequest start;
  Result started = co_await b->start(start);
  EXPECT_FALSE(started);
  std::ofstream(flag) << "now";
  auto cloning = b->server->create_replica(request, {}, b->in(20s));
  Result cloned = co_await std::move(cloning);
  EXPECT_TRUE(cloned) << text(cloned);
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::ok);
}

TEST_F(ReplicaMethodsTest, a_method_that_keeps_data_goes_on_from_there_without_a_leader) {
  const std::string flag = root_ + "/flag";
  const std::string keeping = script("keeping.sh", "test -e " + flag + " && exec test -e $d/PG_VERSION; " +
                                                       kHalfACluster + "echo half way: it broke; exit 1");
  config::ReplicaMethod method{.command = keeping, .no_leader = true, .keep_data = true};
  Node b(io_.get_executor(), clock_, disk_,
         with_methods("two", {{"keeping", method}}, {"basebackup", "keeping"}));
  run(then_end(keep_and_go_on(&b, {std::nullopt, false, {}}, flag), {&b}));
  EXPECT_THAT(content(keeping + ".args"), HasSubstr("--connstring=\n"));
}

Task<void> refuse_without_leader(Node* b) {
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  auto cloning = b->server->create_replica({std::nullopt, false, {}}, {}, b->in(5s));
  Result cloned = co_await std::move(cloning);
  EXPECT_FALSE(cloned);
  EXPECT_THAT(text(cloned), HasSubstr("without a leader"));
}

TEST_F(ReplicaMethodsTest, without_a_leader_only_methods_that_need_none_are_tried) {
  const std::string never = script("never.sh", "exit 0");
  Node b(io_.get_executor(), clock_, disk_,
         with_methods("two", {{"never", {.command = never}}}, {"never", "basebackup"}));
  run(then_end(refuse_without_leader(&b), {&b}));
  EXPECT_FALSE(fs::exists(never + ".args"));
}

Task<void> give_up(Node* b, ReplicaRequest request) {
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  const std::string version = b->settings->postgresql.data_dir + "/PG_VERSION";
  auto cloning = b->server->create_replica(request, {}, b->in(60s));
  const auto result = co_await with_deadline(b->clock, std::move(cloning), b->in(1s));
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(left_at_work(*b), 0u);
  co_await b->clock.sleep_for(200ms);
  EXPECT_FALSE(fs::exists(version));
  EXPECT_FALSE(fs::exists(b->settings->state_dir + "/clone"));
}

TEST_F(ReplicaMethodsTest, a_script_that_is_given_up_goes_with_all_it_has_started) {
  // One writer is nobody's child any more, in a session of its own.
  const std::string forking = script(
      "forking.sh",
      "(setsid sh -c \"trap '' TERM; while :; do mkdir -p $d; echo 15 > $d/PG_VERSION; sleep 0.02; done\" "
      "> /dev/null 2>&1 &); sleep 100.75");
  Node b(io_.get_executor(), clock_, disk_,
         with_methods("two", {{"forking", {.command = forking}}}, {"forking"}));
  run(then_end(give_up(&b, {Upstream{"x", "127.0.0.1", 1, {}}, false, {}}), {&b}));
}

Task<void> find_left_work(Node* b) {
  // As after kill -9 of the daemon: the tool goes on, and the mark is there.
  process::Command command;
  command.argv = {"/bin/sh", "-c",
                  "while :; do mkdir -p \"$0\"; echo 15 > \"$0\"/PG_VERSION; sleep 0.02; done",
                  b->settings->postgresql.data_dir + ".clone"};
  command.environment = process::environment();
  (*command.environment)["TANIST_WORKS_FOR"] = b->settings->state_dir;
  auto left = process::Child::spawn(command);
  EXPECT_TRUE(left);
  (void)blocking::write_file(b->settings->state_dir + "/clone", b->settings->postgresql.data_dir + ".clone",
                             0600);
  co_await b->clock.sleep_for(200ms);
  Result opened = co_await open_empty(b);
  EXPECT_TRUE(opened) << text(opened);
  EXPECT_EQ(left_at_work(*b), 0u);
  co_await b->clock.sleep_for(200ms);
  EXPECT_FALSE(fs::exists(b->settings->postgresql.data_dir + ".clone"));
}

TEST_F(ReplicaMethodsTest, a_tool_that_outlived_its_daemon_is_ended_before_its_clone_is_removed) {
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(find_left_work(&b), {&b}));
}

Task<void> fail_to_clone(Node* b, bool* failed) {
  auto cloning = b->server->create_replica({Upstream{"x", "127.0.0.1", 1, {}}, false, {}}, {}, b->in(60s));
  Result cloned = co_await std::move(cloning);
  *failed = !cloned;
}

Task<void> start_what_is_being_removed(Node* b, std::string ready) {
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  bool failed = false;
  TaskScope scope(co_await boost::asio::this_coro::executor);
  auto cloning = scope.spawn("clone", fail_to_clone(b, &failed));
  const Instant limit = b->in(10s);
  while (!fs::exists(ready) && b->clock.now() < limit) {
    co_await b->clock.sleep_for(5ms);
  }
  // The script has ended by now, and the removal waits for its mark.
  co_await b->clock.sleep_for(300ms);
  const std::string data = b->settings->postgresql.data_dir;
  EXPECT_TRUE(fs::exists(data + "/global/pg_control"));
  EXPECT_TRUE(cloning.running());
  Result started = co_await b->server->start(StartRequest(), b->in(5s));
  EXPECT_THAT(text(started), HasSubstr("a clone into data directory \"" + data + "\" is not finished"));
  EXPECT_EQ(b->server->facts().data_directory, DataDirectory::empty);
  // The disk answers: all that was left is gone, and the directory is one like others again.
  const std::string mark = b->settings->state_dir + "/clone";
  const int fifo = ::open(mark.c_str(), O_WRONLY | O_CLOEXEC);
  (void)blocking::write_file(mark, data + "\n", 0600);
  EXPECT_EQ(::write(fifo, (data + "\n").data(), data.size() + 1), static_cast<ssize_t>(data.size() + 1));
  ::close(fifo);
  co_await cloning.join();
  EXPECT_TRUE(failed);
  EXPECT_FALSE(fs::exists(data + "/PG_VERSION"));
  Result restarted = co_await b->server->start(StartRequest(), b->in(5s));
  EXPECT_THAT(text(restarted), HasSubstr("is empty"));
  co_await scope.close();
}

TEST_F(ReplicaMethodsTest, while_a_failed_clone_is_removed_nothing_starts_on_what_is_left_of_it) {
  // Who reads the mark waits: the removal hangs, as one of a large directory does.
  const std::string state = root_ + "/two.tanist/clone";
  const std::string ready = root_ + "/ready";
  const std::string bad = script("bad.sh", std::string(kHalfACluster) + "rm " + state + "; mkfifo " + state +
                                               "; touch " + ready + "; exit 1");
  Node b(io_.get_executor(), clock_, disk_, with_methods("two", {{"bad", {.command = bad}}}, {"bad"}));
  run(then_end(start_what_is_being_removed(&b, ready), {&b}));
}

Task<void> open_after_restore(Node* b) {
  Result opened = co_await open_empty(b);
  EXPECT_THAT(text(opened), HasSubstr("somebody restored since"));
  EXPECT_TRUE(fs::exists(b->settings->postgresql.data_dir + "/PG_VERSION"));
}

TEST_F(ReplicaMethodsTest, a_directory_that_may_have_been_restored_by_hand_is_left_alone) {
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  const std::string data = b.settings->postgresql.data_dir;
  (void)blocking::write_file(data + "/PG_VERSION", "15\n", 0600);
  (void)blocking::write_file(data + "/global/pg_control", "x", 0600);
  (void)blocking::write_file(b.settings->state_dir + "/clone", data + "\n", 0600);
  run(then_end(open_after_restore(&b), {&b}));
}

Task<void> clone_with_secrets(Node* b) {
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  auto cloning = b->server->create_replica({Upstream{"x", "127.0.0.1", 1, {}}, false, {}}, {}, b->in(30s));
  Result cloned = co_await std::move(cloning);
  EXPECT_FALSE(cloned);
  for (const char* file : {"/pgpass.clone", "/pgservice.clone"})
    EXPECT_FALSE(fs::exists(b->settings->state_dir + file)) << file;
}

TEST_F(ReplicaMethodsTest, no_password_is_in_a_command_line) {
  const std::string tell =
      "cat \"$PGSERVICEFILE\" \"$PGPASSFILE\" > $0.secrets; stat -c %a \"$PGSERVICEFILE\" "
      ">> $0.secrets; exit 1";
  const std::string own = script("own.sh", tell);
  const std::string basebackup = script("basebackup.sh", tell);
  auto s = with_methods("two", {{"own", {.command = own}}}, {"own", "basebackup"});
  s.postgresql.tools.bin_name["pg_basebackup"] = "../../../../../.." + basebackup;
  s.postgresql.accounts.replication.options = {{"sslkey", "/k"}, {"sslpassword", "opens-the-key"}};
  Node b(io_.get_executor(), clock_, disk_, s);
  run(then_end(clone_with_secrets(&b), {&b}));
  for (const auto& path : {own, basebackup}) {
    const std::string arguments = content(path + ".args");
    EXPECT_THAT(arguments, HasSubstr("service=tanist dbname=postgres user=replicator"));
    EXPECT_THAT(arguments, testing::Not(HasSubstr("opens-the-key")));
    EXPECT_THAT(arguments, testing::Not(HasSubstr("pass")));
    EXPECT_EQ(content(path + ".secrets"),
              "[tanist]\nsslpassword=opens-the-key\n127.0.0.1:1:*:replicator:rep\\\\pass\n600\n");
  }
}

Task<void> with_links(Node* a, Node* b, std::string root) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  fs::create_directory(root + "/space_a");
  co_await a->sql("CREATE TABLESPACE space LOCATION '" + root + "/space_a'");
  co_await a->sql(
      "CREATE TABLE t TABLESPACE space AS SELECT x, repeat('y', 1000) FROM generate_series(1, 20000) x");
  Result opened = co_await open_empty(b);
  REQUIRE_OK(opened);
  const auto mapped = b->settings;
  auto slow = std::make_shared<config::Settings>(*mapped);
  slow->postgresql.tools.basebackup_options.push_back({"max-rate", "4M"});
  co_await b->server->apply(slow, Role::replica, false, b->in(5s));
  auto cloning = b->server->create_replica(from(*a), {}, b->in(60s));
  const auto result = co_await with_deadline(b->clock, std::move(cloning), b->in(4s));
  EXPECT_FALSE(result.has_value());
  const auto nothing = [](const std::string& path) { return !fs::exists(path) || fs::is_empty(path); };
  EXPECT_TRUE(nothing(root + "/space_b"));
  EXPECT_TRUE(nothing(root + "/wal_b"));
  EXPECT_TRUE(fs::exists(root + "/space_a"));

  co_await b->server->apply(mapped, Role::replica, false, b->in(5s));
  // The second one replaces the first, with all that it is linked to.
  for (const std::string why : {"", "somebody wants it anew"}) {
    auto again = b->server->create_replica({a->upstream(), true, why}, {}, b->in(60s));
    Result cloned = co_await std::move(again);
    REQUIRE_OK(cloned);
    EXPECT_EQ(fs::read_symlink(mapped->postgresql.data_dir + "/pg_wal"), root + "/wal_b");
    EXPECT_FALSE(nothing(root + "/space_b"));
  }
  Result started = co_await b->start_replica(a->upstream());
  REQUIRE_OK(started);
  auto counting = b->sql("SELECT count(*) FROM t");
  EXPECT_EQ(co_await std::move(counting), "20000");
  b->server->signal_stop(StopMode::fast);
  auto down = b->server->wait_down(b->in(10s));
  EXPECT_TRUE(co_await std::move(down));
  Result removed = co_await b->server->remove_data_directory("the test is over", Instant::max(), b->in(10s));
  EXPECT_TRUE(removed) << text(removed);
  EXPECT_FALSE(fs::exists(root + "/space_b"));
  EXPECT_FALSE(fs::exists(root + "/wal_b"));
  EXPECT_TRUE(fs::exists(root + "/space_a"));
}

TEST_F(ReplicaMethodsTest, tablespaces_and_linked_wal_are_cloned_replaced_and_removed) {
  auto s = settings("two");
  s.postgresql.tools.basebackup_options = {{"tablespace-mapping", root_ + "/space_a=" + root_ + "/space_b"},
                                           {"waldir", root_ + "/wal_b"}};
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, s);
  run(then_end(with_links(&a, &b, root_), {&a, &b}));
}

}  // namespace
}  // namespace tanist::postgres
