#include "config/keys/keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "config/errors.h"
#include "config/validate.h"

namespace tanist::config {
namespace {

TEST(Keys, every_declaration_is_complete) {
  std::set<std::pair<std::string, Scope>> paths;
  std::set<std::string> variables;
  for (const auto& key : keys()) {
    EXPECT_FALSE(key.about.empty()) << key.path;
    EXPECT_TRUE(key.about.ends_with('.')) << key.path;
    EXPECT_TRUE(paths.emplace(key.path, key.scope).second) << key.path << " is declared twice";
    if (!key.environment.empty()) {
      EXPECT_TRUE(variables.insert(key.environment).second) << key.environment << " is declared twice";
    }
    if (key.type == Type::choice) {
      EXPECT_FALSE(key.allowed.empty()) << key.path;
    }
    if (key.clamped) {
      EXPECT_TRUE(key.min.has_value()) << key.path;
    }
    if (key.effect == Effect::refused) {
      EXPECT_FALSE(key.hint.empty()) << key.path;
      EXPECT_NE(key.judge, nullptr) << key.path;
    }
    const auto dot = key.path.rfind('.');
    if (dot != std::string::npos) {
      const Key* section = find_key(key.path.substr(0, dot));
      ASSERT_NE(section, nullptr) << key.path;
      EXPECT_EQ(section->type, Type::section) << key.path;
    }
  }
  EXPECT_GT(keys().size(), 200u);
}

TEST(Keys, every_default_is_allowed) {
  for (const auto& key : keys()) {
    if (key.fallback.empty() || key.type == Type::texts || key.effect != Effect::full) continue;
    Document document;
    Document* at = &document;
    std::string_view rest = key.path;
    for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
      at = &at->set(rest.substr(0, dot), Document::map());
      rest.remove_prefix(dot + 1);
    }
    at->set(rest, Document(key.fallback));
    Problems problems;
    validate(document, key.scope == Scope::both ? Scope::local : key.scope, "f", problems);
    for (const auto& problem : problems) EXPECT_NE(problem.severity, Severity::error) << to_string(problem);
  }
}

TEST(Keys, keys_are_found_by_scope) {
  EXPECT_NE(find_key("ttl", Scope::dynamic), nullptr);
  EXPECT_EQ(find_key("ttl", Scope::local), nullptr);
  EXPECT_NE(find_key("postgresql.pg_hba", Scope::local), nullptr);
  EXPECT_NE(find_key("postgresql.pg_hba", Scope::dynamic), nullptr);
  EXPECT_EQ(find_key("postgresql.listen", Scope::dynamic), nullptr);
  EXPECT_EQ(find_key("nonsense"), nullptr);
}

TEST(Keys, the_nearest_key_is_found) {
  EXPECT_EQ(nearest_key("scoep", Scope::local), "scope");
  EXPECT_EQ(nearest_key("postgresql.datadir", Scope::local), "postgresql.data_dir");
  EXPECT_EQ(nearest_key("data_dir", Scope::local), "postgresql.data_dir");
  EXPECT_EQ(nearest_key("postgresql.use_pgrewind", Scope::dynamic), "postgresql.use_pg_rewind");
  EXPECT_EQ(nearest_key("postgressql", Scope::local), "postgresql");
  EXPECT_EQ(nearest_key("maximum_lag", Scope::dynamic), "maximum_lag_on_failover");
  EXPECT_EQ(nearest_key("zzzzzz", Scope::local), std::nullopt);
  EXPECT_EQ(nearest_key(std::string(100000, 'x'), Scope::local), std::nullopt);
}

TEST(Keys, edit_distance_counts_swaps_once) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance("wiat", "wait"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Keys, allowed_values_are_said_in_words) {
  EXPECT_EQ(allowed_values(*find_key("ttl")), "an integer of at least 20 (s)");
  EXPECT_EQ(allowed_values(*find_key("etcd3.port")), "an integer from 1 to 65535");
  EXPECT_EQ(allowed_values(*find_key("etcd3.protocol")), "one of http, https");
  EXPECT_EQ(allowed_values(*find_key("synchronous_mode")), "a boolean or quorum");
}

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

// One that is declared and that nothing reads would be accepted, documented, and do nothing.
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
