// Files: how long, who needs them, what they may mention.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLines = 600;

TEST(files, headers_are_guarded_by_pragma_once) {
  for (const auto& file : sources()) {
    if (file.path.ends_with(".h")) {
      EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
    }
  }
}

TEST(files, each_header_is_included_by_somebody) {
  std::set<std::string> included;
  for (const auto& file : sources()) {
    for (const auto& name : file.own_includes()) included.insert(name);
  }
  for (const auto& file : sources()) {
    if (!file.is_header()) continue;
    const auto name = file.path.substr(file.path.find('/') + 1);  // from src/ or tests/
    const auto short_name = name.substr(name.rfind('/') + 1);     // within the folder of a test
    EXPECT_TRUE(included.contains(name) || (!file.in("src/") && included.contains(short_name)))
        << file.path << " is included by nobody";
  }
}

/// Sources are listed by name there: one that is in no list is compiled by nobody.
TEST(files, each_source_of_simulator_and_fuzzers_is_built) {
  for (const char* folder : {"tests/sim/", "tests/fuzz/"}) {
    std::ifstream in(fs::path(TANIST_SOURCE_DIR) / folder / "CMakeLists.txt");
    const std::string cmake(std::istreambuf_iterator<char>(in), {});
    EXPECT_FALSE(cmake.empty()) << folder;
    for (const auto& file : sources()) {
      if (!file.in(folder) || !file.path.ends_with(".cc")) continue;
      const auto stem = fs::path(file.path).stem().string();
      // By its name, or (a fuzz target) as the name of what is made of it.
      const std::regex listed("[\\s(]" + stem + "\\.cc[\\s)]|tanist_fuzz\\(" + stem + " ");
      EXPECT_TRUE(std::regex_search(cmake, listed)) << file.path << " is not built";
    }
  }
}

/// Folders of src that CMake builds: those named in its tables, and the applications by name.
TEST(files, each_source_is_built) {
  std::ifstream in(fs::path(TANIST_SOURCE_DIR) / "src/CMakeLists.txt");
  const std::string cmake(std::istreambuf_iterator<char>(in), {});
  std::set<std::string> folders;
  static const std::regex pattern(R"(FOLDERS ([a-z0-9_/\s]+))");
  for (std::sregex_iterator it(cmake.begin(), cmake.end(), pattern), end; it != end; ++it) {
    std::istringstream named((*it)[1]);
    for (std::string folder; named >> folder;) folders.insert(folder);
  }
  for (const auto& file : sources()) {
    if (!file.in("src/") || file.is_header()) continue;
    if (file.folder() == "apps") {
      const auto name = fs::path(file.path).stem().string();
      EXPECT_NE(cmake.find("tanist_app(" + name + " "), std::string::npos) << file.path << " is not built";
    } else {
      EXPECT_TRUE(folders.contains(file.folder())) << file.path << " is not built";
    }
  }
}

TEST(files, unit_tests_mirror_the_sources) {
  const fs::path top = TANIST_SOURCE_DIR;
  for (const auto& file : sources()) {
    if (!file.in("tests/unit/") || file.in("tests/unit/tidy/") || !file.path.ends_with("_test.cc")) continue;
    const auto inner = file.path.substr(std::string("tests/unit/").size());
    const auto stem = inner.substr(0, inner.size() - std::string("_test.cc").size());
    // A folder's own name stands for what its files do together.
    const auto folder = fs::path(stem).parent_path();
    // What there is to test of one file may take several: FILE_SUBJECT_test.cc.
    bool is_part = false;
    for (auto cut = stem.rfind('_'); cut != std::string::npos && !is_part; cut = stem.rfind('_', cut - 1)) {
      const auto whole = top / "src" / stem.substr(0, cut);
      is_part = fs::exists(whole.string() + ".h") || fs::exists(whole.string() + ".cc");
    }
    // What only tests and generated pages need lies beside its test.
    EXPECT_TRUE(is_part || fs::exists(top / "src" / (stem + ".h")) ||
                fs::exists(top / "src" / (stem + ".cc")) || fs::exists(top / "tests/unit" / (stem + ".h")) ||
                (folder.filename() == fs::path(stem).filename() && fs::exists(top / "src" / folder)))
        << file.path << ": there is no src/" << stem << ".h or .cc that it tests";
  }
}

TEST(files, namespaces_follow_the_folders) {
  for (const auto& file : sources()) {
    if (!file.in("src/") || !file.path.ends_with(".h") || file.code.find("namespace") == std::string::npos)
      continue;
    const auto top = file.folder().substr(0, file.folder().find('/'));
    const auto expected = top == "core" || top == "async" || top == "json" ? std::string("namespace tanist")
                                                                           : "namespace tanist::" + top;
    EXPECT_NE(file.code.find(expected), std::string::npos) << file.path << ": " << expected;
  }
}

bool is_text(const fs::path& path) {
  static const std::set<std::string> kExtensions = {".cc",   ".h",       ".c",    ".inc",  ".py",   ".txt",
                                                    ".md",   ".yml",     ".sh",   "",      ".json", ".cmake",
                                                    ".toml", ".service", ".conf", ".bash", ".fish"};
  return kExtensions.contains(path.extension().string());
}

/// Every text file of the repository but what builds leave behind.
std::vector<SourceFile> all_files() {
  const fs::path top = TANIST_SOURCE_DIR;
  std::vector<SourceFile> found;
  for (auto it = fs::recursive_directory_iterator(top); it != fs::recursive_directory_iterator(); ++it) {
    const auto name = it->path().filename().string();
    if (it->is_directory() &&
        (name == "build" || name == ".git" || name == ".cache" || name == "__pycache__")) {
      it.disable_recursion_pending();
      continue;
    }
    if (name == ".git") continue;  // in a worktree it is a file that says where the rest is
    if (!it->is_regular_file() || !is_text(it->path())) continue;
    std::ifstream in(it->path(), std::ios::binary);
    found.push_back({it->path().lexically_relative(top).string(),
                     std::string(std::istreambuf_iterator<char>(in), {}),
                     {}});
  }
  return found;
}

/// Code that people read: sources, Python, and scripts, which have no extension or that of their shell.
bool is_code(const SourceFile& file) {
  static const std::set<std::string> kCode = {".cc", ".h", ".c", ".inc", ".py", ".sh", ".bash", ".fish"};
  const auto extension = fs::path(file.path).extension().string();
  return kCode.contains(extension) || (extension.empty() && file.text.starts_with("#!"));
}

TEST(files, none_is_longer_than_one_can_keep_in_mind) {
  std::set<std::string> seen;
  for (const auto& file : all_files()) {
    if (!is_code(file)) continue;
    const auto lines = static_cast<std::size_t>(std::count(file.text.begin(), file.text.end(), '\n'));
    EXPECT_LE(lines, kMaxLines) << file.path << ": look for the seam";
    seen.insert(fs::path(file.path).parent_path().string());
  }
  for (const char* folder : {"src/core", "tests/e2e", "scripts", "scripts/lib", "scripts/lib/lint", "bench",
                             "packaging/completion"})
    EXPECT_TRUE(seen.contains(folder)) << folder;
}

Complaints unwanted_words(const std::vector<SourceFile>& files) {
  // Spelt apart so that this file does not mention them itself.
  static const std::regex pattern(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X)\\b|/wo"
      "rk/|\\.\\./sha"
      "red|shared/spe"
      "c");
  Complaints complaints;
  for (const auto& file : files) {
    for (std::sregex_iterator it(file.text.begin(), file.text.end(), pattern), end; it != end; ++it) {
      const auto position = static_cast<std::size_t>(it->position());
      // What Patroni's sample configuration leaves to be filled in, quoted by the specification.
      if (file.in("docs/spec/") && position > 0 && file.text[position - 1] == '#') continue;
      complaints.push_back(at(file, position, it->str()));
    }
  }
  return complaints;
}

TEST(files, nothing_is_left_for_later_and_nothing_outside_is_named) {
  const auto complaints = unwanted_words(all_files());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  EXPECT_EQ(unwanted_words({make_file("x",
                                      "// TO"
                                      "DO: later")})
                .size(),
            1u);
}

}  // namespace
}  // namespace tanist::tidy
