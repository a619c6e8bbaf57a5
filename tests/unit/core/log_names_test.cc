#include "core/log_names.h"

#include <gtest/gtest.h>

namespace tanist::log {
namespace {

TEST(log_names, paths_start_at_the_source_root) {
  for (const char* file : {"src/ha/act.cc", "../../src/ha/act.cc", "/home/builder/src/tanist/src/ha/act.cc"})
    EXPECT_EQ(source_path(file), "ha/act.cc") << file;
  EXPECT_EQ(source_path("../../tests/unit/x_test.cc"), "tests/unit/x_test.cc");
  EXPECT_EQ(source_path("/usr/include/c++/12/thing"), "thing");
}

TEST(log_names, files_have_the_loggers_that_users_configure) {
  EXPECT_EQ(logger_name("member/member.cc"), "patroni.__main__");
  EXPECT_EQ(logger_name("api/server.cc"), "patroni.api");
  EXPECT_EQ(logger_name("ha/operations/operation.cc"), "patroni.async_executor");
  EXPECT_EQ(logger_name("member/settings_source.cc"), "patroni.config");
  EXPECT_EQ(logger_name("process/init.cc"), "patroni.daemon");
  EXPECT_EQ(logger_name("dcs/etcd3/lease.cc"), "patroni.dcs.etcd3");
  EXPECT_EQ(logger_name("dcs/codec.cc"), "patroni.dcs");
  EXPECT_EQ(logger_name("ha/act.cc"), "patroni.ha");
  EXPECT_EQ(logger_name("core/log_output.cc"), "patroni.log");
  EXPECT_EQ(logger_name("postgres/start.cc"), "patroni.postgresql");
  EXPECT_EQ(logger_name("postgres/bootstrap.cc"), "patroni.postgresql.bootstrap");
  EXPECT_EQ(logger_name("postgres/rewind.cc"), "patroni.postgresql.rewind");
  EXPECT_EQ(logger_name("net/http_client.cc"), "urllib3");
  EXPECT_EQ(logger_name("elsewhere.cc"), "patroni");
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
