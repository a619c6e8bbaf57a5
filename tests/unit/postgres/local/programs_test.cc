#include "postgres/local/programs.h"

#include "unit/postgres/parts_fixture.h"

namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProgramsTest : public PartTest {
 protected:
  Task<void> ask_two_versions() {
    Programs older(context_);
    Programs newer(context_, root_ + "/new");
    Result first = co_await older.check(in(10s));
    EXPECT_TRUE(first);
    Result second = co_await newer.check(in(10s));
    EXPECT_TRUE(second);
    EXPECT_EQ(older.binary_version(), 150000);
    EXPECT_EQ(newer.binary_version(), 170000);
    EXPECT_EQ(older.exact_version(), 150020);
    EXPECT_EQ(newer.exact_version(), 170002);
    EXPECT_EQ(older.path("initdb"), root_ + "/bin/initdb");
    EXPECT_EQ(newer.path("initdb"), root_ + "/new/initdb");
    EXPECT_EQ(newer.wal_path(), root_ + "/data/pg_wal");

    // Those of the configuration follow it, the others stay where they are.
    auto moved = std::make_shared<config::Settings>(*settings_);
    moved->postgresql.tools.bin_dir = "";
    moved->postgresql.tools.bin_name["initdb"] = "make_cluster";
    context_.settings = moved;
    EXPECT_EQ(older.path("initdb"), "make_cluster");
    EXPECT_EQ(newer.path("initdb"), root_ + "/new/make_cluster");
  }
  Task<void> ask_the_wrong_version() {
    Programs programs(context_);
    context_.facts.major_version = 140000;
    Result refused = co_await programs.check(in(10s));
    EXPECT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, HasSubstr("was made by PostgreSQL 14, but"));
    EXPECT_EQ(programs.target_version(), 140000) << "the data directory says what is worked with";
    EXPECT_EQ(programs.exact_version(), 140000);
  }
  Task<void> run_in_its_environment() {
    Programs programs(context_);
    std::vector<std::string> argv{"/bin/sh", "-c", "echo $LC_ALL $TANIST_WORKS_FOR; exit 3"};
    const auto told = co_await programs.ask(std::move(argv), in(10s));
    EXPECT_TRUE(told);
    if (!told) co_return;
    EXPECT_EQ(told->out, "C " + settings_->state_dir + "\n");
    EXPECT_EQ(told->exit.code, 3);
  }
};

TEST_F(ProgramsTest, two_versions_of_postgresql_can_be_worked_with_at_once) {
  write_program("/bin/postgres", "echo 'postgres (PostgreSQL) 15.20 (Debian)'");
  write_program("/new/postgres", "echo 'postgres (PostgreSQL) 17.2'");
  run(ask_two_versions());
}

TEST_F(ProgramsTest, programs_of_another_version_than_the_data_directory_are_refused) {
  write_program("/bin/postgres", "echo 'postgres (PostgreSQL) 15.20 (Debian)'");
  run(ask_the_wrong_version());
}

TEST_F(ProgramsTest, a_program_speaks_english_and_is_known_for_whose_work_it_does) {
  run(run_in_its_environment());
}

}  // namespace
}  // namespace tanist::postgres
