#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "config/build.h"
#include "config/dynamic.h"
#include "unit/config/broken.h"
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

constexpr std::chrono::seconds kPatience{1};
/// Instrumented builds are an order of magnitude slower; a bomb that goes off takes minutes.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int kSlower = 15;
#else
constexpr int kSlower = 1;
#endif
#else
constexpr int kSlower = 1;
#endif

bool is_precise(const Problem& problem) {
  const bool placed = problem.line > 0 || !problem.key.empty() || !problem.file.empty();
  return !problem.text.empty() &&
         (placed || problem.text.find("f.yml") != std::string::npos ||
          problem.text.starts_with("Can not find") || problem.text == "Config is empty.");
}

void expect_told(const Broken& broken, const std::vector<SourceFile>& files, bool must_name_a_line) {
  SCOPED_TRACE(broken.name);
  const auto before = std::chrono::steady_clock::now();
  const auto loaded = load_from(files, "f.yml", {});
  const auto took = std::chrono::steady_clock::now() - before;
  EXPECT_LT(took, kPatience * kSlower);
  EXPECT_EQ(loaded.has_value(), broken.starts) << (loaded ? "" : to_string(loaded.error()));
  const Problems& problems = loaded ? loaded->warnings : loaded.error();
  ASSERT_FALSE(problems.empty());
  bool line = false;
  for (const auto& problem : problems) {
    EXPECT_TRUE(is_precise(problem)) << to_string(problem);
    line |= problem.line > 0;
  }
  if (must_name_a_line) {
    EXPECT_TRUE(line) << to_string(problems);
  }
}

TEST(Broken, every_text_is_refused_with_a_precise_message) {
  for (const auto& broken : broken_texts()) expect_told(broken, {{"f.yml", broken.text}}, false);
}

TEST(Broken, every_key_of_a_wrong_type_is_named_with_its_line) {
  const auto all = broken_values();
  for (const auto& broken : all) {
    expect_told(broken, {{"base.yml", kMinimal}, {"f.yml", broken.text}}, true);
    const auto loaded = load_from({{"base.yml", kMinimal}, {"f.yml", broken.text}}, "f.yml", {});
    const auto told = to_string(loaded ? loaded->warnings : loaded.error());
    EXPECT_NE(told.find(broken.name.substr(broken.name.rfind(' ') + 1)), std::string::npos) << told;
    EXPECT_NE(told.find("f.yml:1"), std::string::npos) << told;
  }
  EXPECT_GE(all.size() + broken_texts().size(), 250u);
}

/// Values that a /config written by hand may hold in any place.
std::vector<Document> odd_values() {
  return {Document(),
          Document(true),
          Document(false),
          Document(0),
          Document(-1),
          Document(1.5),
          Document(std::int64_t{INT64_MAX}),
          Document(1e300),
          Document(""),
          Document("x"),
          Document("\xff\xfe"),
          Document(std::string(100000, 'a')),
          Document::list(),
          Document::list({Document(), Document::list(), Document::map()}),
          Document::map(),
          Document::map({{"", Document()}, {"a", Document::map({{"b", 1}})}})};
}

/// One dynamic key with one value, every other one absent.
Document only(std::string_view path, Document value) {
  Document out = Document::map();
  Document* at = &out;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    at = &at->set(path.substr(0, dot), Document::map());
    path.remove_prefix(dot + 1);
  }
  at->set(path, std::move(value));
  return out;
}

TEST(Broken, a_dynamic_configuration_of_any_shape_is_refused_or_gives_settings) {
  const auto local = load_text(kMinimal).value();
  std::size_t shapes = 0;
  std::size_t refused = 0;
  const auto run = [&](const Document& raw) {
    ++shapes;
    Problems notes;
    const auto accepted = accept_dynamic(raw, notes);
    if (!accepted) {
      ++refused;
      EXPECT_FALSE(accepted.error().empty());
      return;
    }
    const auto settings = build(local, *accepted, notes);
    EXPECT_GE(settings.dynamic.timing.ttl, std::chrono::seconds(20));
    EXPECT_GE(settings.dynamic.timing.loop_wait, std::chrono::seconds(1));
    EXPECT_GE(settings.dynamic.timing.retry_timeout, std::chrono::seconds(3));
    EXPECT_EQ(settings.postgresql.parameters.at("port"), "5432");
    EXPECT_EQ(settings.postgresql.data_dir, "/srv/pg/orders");
  };
  for (const auto& value : odd_values()) run(value);
  for (const auto& key : keys()) {
    if (key.scope == Scope::local) continue;
    for (const auto& value : odd_values()) run(only(key.path, value));
  }
  for (const char* path :
       {"postgresql.parameters.max_connections", "postgresql.parameters.wal_level", "postgresql.pgbackrest",
        "postgresql.data_dir", "slots.a", "slots.a.type", "standby_cluster.host", "ignore_slots.a", "mine"})
    for (const auto& value : odd_values()) run(only(path, value));
  EXPECT_GE(shapes, 1000u);
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace tanist::config
