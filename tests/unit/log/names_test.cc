#include "log/names.h"

#include <gtest/gtest.h>

#include "log/log.h"

TANIST_LOGGER("patroni.test.names");

namespace tanist::log {
namespace {

TEST(log_names, paths_start_at_the_source_root) {
  for (const char* file : {"src/ha/engine/act.cc", "../../src/ha/engine/act.cc",
                           "/home/builder/src/tanist/src/ha/engine/act.cc"})
    EXPECT_EQ(source_path(file), "ha/engine/act.cc") << file;
  EXPECT_EQ(source_path("../../tests/unit/x_test.cc"), "tests/unit/x_test.cc");
  EXPECT_EQ(source_path("/usr/include/c++/12/thing"), "thing");
}

TEST(log_names, a_source_has_the_logger_that_it_names) {
  EXPECT_EQ(logger_name("tests/unit/log/names_test.cc"), "patroni.test.names");
  EXPECT_EQ(logger_name("log/log.cc"), "patroni.log");
  EXPECT_EQ(logger_name("elsewhere.cc"), "patroni");
}

TEST(log_names, lines_carry_the_logger_of_the_source_that_wrote_them) {
  const Options options{.format = "%(name)s %(module)s %(message)s"};
  EXPECT_EQ(
      format_line(options, {.level = Level::info, .message = "x", .where = std::source_location::current()}),
      "patroni.test.names names_test x");
}

TEST(log_names, tanist_is_another_name_of_patroni) {
  EXPECT_EQ(canonical_logger("tanist"), "patroni");
  EXPECT_EQ(canonical_logger("tanist.dcs.etcd3"), "patroni.dcs.etcd3");
  EXPECT_EQ(canonical_logger("tanistic"), "tanistic");
  EXPECT_EQ(canonical_logger("urllib3"), "urllib3");
}

TEST(log_names, functions_are_told_by_their_bare_name) {
  EXPECT_EQ(bare_function_name("Task<void> tanist::member::(anonymous namespace)::Member::reload()"),
            "reload");
  EXPECT_EQ(bare_function_name("void tanist::f(const std::map<int, void (*)(int)> &)"), "f");
  EXPECT_EQ(bare_function_name("int main(int, char **)"), "main");
  EXPECT_EQ(bare_function_name("tanist::Child::~Child()"), "~Child");
  EXPECT_EQ(bare_function_name("auto tanist::g(int)::(anonymous class)::operator()(int) const"), "<lambda>");
  EXPECT_EQ(bare_function_name("reload"), "reload");
  EXPECT_EQ(bare_function_name(""), "");
}

}  // namespace
}  // namespace tanist::log
