#include "postgres/parameters/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "config/sections/delay.h"

namespace tanist::postgres {
namespace {

using Type = ParameterRule::Type;

/// The words of each line of the data file.
std::vector<std::vector<std::string>> rows() {
  std::string_view text =
#include "postgres/parameters/table.inc"
      ;
  std::vector<std::vector<std::string>> rows;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    auto& words = rows.emplace_back();
    for (int i = 0; i < 3 && !line.empty(); ++i) {
      const auto blank = std::min(line.find(' '), line.size());
      words.emplace_back(line.substr(0, blank));
      line.remove_prefix(std::min(blank + 1, line.size()));
    }
    words.emplace_back(line);
  }
  return rows;
}

TEST(ParameterTable, each_line_is_found_under_its_name_in_its_first_version) {
  for (const auto& row : rows()) {
    ASSERT_EQ(row.size(), 4u) << row[0];
    const std::string from = row[1].substr(0, row[1].find('-'));
    int version = 90300;
    if (!from.empty()) {
      const auto dot = from.find('.');
      const int major = std::stoi(from);
      version = major >= 10 ? major * 10000 : major * 10000 + std::stoi(from.substr(dot + 1)) * 100;
    }
    const auto rule = parameter_rule(row[0], version);
    ASSERT_TRUE(rule.has_value()) << row[0] << " in " << version;
    if (row[2] == "int" || row[2] == "real") {
      EXPECT_LE(rule->min, rule->max) << row[0];
      EXPECT_EQ(rule->type, row[2] == "int" ? Type::integer : Type::real) << row[0];
    }
    if (row[2].starts_with("enum")) EXPECT_EQ(rule->words, row[3]) << row[0];
  }
}

TEST(ParameterTable, the_lines_are_sorted_and_no_version_has_two_rules) {
  const auto all = rows();
  EXPECT_GT(all.size(), 400u);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, [](const auto& row) { return row[0]; }));
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i][0] != all[i - 1][0]) continue;
    // The next span begins where this one ends, or later.
    const auto till = all[i - 1][1].substr(all[i - 1][1].find('-') + 1);
    const auto from = all[i][1].substr(0, all[i][1].find('-'));
    EXPECT_LE(std::stod(till), std::stod(from)) << all[i][0];
  }
}

TEST(ParameterTable, a_rule_holds_from_its_first_version_until_its_last) {
  EXPECT_EQ(parameter_rule("archive_mode", 90400)->type, Type::boolean);
  EXPECT_EQ(parameter_rule("archive_mode", 90500)->type, Type::enum_or_boolean);
  EXPECT_FALSE(parameter_rule("allow_alter_system", 160009));
  EXPECT_TRUE(parameter_rule("allow_alter_system", 170000));
  EXPECT_TRUE(parameter_rule("checkpoint_segments", 90400));
  EXPECT_FALSE(parameter_rule("checkpoint_segments", 90500));
  EXPECT_EQ(parameter_rule("wal_level", 90300)->words, "minimal|archive|hot_standby");
  EXPECT_EQ(parameter_rule("wal_level", 90600)->words, "minimal|replica|logical");
  EXPECT_EQ(parameter_rule("autovacuum_vacuum_cost_delay", 110000)->type, Type::integer);
  EXPECT_EQ(parameter_rule("autovacuum_vacuum_cost_delay", 120000)->type, Type::real);
  EXPECT_EQ(parameter_rule("log_connections", 180000)->type, Type::text);
}

TEST(ParameterTable, some_came_with_a_minor_version) {
  EXPECT_FALSE(parameter_rule("allow_in_place_tablespaces", 140004));
  EXPECT_TRUE(parameter_rule("allow_in_place_tablespaces", 140005));
  EXPECT_TRUE(parameter_rule("allow_in_place_tablespaces", 150000));
  EXPECT_FALSE(parameter_rule("restrict_nonsystem_relation_kind", 150007));
  EXPECT_TRUE(parameter_rule("restrict_nonsystem_relation_kind", 150008));
}

TEST(ParameterTable, bounds_and_units_are_as_written) {
  const auto buffers = parameter_rule("shared_buffers", 150000);
  ASSERT_TRUE(buffers);
  EXPECT_EQ(buffers->min, 16);
  EXPECT_EQ(buffers->max, 1073741823);
  EXPECT_EQ(buffers->unit, "8kB");
  const auto cost = parameter_rule("seq_page_cost", 150000);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->type, Type::real);
  EXPECT_GT(cost->max, 1e308);
  EXPECT_EQ(parameter_rule("extra_float_digits", 150000)->min, -15);
  EXPECT_EQ(parameter_rule("max_connections", 150000)->unit, "");
}

TEST(ParameterTable, names_that_are_none_are_not_found) {
  for (const char* name :
       {"", "a", "max_connection", "max_connectionss", "zzz", "table", "DateStyle", "primary_conninfo"})
    EXPECT_FALSE(parameter_rule(name, 150000)) << name;
}

TEST(ParameterTable, recovery_parameters_have_a_table_of_their_own) {
  EXPECT_TRUE(is_recovery_parameter("primary_conninfo"));
  EXPECT_TRUE(is_recovery_parameter("trigger_file"));
  EXPECT_TRUE(is_recovery_parameter("archive_cleanup_command"));
  for (const auto name : config::kRecoveryParameters) EXPECT_TRUE(is_recovery_parameter(name)) << name;
  EXPECT_FALSE(is_recovery_parameter("archive_command"));
  EXPECT_FALSE(is_recovery_parameter(""));
  EXPECT_FALSE(is_recovery_parameter("zzz"));
  EXPECT_TRUE(recovery_parameter_rule("trigger_file", 110000));
  EXPECT_FALSE(recovery_parameter_rule("trigger_file", 120000));
  EXPECT_TRUE(recovery_parameter_rule("promote_trigger_file", 150000));
  EXPECT_FALSE(recovery_parameter_rule("promote_trigger_file", 160000));
  EXPECT_EQ(recovery_parameter_rule("recovery_min_apply_delay", 150000)->unit, "ms");
}

TEST(ParameterTable, what_a_changed_value_takes) {
  EXPECT_EQ(takes_of("shared_buffers", 150000), Takes::restart);
  EXPECT_EQ(takes_of("work_mem", 150000), Takes::reload);
  EXPECT_EQ(takes_of("log_connections", 150000), Takes::new_sessions);
  EXPECT_EQ(takes_of("ssl", 90600), Takes::restart);
  EXPECT_EQ(takes_of("ssl", 100000), Takes::reload);
  EXPECT_EQ(takes_of("autovacuum_max_workers", 170000), Takes::restart);
  EXPECT_EQ(takes_of("autovacuum_max_workers", 180000), Takes::reload);
  EXPECT_EQ(takes_of("", 180000), Takes::reload);
}

/// Sorted, and of parameters that some version has: a name that nobody has is a typing error.
TEST(ParameterTable, contexts_are_of_parameters_that_exist) {
  std::istringstream lines(
#include "postgres/parameters/contexts.inc"
  );
  std::string before;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const std::string name = line.substr(0, line.find(' '));
    EXPECT_LT(before, name);
    before = name;
    bool known = false;
    for (const int version : {90600, 120000, 150000, 180000}) known = known || parameter_rule(name, version);
    EXPECT_TRUE(known) << name;
    EXPECT_TRUE(line.ends_with(" postmaster") || line.ends_with(" backend")) << line;
  }
  EXPECT_EQ(before, "wal_log_hints");
}

TEST(ParameterTable, the_nearest_name_is_of_the_version) {
  EXPECT_EQ(nearest_parameter("shared_bufers", 150000), "shared_buffers");
  EXPECT_EQ(nearest_parameter("summarise_wal", 170000), "summarize_wal");
  EXPECT_EQ(nearest_parameter("nothing_like_any_of_them_at_all", 150000), std::nullopt);
}

}  // namespace
}  // namespace tanist::postgres
