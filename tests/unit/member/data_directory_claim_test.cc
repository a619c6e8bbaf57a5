#include "member/data_directory_claim.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "log/log.h"

namespace tanist::member {
namespace {

namespace fs = std::filesystem;

class data_directory_claim : public ::testing::Test {
 protected:
  data_directory_claim() {
    log::redirect([this](log::Level, const std::string& line) { said.push_back(line); });
    std::string place = (fs::temp_directory_path() / "tanist-claim-XXXXXX").string();
    directory = ::mkdtemp(place.data());
  }
  ~data_directory_claim() override {
    log::redirect({});
    fs::remove_all(directory);
  }

  fs::path directory;
  std::vector<std::string> said;
};

TEST_F(data_directory_claim, is_had_by_one_at_a_time) {
  const std::string state = directory / "data.tanist";
  {
    DataDirectoryClaim first;
    EXPECT_TRUE(first.take(state).has_value());
    DataDirectoryClaim second;
    const auto refused = second.take(state);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().find(state), std::string::npos);
    EXPECT_NE(refused.error().find("HINT:"), std::string::npos);
  }
  DataDirectoryClaim third;
  EXPECT_TRUE(third.take(state).has_value());
  EXPECT_TRUE(said.empty());
}

TEST_F(data_directory_claim, that_cannot_be_locked_is_told_and_keeps_nobody_from_starting) {
  DataDirectoryClaim claim;
  EXPECT_TRUE(claim.take(directory / "no" / "such.tanist").has_value());
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said[0].find("could not lock"), std::string::npos);
}

}  // namespace
}  // namespace tanist::member
