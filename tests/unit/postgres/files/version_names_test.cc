#include "postgres/files/version_names.h"

#include <sys/stat.h>

#include "unit/postgres/server_fixture.h"

namespace tanist::postgres {
namespace {

TEST(VersionNames, version_10_renamed_what_had_xlog_in_its_name) {
  EXPECT_EQ(wal_directory(90624), "pg_xlog");
  EXPECT_EQ(wal_dump_program(90300), "pg_xlogdump");
  EXPECT_EQ(wal_directory(100000), "pg_wal");
  EXPECT_EQ(wal_dump_program(150004), "pg_waldump");
}

Task<void> read_wal_of_9_6(Node* n) {
  Result opened = co_await n->server->open(n->settings);
  REQUIRE_OK(opened);
  auto reading = n->server->history({2}, "two", n->in(5s));
  const auto lines = co_await std::move(reading);
  EXPECT_EQ(lines.size(), 1u);
  ControlData control;
  control.latest_checkpoint = {0x3000028};
  control.checkpoint_timeline = {2};
  co_await n->server->last_lsn(control, n->in(5s));
}

TEST_F(ServerTest, wal_of_an_old_server_is_found_where_it_has_it) {
  auto s = settings("one");
  const std::string data = s.postgresql.data_dir;
  s.postgresql.tools.bin_dir = root_ + "/bin";
  const auto program = [&](const std::string& name, const std::string& body) {
    (void)blocking::write_file(root_ + "/bin/" + name, "#!/bin/sh\n" + body + "\n", 0755);
  };
  program("postgres", "echo 'postgres (PostgreSQL) 9.6.24'");
  program("pg_controldata", "exit 1");
  program("pg_rewind", "exit 0");
  program("pg_xlogdump", "echo \"$@\" > " + root_ + "/dumped");
  (void)blocking::write_file(data + "/PG_VERSION", "9.6\n", 0600);
  (void)blocking::write_file(data + "/global/pg_control", "x", 0600);
  (void)blocking::write_file(data + "/pg_xlog/00000002.history",
                             "1\t0/3000000\tno recovery target specified\n", 0600);
  fs::permissions(data, fs::perms::owner_all);
  Node n(io_.get_executor(), clock_, disk_, s);
  run(then_end(read_wal_of_9_6(&n), {&n}));
  EXPECT_EQ(blocking::read_file(root_ + "/dumped").value_or(std::nullopt).value_or(""),
            "-p " + data + "/pg_xlog -t 2 -s 0/3000028 -n 1\n");
}

}  // namespace
}  // namespace tanist::postgres
