#include "log/format.h"
#include "json/parse.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/document.h"

namespace tanist::log {
namespace {

Line sample(std::string message = "lag 18 MB") {
  Line line{WallTime(std::chrono::microseconds(1930000000123456)), Level::warning, std::move(message)};
  line.where = std::source_location::current();
  line.thread = 42;
  return line;
}

std::string formatted(std::string format, const Line& line = sample()) {
  Options options;
  options.format = std::move(format);
  return format_line(options, line);
}

TEST(log_format, the_default_is_time_level_message) {
  const std::string line = format_line({}, sample());
  EXPECT_EQ(line.size(), std::string("2031-02-27 22:13:20,123 WARNING: lag 18 MB").size());
  EXPECT_EQ(line.substr(19), ",123 WARNING: lag 18 MB");
}

TEST(log_format, widths_and_unknown_fields) {
  EXPECT_EQ(formatted("%(levelname)-8s|%(levelname)9s|%(levelname).4s|%(nosuch)s|100%%|%(message)s"),
            "WARNING |  WARNING|WARN||100%|lag 18 MB");
}

TEST(log_format, a_date_format_replaces_the_default_with_its_milliseconds) {
  Options options;
  options.date_format = "%Y";
  options.format = "%(asctime)s";
  EXPECT_EQ(format_line(options, sample()).size(), 4u);
}

TEST(log_format, what_is_no_placeholder_is_printed_as_it_is) {
  EXPECT_EQ(formatted("%(message"), "%(message");
  EXPECT_EQ(formatted("%(message)"), "%(message)");
  EXPECT_EQ(formatted("%(message)y 5% %"), "%(message)y 5% %");
}

TEST(log_format, numbers_take_their_flags) {
  EXPECT_EQ(formatted("%(levelno)d|%(levelno)05d|%(levelno)s|%(levelno)x"), "30|00030|30|1e");
  EXPECT_EQ(formatted("%(msecs)d|%(msecs)03d|%(msecs).1f|%(msecs)s"), "123|123|123.5|123.456");
  EXPECT_EQ(formatted("%(created)f|%(created)d"), "1930000000.123456|1930000000");
  EXPECT_EQ(formatted("%(thread)d|%(process)d"), "42|" + std::to_string(::getpid()));
  EXPECT_EQ(formatted("%(message)d"), "lag 18 MB") << "a text is no number";
  EXPECT_LT(formatted("%(levelno)999999999d|%(levelno).999999999f").size(), 2000u);
}

TEST(log_format, a_line_knows_where_it_was_logged) {
  const Line line = sample();
  EXPECT_EQ(formatted("%(filename)s %(module)s %(funcName)s", line), "format_test.cc format_test sample");
  EXPECT_EQ(formatted("%(lineno)d", line), std::to_string(line.where.line()));
  EXPECT_EQ(formatted("%(processName)s %(threadName)s", line), "MainProcess MainThread");
}

TEST(log_format, no_path_of_the_build_machine_is_told) {
  EXPECT_EQ(formatted("%(pathname)s"), "tests/unit/log/format_test.cc");
}

TEST(log_format, relative_created_counts_milliseconds_since_the_start) {
  Line line = sample();
  line.when = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const double since = std::get<double>(field_value("relativeCreated", {}, line));
  EXPECT_GE(since, 0);
  EXPECT_LT(since, 600'000);
}

TEST(log_format, no_message_pretends_to_be_several_lines) {
  EXPECT_EQ(formatted("%(message)s", sample("user \"x\n2031-01-01 INFO: promoted\r\x1b[2J\" failed\t.\n")),
            "user \"x\\n2031-01-01 INFO: promoted\\r\\x1b[2J\" failed\t.");
}

TEST(log_format, a_hint_stays_a_line_of_its_own) {
  EXPECT_EQ(formatted("%(message)s", sample("could not bind\nHINT: see restapi.listen\nHINTS")),
            "could not bind\nHINT: see restapi.listen\\nHINTS");
}

Options json_options() {
  Options options;
  options.json = true;
  return options;
}

TEST(log_format, json_has_the_fields_of_the_template) {
  const auto line = parse_json(format_line(json_options(), sample()));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->size(), 3u);
  EXPECT_EQ(line->find("levelname")->as_string(), "WARNING");
  EXPECT_EQ(line->find("message")->as_string(), "lag 18 MB");
  EXPECT_EQ(line->find("asctime")->as_string().size(), 23u);
}

TEST(log_format, json_numbers_are_numbers_and_unknown_fields_null) {
  auto options = json_options();
  options.format = "%(levelno)s %(created)f %(nosuch)s";
  const auto line = parse_json(format_line(options, sample()));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->find("levelno")->as_int(), 30);
  EXPECT_EQ(line->find("created")->as_double(), 1930000000.123456);
  EXPECT_TRUE(line->find("nosuch")->is_null());
}

TEST(log_format, json_fields_are_renamed_and_static_ones_added) {
  auto options = json_options();
  options.fields = {{"message", "text"}, {"levelname", "levelname"}};
  options.static_fields = std::make_shared<const Document>(
      Document::map({{"app", "pg"}, {"site", Document::map({{"rack", 4}})}}));
  EXPECT_EQ(format_line(options, sample()),
            R"({"text": "lag 18 MB", "levelname": "WARNING", "app": "pg", "site": {"rack": 4}})");
}

TEST(log_format, json_of_a_template_without_fields_has_the_default_ones) {
  auto options = json_options();
  options.format = "nothing";
  EXPECT_EQ(parse_json(format_line(options, sample()))->size(), 3u);
}

TEST(log_format, json_is_valid_whatever_the_message_holds) {
  auto options = json_options();
  options.format = "%(message)s";
  EXPECT_EQ(format_line(options, sample("a\nb\"c\\\x01\xff\xc3")),
            "{\"message\": \"a\\nb\\\"c\\\\\\u0001\\ufffd\\ufffd\"}");
  const auto line = parse_json(format_line(options, sample("äöü € 🐘")));
  EXPECT_EQ(line->find("message")->as_string(), "äöü € 🐘");
}

TEST(log_format, names_of_fields_are_found_in_a_template) {
  EXPECT_EQ(fields_of("%(asctime)s %% %(levelname)-8s: 100%(message)s"),
            (std::vector<std::string>{"asctime", "levelname", "message"}));
}

}  // namespace
}  // namespace tanist::log
