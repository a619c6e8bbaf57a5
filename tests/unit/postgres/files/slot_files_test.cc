#include "postgres/files/slot_files.h"

#include <cstring>

#include "postgres/local/slot_readiness.h"
#include "unit/postgres/parts_fixture.h"

namespace tanist::postgres {
namespace {

namespace fs = std::filesystem;

std::string state(std::size_t length) {
  std::string bytes(16 + length, 'x');
  const std::uint32_t magic = 0x1051CA1, size = static_cast<std::uint32_t>(length);
  std::memcpy(bytes.data(), &magic, sizeof magic);
  std::memcpy(bytes.data() + 12, &size, sizeof size);
  return bytes;
}

TEST(SlotState, is_taken_whole_or_not_at_all) {
  EXPECT_TRUE(is_slot_state(state(160)));
  EXPECT_FALSE(is_slot_state(state(160).substr(0, 100)));
  EXPECT_FALSE(is_slot_state(""));
  EXPECT_FALSE(is_slot_state(std::string(176, 'x')));
}

class SlotFiles : public PartTest {
 protected:
  void SetUp() override {
    PartTest::SetUp();
    fs::create_directory(root_ + "/data/pg_replslot");
  }
  std::expected<void, std::string> write(const std::vector<SlotCopy>& slots, unsigned mode = 0600) {
    return write_slot_files(root_ + "/data", slots, mode);
  }
  fs::perms mode_of(const std::string& path) const {
    return fs::status(root_ + "/data/pg_replslot/" + path).permissions();
  }
};

TEST_F(SlotFiles, are_where_postgresql_looks_for_them) {
  ASSERT_TRUE(write({{.name = "feed", .state = "one"}, {.name = "audit", .state = "two"}}));
  EXPECT_EQ(content("/data/pg_replslot/feed/state"), "one");
  EXPECT_EQ(content("/data/pg_replslot/audit/state"), "two");
  EXPECT_EQ(mode_of("feed"), fs::perms::owner_all);
  EXPECT_EQ(mode_of("feed/state"), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(SlotFiles, are_readable_by_the_group_where_the_data_directory_is) {
  ASSERT_TRUE(write({{.name = "feed", .state = "one"}}, 0640));
  EXPECT_EQ(mode_of("feed"), static_cast<fs::perms>(0750));
  EXPECT_EQ(mode_of("feed/state"), static_cast<fs::perms>(0640));
}

TEST_F(SlotFiles, take_the_place_of_earlier_ones_and_of_what_was_left_half_done) {
  ASSERT_TRUE(write({{.name = "feed", .state = "old"}}));
  fs::create_directory(root_ + "/data/pg_replslot/feed.tmp");
  std::ofstream(root_ + "/data/pg_replslot/feed.tmp/rest") << "x";
  ASSERT_TRUE(write({{.name = "feed", .state = "new"}}));
  EXPECT_EQ(content("/data/pg_replslot/feed/state"), "new");
  EXPECT_FALSE(fs::exists(root_ + "/data/pg_replslot/feed.tmp"));
  EXPECT_FALSE(fs::exists(root_ + "/data/pg_replslot/feed/rest"));
}

TEST_F(SlotFiles, that_cannot_be_written_are_told) {
  fs::remove(root_ + "/data/pg_replslot");
  const auto written = write({{.name = "feed", .state = "one"}});
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error(),
              testing::HasSubstr("could not create \"" + root_ + "/data/pg_replslot/feed.tmp\""));
}

TEST(Transactions, are_counted_in_a_circle) {
  EXPECT_TRUE(precedes_or_is(700, 700));
  EXPECT_TRUE(precedes_or_is(700, 701));
  EXPECT_FALSE(precedes_or_is(701, 700));
  EXPECT_TRUE(precedes_or_is(4294967290u, 5)) << "it came before they began anew";
  EXPECT_FALSE(precedes_or_is(5, 4294967290u));
}

}  // namespace
}  // namespace tanist::postgres
