#include "postgres/local/configuration.h"

#include "postgres/local/control_file.h"
#include "postgres/local/directory.h"
#include "postgres/local/programs.h"
#include "unit/postgres/parts_fixture.h"

/// The configuration of a server that does not run, on a data directory that is none.
namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class ConfigurationTest : public PartTest {
 protected:
  void SetUp() override {
    PartTest::SetUp();
    context_.facts.major_version = 150000;
    settings_->postgresql.parameters = {{"max_connections", "50"}, {"work_mem", "8MB"}};
    settings_->postgresql.pg_hba = {"local all all trust"};
    settings_->postgresql.accounts.replication = {"rep", Secret("secret"), {}};
    std::ofstream(root_ + "/data/postgresql.conf") << "# as initdb wrote it\n";
    configuration_.take_settings(settings_, Role::replica);
  }

  Task<void> write_a_standby() {
    // What its primary had is more than what is configured.
    context_.facts.control.emplace().required_settings = {{"max_connections", 70}};
    StartRequest request;
    request.upstream = Upstream{"other", "10.0.0.1", 5432, "one"};
    const auto options = co_await configuration_.write_for_start(request, in(10s));
    EXPECT_TRUE(options) << options.error().detail;
    if (!options) co_return;
    EXPECT_THAT(*options, Contains("--max_connections=70"));
    const PendingRestart raised{"70", "50"};
    EXPECT_EQ(context_.facts.pending_restart.at("max_connections"), raised);
    EXPECT_THAT(content("/data/postgresql.conf"), HasSubstr("primary_slot_name = 'one'"));
    EXPECT_THAT(content("/data/postgresql.conf"), Not(HasSubstr("secret")));
    EXPECT_THAT(content("/data/postgresql.base.conf"), HasSubstr("as initdb wrote it"));
    EXPECT_THAT(content("/data/pg_hba.conf"), HasSubstr("local all all trust"));
    EXPECT_THAT(content("/pgpass"), HasSubstr("secret"));
    EXPECT_TRUE(std::filesystem::exists(root_ + "/data/standby.signal"));
    EXPECT_EQ(context_.facts.settings_role, Role::replica);
    EXPECT_FALSE(context_.facts.settings_stale);

    // As a primary it finds none of that.
    request.as_standby = false;
    configuration_.take_role(Role::primary);
    const auto as_primary = co_await configuration_.write_for_start(request, in(10s));
    EXPECT_TRUE(as_primary);
    EXPECT_FALSE(std::filesystem::exists(root_ + "/data/standby.signal"));
    EXPECT_THAT(content("/data/postgresql.conf"), Not(HasSubstr("primary_slot_name")));
    EXPECT_TRUE(context_.facts.pending_restart.empty());
    EXPECT_EQ(context_.facts.settings_role, Role::primary);
  }

  Programs programs_{context_};
  Directory directory_{context_};
  ControlFile control_file_{context_, programs_};
  Configuration configuration_{context_, programs_, directory_, control_file_};
};

TEST_F(ConfigurationTest, a_server_that_is_started_finds_the_files_of_its_role) {
  run(write_a_standby());
}

TEST_F(ConfigurationTest, the_files_of_one_that_was_found_running_are_not_ours_yet) {
  configuration_.take_arrival(true, 0);
  EXPECT_TRUE(context_.facts.settings_stale);
  EXPECT_FALSE(context_.facts.settings_role);
}

TEST_F(ConfigurationTest, where_it_listens_is_where_it_was_found) {
  settings_->postgresql.port = 5432;
  settings_->postgresql.connect_address = {"10.0.0.2", 5432};
  configuration_.take_arrival(true, 5433);
  EXPECT_EQ(context_.address.port, 5433);
  EXPECT_EQ(context_.facts.conn_url, "postgres://10.0.0.2:5433/postgres");
  configuration_.take_arrival(false, 0);
  EXPECT_EQ(context_.address.port, 5432) << "one that we start is where the settings say";
  EXPECT_EQ(context_.facts.conn_url, "");
}

}  // namespace
}  // namespace tanist::postgres
