#include "unit/config/reference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "config/keys/keys.h"

namespace tanist::config {
namespace {

const std::string kPage = std::string(TANIST_SOURCE_DIR) + "/docs/configuration.md";

TEST(Reference, the_checked_in_page_is_current) {
  if (std::getenv("TANIST_UPDATE_DOCS")) std::ofstream(kPage) << reference_page();
  std::ifstream in(kPage);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(text.str() == reference_page())
      << kPage << " is out of date: run this test with TANIST_UPDATE_DOCS=1 and check in the result";
}

TEST(Reference, every_key_is_on_the_page) {
  const auto page = reference_page();
  for (const auto& key : keys()) {
    if (key.type == Type::section && key.effect == Effect::full) continue;
    EXPECT_NE(page.find("`" + key.path + "`"), std::string::npos) << key.path;
    if (!key.environment.empty()) {
      EXPECT_NE(page.find("`" + key.environment + "`"), std::string::npos) << key.path;
    }
  }
}

}  // namespace
}  // namespace tanist::config
