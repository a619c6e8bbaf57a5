#include "config/sections/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/yaml/yaml.h"

namespace tanist::config {
namespace {

using ::testing::ElementsAre;

Document yaml(std::string_view text) {
  Problems warnings;
  return parse_yaml(text, "f.yml", warnings).value();
}

std::vector<std::string> flat(std::string_view path, std::string_view text) {
  std::vector<std::string> out;
  for (const auto& [name, value] : tool_options(path, yaml(text)))
    out.push_back(value ? name + "=" + *value : name);
  return out;
}

TEST(Options, lists_hold_flags_and_pairs) {
  EXPECT_THAT(
      flat("bootstrap.initdb", "[data-checksums, {encoding: UTF8}, {locale: 'C'}, {wal-segsize: 64}]"),
      ElementsAre("data-checksums", "encoding=UTF8", "locale=C", "wal-segsize=64"));
  EXPECT_THAT(flat("bootstrap.initdb", "[\"auth=md5\", {data-checksums: true}, {x: false}]"),
              ElementsAre("auth=md5", "data-checksums"));
}

TEST(Options, mappings_skip_empty_values) {
  EXPECT_THAT(flat("postgresql.basebackup", "{max-rate: 100M, checkpoint: fast, label: '', x: null}"),
              ElementsAre("max-rate=100M", "checkpoint=fast"));
}

TEST(Options, quotes_around_values_are_removed) {
  EXPECT_THAT(flat("bootstrap.initdb", R"([{lc-messages: '"en_US.UTF-8"'}, {a: "'b c'"}, {d: "e'f"}])"),
              ElementsAre("lc-messages=en_US.UTF-8", "a=b c", "d=e'f"));
}

TEST(Options, what_tanist_sets_itself_is_left_out) {
  EXPECT_THAT(flat("bootstrap.initdb",
                   "[pgdata, {pwfile: x}, nosync, sync-only, version, 'pwfile=/x', data-checksums]"),
              ElementsAre("data-checksums"));
  EXPECT_THAT(complaints("bootstrap.initdb", yaml("[nosync]")),
              ElementsAre("nosync option for initdb is not allowed"));
  EXPECT_THAT(flat("postgresql.rewind", "[{source-server: x}, debug, dry-run]"), ElementsAre("debug"));
  EXPECT_THAT(flat("postgresql.basebackup", "{pgdata: /x, password: y, username: z, verbose: true}"),
              ElementsAre("verbose"));
}

TEST(Options, compression_must_be_the_servers) {
  EXPECT_THAT(flat("postgresql.basebackup", "[{compress: server-gzip}]"),
              ElementsAre("compress=server-gzip"));
  EXPECT_THAT(flat("postgresql.basebackup", "[{compress: gzip}]"), ElementsAre());
  EXPECT_THAT(flat("postgresql.basebackup", "['compress=9']"), ElementsAre());
}

TEST(Options, other_shapes_are_complained_about) {
  EXPECT_EQ(complaints("postgresql.rewind", yaml("5")).size(), 1u);
  EXPECT_EQ(complaints("postgresql.rewind", yaml("[5, [a], {a: b, c: d}, {a: [1]}]")).size(), 4u);
}

}  // namespace
}  // namespace tanist::config
