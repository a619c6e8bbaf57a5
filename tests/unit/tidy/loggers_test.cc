// Names of loggers: users give levels to them, so a source that logs has one on purpose.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

/// The names that there are (config.md §10.8, docs/operations.md).
const std::set<std::string> kLoggers = {
    "patroni.__main__",
    "patroni.api",
    "patroni.async_executor",
    "patroni.config",
    "patroni.daemon",
    "patroni.dcs",
    "patroni.dcs.etcd3",
    "patroni.ha",
    "patroni.log",
    "patroni.postgresql",
    "patroni.watchdog.base",
    "patroni.postgresql.bootstrap",
    "patroni.postgresql.callback_executor",
    "patroni.postgresql.cancellable",
    "patroni.postgresql.config",
    "patroni.postgresql.postmaster",
    "patroni.postgresql.rewind",
    "patroni.postgresql.slots",
    "patroni.utils",
};

const std::regex& naming() {
  static const std::regex pattern(R"re((?:^|\n)TANIST_LOGGER\("([^"]*)"\);)re");
  return pattern;
}

std::vector<std::string> names_of(const SourceFile& file) {
  std::vector<std::string> names;
  for (std::sregex_iterator it(file.text.begin(), file.text.end(), naming()), end; it != end; ++it)
    names.push_back((*it)[1]);
  return names;
}

Complaints unnamed(const std::vector<SourceFile>& files) {
  static const std::regex logging(
      R"(\blog::(?:debug|info|warning|error|critical|write)\s*\(|\bsource_location::current\(\))");
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("src/") || file.path == "src/log/log.h") continue;
    std::smatch found;
    const bool logs = std::regex_search(file.code, found, logging);
    const auto names = names_of(file);
    // Several sources would share the one of a header, and its lines be told as theirs.
    if (logs && file.is_header()) complaints.push_back(file.path + ": a header that logs has no logger");
    if (logs && !file.is_header() && names.empty())
      complaints.push_back(
          at(file, static_cast<std::size_t>(found.position()), "logs without a TANIST_LOGGER"));
    if (names.size() > 1) complaints.push_back(file.path + ": more than one TANIST_LOGGER");
    if (!logs && !names.empty()) complaints.push_back(file.path + ": a TANIST_LOGGER, but it does not log");
    for (const auto& name : names)
      if (!kLoggers.contains(name)) complaints.push_back(file.path + ": who knows of a logger " + name + "?");
  }
  return complaints;
}

TEST(loggers, each_source_that_logs_names_its_logger) {
  const auto complaints = unnamed(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(loggers, each_name_is_used_and_told_to_users) {
  std::set<std::string> used;
  for (const auto& file : sources())
    if (file.in("src/"))
      for (const auto& name : names_of(file)) used.insert(name);
  std::ifstream in(std::filesystem::path(TANIST_SOURCE_DIR) / "docs/operations.md", std::ios::binary);
  const std::string page(std::istreambuf_iterator<char>(in), {});
  for (const auto& name : kLoggers) {
    EXPECT_TRUE(used.contains(name)) << name;
    // Below another they are told as `.rewind`.
    const bool told =
        page.contains("`" + name + "`") || page.contains("`" + name.substr(name.rfind('.')) + "`");
    EXPECT_TRUE(told) << name << " is not in docs/operations.md";
  }
}

TEST(loggers, what_is_wrong_is_found) {
  const std::string logs = "void f() { log::info(\"x\"); }\n", named = "TANIST_LOGGER(\"patroni.ha\");\n";
  const auto wrong = [](const char* path, const std::string& text) {
    return unnamed({make_file(path, text)}).size();
  };
  EXPECT_EQ(wrong("src/x.cc", named + logs), 0u);
  EXPECT_EQ(wrong("src/x.cc", logs), 1u);
  EXPECT_EQ(wrong("src/x.cc", named), 1u);
  EXPECT_EQ(wrong("src/x.cc", named + named + logs), 1u);
  EXPECT_EQ(wrong("src/x.h", logs), 1u);
  EXPECT_EQ(wrong("src/x.cc", "TANIST_LOGGER(\"patroni.nowhere\");\n" + logs), 1u);
}

}  // namespace
}  // namespace tanist::tidy
