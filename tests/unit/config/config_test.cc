#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "config/build.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

const std::string kRich = kMinimal + R"(    superuser: &su {username: postgres, password: "pa:ss"}
    rewind: *su
  parameters: {work_mem: 16MB, jit: off}
  pg_hba:
    - host all,replication all 10.20.0.0/24 scram-sha-256
  basebackup: [{max-rate: 100M}, verbose]
bootstrap:
  dcs:
    ttl: 30
    postgresql: {use_pg_rewind: true, parameters: {max_connections: 300}}
  initdb: [data-checksums, {encoding: UTF8}]
tags: {failover_priority: 2, dc: "a"}
log: {level: INFO, format: '%(message)s'}
)";

/// Every finding must be printable and every failure must name an error.
void check(const std::string& text) {
  const auto loaded = load_text(text);
  if (!loaded) {
    EXPECT_TRUE(has_errors(loaded.error())) << text;
    for (const auto& problem : loaded.error()) EXPECT_FALSE(problem.text.empty()) << text;
    return;
  }
  Problems problems;
  (void)build(*loaded, loaded->document, problems);
}

TEST(Broken, the_rich_sample_itself_is_fine) {
  const auto loaded = load_text(kRich);
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_THAT(texts(loaded->warnings), ::testing::ElementsAre());
}

TEST(Broken, a_file_cut_off_anywhere_ends_in_findings) {
  for (std::size_t i = 0; i < kRich.size(); i += 3) check(kRich.substr(0, i));
}

TEST(Broken, a_wrong_character_anywhere_ends_in_findings) {
  const std::string wrong("\t[]{}:,&*!|>'\"%@`#-?\0\xff\n", 23);
  for (std::size_t i = 0; i < kRich.size(); ++i) {
    std::string text = kRich;
    text[i] = wrong[i % wrong.size()];
    check(text);
  }
}

TEST(Broken, every_value_replaced_by_every_other_type_ends_in_findings) {
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-1",
                                           "1.5",
                                           "''",
                                           "text",
                                           "[]",
                                           "[[1], {a: b}]",
                                           "{}",
                                           "{a: {b: c}}",
                                           "99999999999999999999999",
                                           ".nan",
                                           "2024-01-01",
                                           "1:30"};
  int tried = 0;
  for (std::size_t at = kRich.find(": "); at != std::string::npos; at = kRich.find(": ", at + 1)) {
    const auto end = kRich.find_first_of(",}\n", at + 2);
    for (const auto& value : values) {
      check(kRich.substr(0, at + 2) + value + kRich.substr(end));
      ++tried;
    }
  }
  EXPECT_GT(tried, 200);
}

TEST(Broken, large_inputs_end_within_a_second) {
  std::vector<std::string> inputs;
  inputs.push_back(std::string(10 << 20, '\xff'));
  inputs.push_back(std::string(10 << 20, '['));
  inputs.push_back(std::string(1 << 20, '['));
  inputs.push_back(std::string(1 << 20, '&'));
  inputs.push_back(std::string(1 << 20, '\''));
  inputs.push_back(std::string(1 << 20, '-'));
  std::string text;
  while (text.size() < (1 << 20)) text += "? ";
  inputs.push_back(text);
  text.clear();
  while (text.size() < (1 << 20)) text += "- a: b\n ";
  inputs.push_back(text);
  text.clear();
  while (text.size() < (1 << 20)) text += "!!x &a";
  inputs.push_back(text);
  text = "a: \"";
  while (text.size() < (1 << 20)) text += "\\u0041\\\n";
  inputs.push_back(text);
  for (const auto& input : inputs) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_FALSE(load_text(input));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - before;
    std::printf("%zu bytes refused in %.1f ms\n", input.size(), took.count());
  }
}

}  // namespace
}  // namespace tanist::config
