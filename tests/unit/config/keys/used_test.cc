// A key that is declared and that nothing reads would be accepted, documented, and do nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "config/keys/keys.h"

namespace tanist::config {
namespace {

namespace fs = std::filesystem;

/// The sources that keys are read in: neither their table nor what validates with texts of its own.
std::string readers() {
  const fs::path source = fs::path(TANIST_SOURCE_DIR) / "src";
  std::string out;
  for (const auto& entry : fs::recursive_directory_iterator(source)) {
    const std::string path = fs::relative(entry.path(), source).string();
    const auto extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    if (path.starts_with("config/keys/") || path.starts_with("setup/")) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    out.append(std::istreambuf_iterator<char>(in), {});
  }
  return out;
}

/// Read by a name that is put together, and why no literal has it.
const std::set<std::string> kComposed = {
    // <what>_<role>
    "postgresql.parameters_primary", "postgresql.pg_hba_primary", "postgresql.pg_ident_primary",
    "postgresql.parameters_replica", "postgresql.pg_hba_replica", "postgresql.pg_ident_replica",
    "postgresql.parameters_standby_leader", "postgresql.pg_hba_standby_leader",
    "postgresql.pg_ident_standby_leader",
    // Programs are looked up by their own names.
    "postgresql.bin_name.pg_ctl",
    // Taken for the sake of files that have it; there are no tracebacks to give a level to.
    "log.traceback_level"};

TEST(Keys, each_that_has_an_effect_is_read_somewhere) {
  const std::string text = readers();
  ASSERT_GT(text.size(), 100'000u);
  const auto has = [&](const std::string& literal) { return text.find(literal) != std::string::npos; };
  std::set<std::string> composed;
  for (const auto& key : keys()) {
    if (key.type == Type::section || key.effect != Effect::full) continue;
    const std::string leaf = key.path.substr(key.path.rfind('.') + 1);
    // Sections with the same keys are read by one function: `section + ".keyfile"`, find("username").
    if (has('"' + key.path + '"') || has('"' + leaf + '"') || has("." + leaf + '"')) continue;
    composed.insert(key.path);
    EXPECT_TRUE(kComposed.contains(key.path))
        << key.path << " is declared, and no source reads it: build it into config::Settings";
  }
  EXPECT_EQ(composed, kComposed) << "an exception that nobody needs";
}

}  // namespace
}  // namespace tanist::config
