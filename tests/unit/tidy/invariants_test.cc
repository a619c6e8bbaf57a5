// What the simulator names when it fails is to be read about.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "sim/invariant.h"

namespace tanist::tidy {
namespace {

TEST(invariants, have_a_paragraph_each_in_the_page_on_safety) {
  std::ifstream in(std::string(TANIST_SOURCE_DIR) + "/docs/safety.md");
  const std::string page(std::istreambuf_iterator<char>(in), {});
  std::size_t from = page.find("## The invariants");
  ASSERT_NE(from, std::string::npos);
  for (const auto name : sim::kInvariantNames) {
    const auto at = page.find("\n**" + std::string(name) + "**: ", from);
    ASSERT_NE(at, std::string::npos) << name << ", in the order of sim/invariant.h";
    from = at;
  }
}

}  // namespace
}  // namespace tanist::tidy
