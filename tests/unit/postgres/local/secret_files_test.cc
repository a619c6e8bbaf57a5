#include "postgres/local/secret_files.h"

#include "unit/postgres/parts_fixture.h"

namespace tanist::postgres {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class SecretFilesTest : public PartTest {
 protected:
  Task<std::string> look() {
    co_await clock_.sleep_for(1ms);
    co_return content("/state/pgpass.clone");
  }
  Task<bool> hang() {
    co_await clock_.sleep_for(1h);
    co_return true;
  }
  Task<void> hold() {
    const HeldSecrets held(context_, "clone", {.pgpass = "secret", .service = ""});
    process::Environment environment;
    held.name_in(environment);
    EXPECT_EQ(environment.at("PGPASSFILE"), root_ + "/state/pgpass.clone");
    EXPECT_FALSE(environment.contains("PGSERVICEFILE"));
    const auto seen = co_await held.during(look(), in(10s));
    EXPECT_TRUE(seen);
    EXPECT_EQ(seen.value_or(""), "secret");
    EXPECT_FALSE(fs::exists(root_ + "/state/pgpass.clone"));

    // Given up, and the one who held them can be given up, too.
    auto holding = held.during(hang(), in(10s));
    const auto given_up = co_await with_deadline(clock_, std::move(holding), in(100ms));
    EXPECT_FALSE(given_up);
    EXPECT_FALSE(fs::exists(root_ + "/state/pgpass.clone"));

    // Where they cannot be written nothing is run.
    fs::remove_all(root_ + "/state");
    fs::create_symlink("/dev/null", root_ + "/state");
    bool ran = false;
    const auto failed = co_await held.during(mark(&ran), in(10s));
    EXPECT_FALSE(failed);
    EXPECT_FALSE(ran);
  }
  Task<bool> mark(bool* ran) {
    *ran = true;
    co_return true;
  }
};

TEST_F(SecretFilesTest, they_are_there_while_somebody_needs_them_and_no_longer) {
  run(hold());
}

}  // namespace
}  // namespace tanist::postgres
