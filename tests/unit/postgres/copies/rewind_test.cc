#include "postgres/files/wal_files.h"
#include "postgres/whole/local_server.h"
#include "unit/postgres/server_fixture.h"

/// Members whose WAL has left the leader's, on real PostgreSQL; pg_rewind is a script where its failures are
/// the subject.
namespace tanist::postgres {
namespace {

Task<Result> promote(Node* n) {
  Result promoted = co_await n->server->promote(n->in(10s));
  if (!promoted) co_return promoted;
  auto waiting = n->server->wait_promoted(n->in(10s));
  if (!co_await std::move(waiting)) co_return std::unexpected(Failure{"not writable"});
  co_return Result();
}

/// `n` as a streaming replica of `from`.
Task<Result> clone(Node* n, Node* from) {
  Result opened = co_await n->server->open(n->settings);
  if (!opened) co_return opened;
  ReplicaRequest request;
  request.source = from->upstream();
  auto cloning = n->server->create_replica(std::move(request), {}, n->in(60s));
  Result cloned = co_await std::move(cloning);
  if (!cloned) co_return cloned;
  co_return co_await n->start_replica(from->upstream());
}

Task<DivergenceAnswer> compare(Node* n, Node* leader) {
  co_return co_await n->server->compare_with(leader->upstream(), n->in(10s));
}

Task<bool> caught_up(Node* n, Node* with) {
  auto asking = with->sql("SELECT pg_current_wal_flush_lsn()");
  const auto target = parse_lsn(co_await std::move(asking));
  if (!target) co_return false;
  auto waiting = n->until([target](const Facts& f) { return f.probe && f.probe->replay >= *target; });
  co_return co_await std::move(waiting);
}

Task<std::uint64_t> insert_position(Node* n) {
  auto asking = n->sql("SELECT pg_current_wal_insert_lsn()");
  co_return parse_lsn(co_await std::move(asking)).value_or(Lsn{}).value;
}

Task<std::uint64_t> position_after_message(Node* n, std::uint64_t bytes) {
  co_await n->sql(fmt::format("SELECT pg_logical_emit_message(false, 'x', repeat('y', {}))", bytes));
  co_return co_await insert_position(n);
}

/// Writes WAL up to where a shutdown checkpoint, if it comes next, leaves `left` bytes of its page.
Task<void> fill_page_but_for_a_checkpoint(Node* n, std::uint64_t left) {
  constexpr std::uint64_t kPage = 8192, kCheckpoint = 120, kMessage = 300;
  const std::uint64_t wanted = kPage - left - kCheckpoint;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::uint64_t before = co_await insert_position(n);
    const std::uint64_t after = co_await position_after_message(n, kMessage);
    const std::uint64_t size = after - before;
    if (before / kPage != after / kPage || after % kPage + size > wanted) continue;
    auto filling = position_after_message(n, kMessage + wanted - after % kPage - size);
    EXPECT_EQ(co_await std::move(filling) % kPage, wanted);
    co_return;
  }
}

/// `left`: of the page on which the WAL of a ends; nullopt: as it comes.
Task<void> two_promotions_to_one_timeline(Node* a, Node* b, Node* c, std::optional<std::uint64_t> left) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  Result first_cloned = co_await clone(b, a);
  REQUIRE_OK(first_cloned);
  Result second_cloned = co_await clone(c, a);
  REQUIRE_OK(second_cloned);
  if (left) {
    co_await fill_page_but_for_a_checkpoint(a, *left);
  }
  // Whom a shutdown waits for is connected.
  for (Node* n : {b, c}) {
    auto connected =
        n->until([](const Facts& f) { return f.probe && f.probe->receiver_state == "streaming"; });
    REQUIRE(co_await std::move(connected));
  }
  auto stopping = a->stop();
  REQUIRE(co_await std::move(stopping));
  // A clean shutdown: both have all of it, and both are promoted at the very same position.
  for (Node* n : {b, c}) {
    Result promoted = co_await promote(n);
    REQUIRE_OK(promoted);
    co_await n->sql("CREATE TABLE mine AS SELECT 1 AS x");
  }
  // Ahead of what will stop: where they stand does not tell them apart.
  co_await c->sql("CREATE TABLE more AS SELECT generate_series(1, 1000) AS x");
  auto b_history = b->server->history({2}, "b", b->in(5s));
  auto c_history = c->server->history({2}, "c", c->in(5s));
  const auto b_lines = co_await std::move(b_history);
  const auto c_lines = co_await std::move(c_history);
  REQUIRE(b_lines.size() == 1 && c_lines.size() == 1);
  EXPECT_EQ(b_lines[0].switch_lsn, c_lines[0].switch_lsn);

  auto down = b->stop();
  REQUIRE(co_await std::move(down));
  const DivergenceAnswer answer = co_await compare(b, c);
  EXPECT_EQ(answer.verdict, Divergence::diverged) << answer.detail;
  EXPECT_TRUE(answer.beyond_rewind);
  EXPECT_EQ(answer.local_timeline, answer.leader_timeline);

  // The old primary stands at the switch: it can follow either.
  const DivergenceAnswer fine = co_await compare(a, c);
  EXPECT_EQ(fine.verdict, Divergence::none) << fine.detail;
  // A replica of the one is no stranger to it: it has its history, and its first record.
  Result followed = co_await a->start_replica(c->upstream());
  REQUIRE_OK(followed);
  auto streaming = a->until([](const Facts& f) { return f.probe && f.probe->effective_timeline.value == 2; });
  EXPECT_TRUE(co_await std::move(streaming));
  const DivergenceAnswer again = co_await compare(a, c);
  EXPECT_EQ(again.verdict, Divergence::none) << again.detail;
}

class TwoPromotions : public ServerTest {
 protected:
  void tell_apart(std::optional<std::uint64_t> left) {
    Node a(io_.get_executor(), clock_, disk_, settings("one"));
    Node b(io_.get_executor(), clock_, disk_, settings("two"));
    Node c(io_.get_executor(), clock_, disk_, settings("three"));
    run(then_end(two_promotions_to_one_timeline(&a, &b, &c, left), {&a, &b, &c}));
  }
};

TEST_F(TwoPromotions, to_one_timeline_at_one_position_are_told_apart) {
  tell_apart(std::nullopt);
}

TEST_F(TwoPromotions, whose_first_record_has_its_header_on_two_pages_are_told_apart) {
  tell_apart(8);
}

TEST_F(TwoPromotions, at_the_end_of_a_page_are_told_apart) {
  tell_apart(0);
}

void script(const std::string& path, const std::string& body) {
  (void)blocking::write_file(path, "#!/bin/sh\n" + body, 0755);
}

/// `a` has gone its own way since `b` was promoted; both have been stopped and started since.
Task<Result> part(Node* a, Node* b) {
  Result booted = co_await a->bootstrap();
  if (!booted) co_return booted;
  Result cloned = co_await clone(b, a);
  if (!cloned) co_return cloned;
  auto catching_up = caught_up(b, a);
  if (!co_await std::move(catching_up)) co_return std::unexpected(Failure{"the replica does not catch up"});
  const DivergenceAnswer early = co_await compare(a, b);
  EXPECT_EQ(early.verdict, Divergence::unknown) << "one in recovery leads nobody";
  EXPECT_THAT(early.detail, HasSubstr("still in recovery"));
  Result promoted = co_await promote(b);
  if (!promoted) co_return promoted;
  Result checkpointed = co_await b->server->checkpoint(b->in(10s));
  if (!checkpointed) co_return checkpointed;
  co_await a->sql("CREATE TABLE lost AS SELECT generate_series(1, 1000)");
  co_return Result();
}

Task<void> failures_of_rewind(Node* a, Node* b, std::string root) {
  Result parted = co_await part(a, b);
  REQUIRE_OK(parted);
  auto under_its_feet = a->server->rewind(b->upstream(), {}, a->in(20s));
  Result running = co_await std::move(under_its_feet);
  EXPECT_THAT(text(running), HasSubstr("PostgreSQL runs"));
  auto stopping = a->stop();
  REQUIRE(co_await std::move(stopping));
  const DivergenceAnswer answer = co_await compare(a, b);
  EXPECT_EQ(answer.verdict, Divergence::diverged) << answer.detail;
  EXPECT_FALSE(answer.beyond_rewind);
  const Facts& facts = a->server->facts();
  const std::string fake = root + "/fake_rewind";

  // It ends before it has changed anything: what is there is still a server.
  script(fake, "echo \"$@\" > " + fake + ".args; cat \"$PGSERVICEFILE\" > " + fake +
                   ".service; echo 'pg_rewind: error: something is not as it should be' >&2; exit 1\n");
  auto changed = std::make_shared<config::Settings>(*a->settings);
  changed->postgresql.accounts.rewind.options = {{"sslpassword", "opens-the-key"}};
  changed->postgresql.tools.bin_name["pg_rewind"] = "../../../../../.." + fake;
  co_await a->server->apply(changed, Role::replica, false, a->in(5s));
  auto harmless = a->server->rewind(b->upstream(), {}, a->in(20s));
  Result failed = co_await std::move(harmless);
  EXPECT_THAT(text(failed), HasSubstr("something is not as it should be"));
  EXPECT_FALSE(failed.error().source_lost);
  const std::string arguments = blocking::read_file(fake + ".args").value_or(std::nullopt).value_or("");
  EXPECT_THAT(arguments, HasSubstr("service=tanist"));
  EXPECT_EQ(arguments.find("opens-the-key"), std::string::npos);
  EXPECT_EQ(blocking::read_file(fake + ".service").value_or(std::nullopt).value_or(""),
            "[tanist]\nsslpassword=opens-the-key\n");
  changed = std::make_shared<config::Settings>(*changed);
  changed->postgresql.accounts.rewind.options.clear();
  co_await a->server->apply(changed, Role::replica, false, a->in(5s));
  EXPECT_FALSE(facts.half_rewound);
  EXPECT_FALSE(fs::exists(a->settings->state_dir + "/rewinding"));
  EXPECT_TRUE(facts.control.has_value());

  // The leader has its sockets among its data: pg_rewind would fail on them half-way.
  const std::string socket = b->settings->postgresql.data_dir + "/.s.PGSQL.5999";
  REQUIRE(blocking::write_file(socket, "", 0600));
  auto over_sockets = a->server->rewind(b->upstream(), {}, a->in(20s));
  Result not_run = co_await std::move(over_sockets);
  EXPECT_THAT(text(not_run), HasSubstr("holds the socket \".s.PGSQL.5999\""));
  EXPECT_FALSE(facts.half_rewound);
  fs::remove(socket);

  // It hangs; it is given up and has changed nothing.
  script(fake, "sleep 60 &\nsleep 60\n");
  auto hanging = a->server->rewind(b->upstream(), {}, a->in(300s));
  const Instant begin = a->clock.now();
  const auto given_up = co_await with_deadline(a->clock, std::move(hanging), a->in(200ms));
  EXPECT_FALSE(given_up.has_value());
  EXPECT_LT(a->clock.now() - begin, 5s);
  EXPECT_FALSE(facts.half_rewound);

  // It ends in the middle of the copy, after much noise: nothing starts on what it left.
  script(fake,
         "head -c 300000000 /dev/zero | tr '\\0' 'x'\n"
         "echo 'pg_rewind: need to copy 51 MB (total source directory size is 67 MB)' >&2\nkill -9 $$\n");
  auto half = a->server->rewind(b->upstream(), {}, a->in(60s));
  Result broken = co_await std::move(half);
  EXPECT_THAT(text(broken), HasSubstr("signal 9"));
  EXPECT_LT(text(broken).size(), 3000u);
  EXPECT_TRUE(facts.half_rewound);
  Result refused = co_await a->start_replica(b->upstream());
  EXPECT_THAT(text(refused), HasSubstr("pg_rewind did not finish"));

  // A program that does not even run is no pg_rewind.
  script(fake, "exit 3\n");
  auto other = std::make_shared<config::Settings>(*changed);
  other->postgresql.tools.bin_name["pg_rewind"] = "../../../../../.." + fake + "2";
  co_await a->server->apply(other, Role::replica, false, a->in(5s));
  co_await compare(a, b);
  EXPECT_FALSE(facts.rewind_works);

  // The leader is gone while it fails: that is told.
  auto leader_stop = b->stop();
  REQUIRE(co_await std::move(leader_stop));
  auto lost = a->server->rewind(b->upstream(), {}, a->in(20s));
  Result gone = co_await std::move(lost);
  REQUIRE(!gone);
  EXPECT_TRUE(gone.error().source_lost);
  EXPECT_TRUE(facts.half_rewound) << "a later failure does not make the directory whole";
}

TEST_F(ServerTest, a_failed_rewind_tells_whether_it_changed_anything_and_whether_the_leader_is_gone) {
  Node a(io_.get_executor(), clock_, disk_, settings("one"));
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(failures_of_rewind(&a, &b, root_), {&a, &b}));
}

Task<void> rewind_over_a_gap(Node* a, Node* b, std::string archive) {
  Result parted = co_await part(a, b);
  REQUIRE_OK(parted);
  // What pg_rewind has to read back to is in the archive only.
  for (int i = 0; i < 3; ++i) {
    co_await a->sql("SELECT pg_switch_wal()");
    co_await a->sql("INSERT INTO lost SELECT generate_series(1, 10)");
  }
  auto stopping = a->stop();
  REQUIRE(co_await std::move(stopping));
  const std::string wal = a->settings->postgresql.data_dir + "/pg_wal";
  co_await a->server->read_control(a->in(5s));
  const auto& control = a->server->facts().control;
  REQUIRE(control.has_value());
  const std::string last = segment_name(control->checkpoint_timeline, control->latest_checkpoint, 16u << 20);
  int moved = 0;
  for (const auto& entry : fs::directory_iterator(wal)) {
    const std::string name = entry.path().filename();
    if (!is_segment_name(name) || name >= last) continue;
    if (!fs::exists(archive + "/" + name)) fs::copy_file(entry.path(), archive + "/" + name);
    fs::remove(entry.path());
    ++moved;
  }
  EXPECT_GE(moved, 1);
  auto rewinding = a->server->rewind(b->upstream(), {}, a->in(60s));
  Result rewound = co_await std::move(rewinding);
  REQUIRE_OK(rewound);
  Result followed = co_await a->start_replica(b->upstream());
  REQUIRE_OK(followed);
  auto joined = a->until([](const Facts& f) {
    return f.probe && f.probe->receiver_state == "streaming" && f.probe->effective_timeline.value == 2;
  });
  EXPECT_TRUE(co_await std::move(joined));
}

TEST_F(ServerTest, wal_that_only_the_archive_has_is_fetched_for_the_rewind) {
  const std::string archive = root_ + "/archive";
  fs::create_directory(archive);
  auto old = settings("one");
  old.postgresql.parameters["wal_keep_size"] = "512MB";
  old.postgresql.recovery_conf["restore_command"] = "cp " + archive + "/%f %p";
  Node a(io_.get_executor(), clock_, disk_, old);
  Node b(io_.get_executor(), clock_, disk_, settings("two"));
  run(then_end(rewind_over_a_gap(&a, &b, archive), {&a, &b}));
}

/// PostgreSQL 10 as far as a rewind sees it: programs that are scripts.
struct OldServer {
  explicit OldServer(const std::string& root)
      : bin(root + "/bin"), archive(root + "/archive"), calls(root + "/calls") {
    fs::create_directory(bin);
    fs::create_directory(archive);
    script(bin + "/postgres", "test \"$1\" = --version && echo 'postgres (PostgreSQL) 10.23'\nexit 0\n");
    script(
        bin + "/pg_controldata",
        "echo 'Database cluster state: shut down'\necho 'Database system identifier: 7000000000000000001'\n");
  }
  void make_data(const std::string& data) const {
    for (const char* part : {"/global", "/pg_wal", "/pg_replslot/of_the_leader"})
      fs::create_directories(data + part);
    fs::permissions(data, fs::perms::owner_all);
    (void)blocking::write_file(data + "/PG_VERSION", "10\n", 0600);
    (void)blocking::write_file(data + "/global/pg_control", "x", 0600);
    (void)blocking::write_file(data + "/pg_replslot/of_the_leader/state", "x", 0600);
    // It needs two segments, one after the other.
    script(bin + "/pg_rewind",
           "echo \"$@\" >> " + calls + "\ntest \"$1\" = --help && exit 0\nfor n in 3 4; do\n  f=" + data +
               "/pg_wal/00000001000000000000000$n\n  test -f $f && continue\n"
               "  echo \"could not open file \\\"$f\\\": No such file or directory\" >&2\n"
               "  exit 1\ndone\n");
  }
  std::string bin;
  std::string archive;
  std::string calls;
};

Task<void> rewind_of_old(Node* a, const OldServer* old) {
  Result opened = co_await a->server->open(a->settings);
  REQUIRE_OK(opened);
  (void)blocking::write_file(old->archive + "/000000010000000000000003", "wal", 0600);
  const Upstream source{"two", "127.0.0.1", 1, ""};
  // The second segment is nowhere: it fails, having changed nothing.
  auto first = a->server->rewind(source, {}, a->in(20s));
  Result failed = co_await std::move(first);
  EXPECT_THAT(text(failed), HasSubstr("000000010000000000000004"));
  EXPECT_FALSE(a->server->facts().half_rewound);
  EXPECT_TRUE(fs::exists(a->settings->postgresql.data_dir + "/pg_wal/000000010000000000000003"));
  EXPECT_TRUE(fs::exists(a->settings->postgresql.data_dir + "/pg_replslot/of_the_leader"));

  (void)blocking::write_file(old->archive + "/000000010000000000000004", "wal", 0600);
  auto second = a->server->rewind(source, {}, a->in(20s));
  Result done = co_await std::move(second);
  EXPECT_TRUE(done) << text(done);
  // The leader's slots were copied with everything else.
  EXPECT_FALSE(fs::exists(a->settings->postgresql.data_dir + "/pg_replslot/of_the_leader"));
  EXPECT_TRUE(fs::exists(a->settings->postgresql.data_dir + "/pg_replslot"));
  const std::string calls = blocking::read_file(old->calls).value_or(std::nullopt).value_or("");
  EXPECT_THAT(calls, HasSubstr("--help"));
  EXPECT_EQ(calls.find("restore-target-wal"), std::string::npos);
  EXPECT_THAT(calls, HasSubstr("target_session_attrs=read-write"));
}

TEST_F(ServerTest, an_old_pg_rewind_gets_missing_wal_by_the_restore_command) {
  const OldServer old(root_);
  auto s = settings("one");
  s.postgresql.tools.bin_dir = old.bin;
  s.postgresql.recovery_conf["restore_command"] = "cp " + old.archive + "/%f \"%p\"";
  old.make_data(s.postgresql.data_dir);
  Node a(io_.get_executor(), clock_, disk_, s);
  run(then_end(rewind_of_old(&a, &old), {&a}));
}

Task<void> archive_before_recovery(Node* a, std::string archive) {
  Result booted = co_await a->bootstrap();
  REQUIRE_OK(booted);
  co_await a->sql("CREATE TABLE t AS SELECT 1");
  co_await a->sql("SELECT pg_switch_wal()");
  auto killing = a->server->kill_everything(a->in(10s));
  REQUIRE(co_await std::move(killing));
  const std::string status = a->settings->postgresql.data_dir + "/pg_wal/archive_status";
  fs::create_directories(status);
  (void)blocking::write_file(status + "/000000010000000000000001.ready", "", 0600);
  (void)blocking::write_file(status + "/0000000100000000000000FF.ready", "", 0600);
  (void)blocking::write_file(a->settings->postgresql.data_dir + "/standby.signal", "", 0600);
  Result recovered = co_await a->server->crash_recover(a->in(60s));
  REQUIRE_OK(recovered);
  EXPECT_TRUE(fs::exists(archive + "/000000010000000000000001"));
  EXPECT_FALSE(fs::exists(status + "/0000000100000000000000FF.ready"));
  EXPECT_FALSE(fs::exists(a->settings->postgresql.data_dir + "/standby.signal"));
  REQUIRE(a->server->facts().control.has_value());
  EXPECT_EQ(a->server->facts().control->cluster_state, "shut down");
}

TEST_F(ServerTest, ready_wal_is_archived_before_a_crash_recovery_forgets_it) {
  const std::string archive = root_ + "/archive";
  fs::create_directory(archive);
  auto s = settings("one");
  s.postgresql.parameters["archive_mode"] = "on";
  // The archiver of the running server is of no help.
  s.postgresql.parameters["archive_command"] = "test -f " + s.postgresql.data_dir +
                                               "/postmaster.pid && ! test -f " + s.postgresql.data_dir +
                                               "/standby.signal && exit 1; cp %p " + archive + "/%f";
  Node a(io_.get_executor(), clock_, disk_, s);
  run(then_end(archive_before_recovery(&a, archive), {&a}));
}

}  // namespace
}  // namespace tanist::postgres
