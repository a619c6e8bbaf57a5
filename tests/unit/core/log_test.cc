#include "core/log.h"

#include <gtest/gtest.h>

#include <thread>

namespace tanist::log {
namespace {

Line sample() { return {WallTime(std::chrono::microseconds(1930000000123456)), Level::warning, "lag 18 MB"}; }

TEST(log, the_default_format_is_time_level_message) {
  const std::string line = format_line({}, sample());
  EXPECT_EQ(line.size(), std::string("2031-02-27 22:13:20,123 WARNING: lag 18 MB").size());
  EXPECT_EQ(line.substr(19), ",123 WARNING: lag 18 MB");
}

TEST(log, widths_and_unknown_fields_of_a_template) {
  Options options;
  options.format = "%(levelname)-8s|%(levelname)9s|%(nosuch)s|100%%|%(message)s";
  EXPECT_EQ(format_line(options, sample()), "WARNING |  WARNING||100%|lag 18 MB");
}

TEST(log, a_date_format_replaces_the_default_with_its_milliseconds) {
  Options options;
  options.date_format = "%Y";
  options.format = "%(asctime)s";
  EXPECT_EQ(format_line(options, sample()).size(), 4u);
}

TEST(log, a_broken_template_is_printed_as_it_is) {
  Options options;
  options.format = "%(message";
  EXPECT_EQ(format_line(options, sample()), "%(message");
}

TEST(log, lines_below_the_level_are_not_formatted) {
  std::vector<std::string> lines;
  redirect([&](Level, const std::string& text) { lines.push_back(text); });
  debug("unseen {}", 1);
  info("seen {}", 2);
  redirect({});
  EXPECT_EQ(lines, std::vector<std::string>{"seen 2"});
}

TEST(log, threads_may_log_while_the_writer_runs) {
  Options quiet;
  quiet.level = Level::critical;
  quiet.max_queue_size = 10;
  testing::internal::CaptureStderr();
  configure(quiet);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) critical("thread {} line {}", t, i);
    });
  for (auto& thread : threads) thread.join();
  shutdown();
  const std::string written = testing::internal::GetCapturedStderr();
  const auto count = static_cast<std::size_t>(std::count(written.begin(), written.end(), '\n'));
  EXPECT_GE(count + lost(), 2000u);
}

}  // namespace
}  // namespace tanist::log
