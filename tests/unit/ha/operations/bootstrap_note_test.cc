#include "ha/operations/bootstrap_note.h"

#include <gtest/gtest.h>

namespace tanist::ha {
namespace {

using postgres::ClusterIdentity;
using postgres::DataDirectory;

/// A bootstrap that was interrupted, and the very directory that it made.
class LeftBootstraps : public ::testing::Test {
 protected:
  LeftBootstraps() {
    facts.data_directory = DataDirectory::ok;
    facts.system_identifier = "7001";
  }
  LeftBootstrap judge() const { return judge_left_bootstrap(note, facts, here, stored).what; }
  void run(const std::string& postmaster) {
    facts.process = postgres::Process::running;
    here.postmaster = postmaster;
  }

  BootstrapNote note{"/data", "m1", 1000, {"dir 1", "cluster 1", "pid 1"}, "7001", false, false};
  postgres::Facts facts;
  ClusterIdentity here{"dir 1", "cluster 1", {}};
  std::string stored;
};

TEST_F(LeftBootstraps, a_note_is_read_as_it_was_written_and_an_old_one_names_the_directory_only) {
  EXPECT_EQ(parse_bootstrap_note(to_text(note)), note);
  const auto old = parse_bootstrap_note(R"({"data_dir": "/data", "name": "m1"})");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->data_dir, "/data");
  EXPECT_EQ(old->made, ClusterIdentity{});
  EXPECT_FALSE(parse_bootstrap_note("no json"));
}

TEST_F(LeftBootstraps, what_the_attempt_made_is_put_aside) {
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  // Killed while initdb worked: nothing of a system identifier yet.
  note.system_id.clear();
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  facts.data_directory = DataDirectory::foreign;
  facts.system_identifier.clear();
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  note.made.cluster.clear();
  EXPECT_EQ(judge(), LeftBootstrap::ours);
}

TEST_F(LeftBootstraps, nothing_is_left_of_one_that_the_store_knows_of_or_that_is_gone) {
  stored = "7001";
  EXPECT_EQ(judge(), LeftBootstrap::nothing);
  stored = "9";
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  note.finished = true;
  EXPECT_EQ(judge(), LeftBootstrap::nothing);
  note.finished = false;
  facts.data_directory = DataDirectory::empty;
  EXPECT_EQ(judge(), LeftBootstrap::nothing);
}

TEST_F(LeftBootstraps, one_that_the_store_knows_of_is_finished_also_where_the_data_is_not_to_be_read) {
  stored = "7001";
  facts.system_identifier.clear();
  for (const auto seen : {DataDirectory::ok, DataDirectory::foreign, DataDirectory::unreadable}) {
    facts.data_directory = seen;
    EXPECT_EQ(judge(), LeftBootstrap::nothing);
  }
  // What cannot be read and is not known to the store is nobody's for now.
  stored.clear();
  EXPECT_EQ(judge(), LeftBootstrap::unknown);
}

TEST_F(LeftBootstraps, a_backup_that_was_restored_since_is_kept) {
  facts.system_identifier = "6002";
  EXPECT_EQ(judge(), LeftBootstrap::of_others);
  // The bootstrap did not get as far as a system identifier; the directory is the same, its files are not.
  note.system_id.clear();
  here.cluster = "cluster 2";
  EXPECT_EQ(judge(), LeftBootstrap::of_others);
  facts.data_directory = DataDirectory::foreign;
  EXPECT_EQ(judge(), LeftBootstrap::of_others);
}

TEST_F(LeftBootstraps, a_server_that_runs_is_touched_only_when_the_attempt_started_it) {
  run("pid 1");
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  run("pid 2");
  EXPECT_EQ(judge(), LeftBootstrap::unknown);
  // The daemon was killed before it had noted what it started.
  note.starting = true;
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  here.cluster = "cluster 2";
  EXPECT_EQ(judge(), LeftBootstrap::unknown);
  here.cluster = note.made.cluster;
  note.starting = false;
  note.made.postmaster.clear();
  here.postmaster.clear();
  EXPECT_EQ(judge(), LeftBootstrap::unknown);
  facts.system_identifier = "6002";
  EXPECT_EQ(judge(), LeftBootstrap::of_others);
}

/// It outlives the daemon, and is ended by the next one, or has ended by then.
TEST_F(LeftBootstraps, what_initdb_made_after_the_daemon_was_killed_is_known_by_its_second) {
  note.system_id.clear();
  note.made.cluster.clear();
  const auto made_at = [](std::uint64_t second) { return std::to_string((second << 32) + 12345); };
  facts.system_identifier = made_at(1003);
  EXPECT_EQ(judge(), LeftBootstrap::ours);
  here.directory = "dir 2";
  EXPECT_EQ(judge(), LeftBootstrap::unknown);
  here.directory = note.made.directory;
  for (const std::uint64_t second : {900, 1100}) {
    facts.system_identifier = made_at(second);
    EXPECT_EQ(judge(), LeftBootstrap::unknown);
  }
}

TEST_F(LeftBootstraps, in_doubt_nothing_is_touched) {
  const auto doubtful = [&](auto change) {
    BootstrapNote n = note;
    postgres::Facts f = facts;
    ClusterIdentity h = here;
    change(n, f, h);
    const auto seen = judge_left_bootstrap(n, f, h, stored);
    EXPECT_FALSE(seen.found.empty());
    return seen.what == LeftBootstrap::unknown;
  };
  // pg_controldata failed.
  EXPECT_TRUE(doubtful([](auto&, auto& f, auto&) { f.system_identifier.clear(); }));
  EXPECT_TRUE(doubtful([](auto&, auto& f, auto&) { f.control_error = "exit code 1"; }));
  // A note of an earlier version.
  EXPECT_TRUE(
      doubtful([](auto& n, auto&, auto&) { n = BootstrapNote{"/data", "m1", 0, {}, "", false, false}; }));
  // A file system that numbers its files anew.
  EXPECT_TRUE(doubtful([](auto&, auto&, auto& h) { h = {"dir 2", "cluster 2", {}}; }));
  // Files that nobody has noted.
  EXPECT_TRUE(doubtful([](auto& n, auto& f, auto& h) {
    n.made.cluster.clear();
    n.system_id.clear();
    f.data_directory = DataDirectory::foreign;
    h.directory = "dir 2";
  }));
}

}  // namespace
}  // namespace tanist::ha
