#include "setup/abbreviations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::setup {
namespace {

using ::testing::ElementsAre;

TEST(Abbreviations, are_written_out_when_they_are_clear) {
  const std::vector<std::string> options = {"--validate-config", "--generate-config",
                                            "--generate-sample-config", "--print"};
  EXPECT_THAT(*expand_abbreviations({"--val", "-i", "--pr", "x", "--", "--val"}, options),
              ElementsAre("--validate-config", "-i", "--print", "x", "--", "--val"));
  EXPECT_THAT(*expand_abbreviations({"--generate-s=a", "--generate-config", "--nothing"}, options),
              ElementsAre("--generate-sample-config=a", "--generate-config", "--nothing"));
  EXPECT_EQ(expand_abbreviations({"--gen"}, options).error(),
            "ambiguous option: --gen could match --generate-config, --generate-sample-config");
}

}  // namespace
}  // namespace tanist::setup
