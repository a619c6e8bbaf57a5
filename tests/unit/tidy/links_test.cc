// What CMake links is what the sources include: no target more, none less, so that the lines can be read as
// the layers.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

struct Target {
  std::set<std::string> folders;
  std::set<std::string> links;
};

std::string read(const std::string& path) {
  std::ifstream in(std::string(TANIST_SOURCE_DIR) + "/" + path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// The words after `key`, up to the next one in capitals.
std::vector<std::string> words_after(const std::vector<std::string>& words, const std::string& key) {
  auto at = std::ranges::find(words, key);
  std::vector<std::string> found;
  if (at == words.end()) return found;
  for (++at; at != words.end(); ++at) {
    const bool is_key = std::ranges::all_of(*at, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (is_key) break;
    found.push_back(*at);
  }
  return found;
}

/// The libraries of src/CMakeLists.txt: `tanist_library(name FOLDERS … LINKS … PRIVATE …)`.
std::map<std::string, Target> targets_of(const std::string& cmake) {
  static const std::regex call(R"(\ntanist_library\(([^)]*)\))");
  std::map<std::string, Target> targets;
  for (std::sregex_iterator it(cmake.begin(), cmake.end(), call), end; it != end; ++it) {
    std::istringstream in((*it)[1]);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    Target target;
    for (const auto& folder : words_after(words, "FOLDERS")) target.folders.insert(folder);
    for (const auto& key : {"LINKS", "PRIVATE"})
      for (const auto& link : words_after(words, key))
        if (link.starts_with("tanist_")) target.links.insert(link);
    targets[words.at(0)] = target;
  }
  return targets;
}

std::string target_of(const std::map<std::string, Target>& targets, const std::string& folder) {
  for (const auto& [name, target] : targets)
    if (target.folders.contains(folder)) return name;
  return "";
}

/// With what they link in turn.
std::set<std::string> reached(const std::map<std::string, Target>& targets, const std::string& from) {
  std::set<std::string> seen;
  std::vector<std::string> next{from};
  while (!next.empty()) {
    const auto target = targets.find(next.back());
    next.pop_back();
    if (target == targets.end()) continue;
    for (const auto& link : target->second.links)
      if (seen.insert(link).second) next.push_back(link);
  }
  return seen;
}

Complaints untrue_links(const std::string& cmake, const std::vector<SourceFile>& files) {
  const auto targets = targets_of(cmake);
  std::map<std::string, std::map<std::string, std::string>>
      included;  // by target: the other, and a file that does
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("src/") || file.folder() == "apps") continue;
    const auto from = target_of(targets, file.folder());
    if (from.empty()) {
      complaints.push_back(file.path + ": in no target of src/CMakeLists.txt");
      continue;
    }
    for (const auto& include : file.own_includes()) {
      const auto slash = include.rfind('/');
      const auto to = target_of(targets, slash == std::string::npos ? "" : include.substr(0, slash));
      if (!to.empty() && to != from) included[from].try_emplace(to, file.path);
    }
  }
  for (const auto& [name, target] : targets) {
    for (const auto& [other, path] : included[name])
      if (!reached(targets, name).contains(other))
        complaints.push_back(path + ": " + name + " does not link " + other);
    for (const auto& other : target.links)
      if (!included[name].contains(other))
        complaints.push_back("src/CMakeLists.txt: " + name + " includes nothing of " + other);
  }
  return complaints;
}

TEST(links, each_library_links_what_it_includes) {
  const auto complaints = untrue_links(read("src/CMakeLists.txt"), sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(links, an_untrue_line_is_found) {
  const std::string cmake =
      "\ntanist_library(tanist_a FOLDERS a)\ntanist_library(tanist_b FOLDERS b b/c LINKS tanist_a)\n";
  const auto below = make_file("src/a/x.h", "");
  EXPECT_EQ(untrue_links(cmake, {below, make_file("src/b/c/x.cc", "#include \"a/x.h\"\n")}).size(), 0u);
  EXPECT_EQ(untrue_links(cmake, {below, make_file("src/b/x.cc", "")}).size(), 1u);
  EXPECT_EQ(untrue_links(cmake, {make_file("src/a/x.h", "#include \"b/x.h\"\n"),
                                 make_file("src/b/x.cc", "#include \"a/x.h\"\n")})
                .size(),
            1u);
  EXPECT_EQ(untrue_links(cmake, {make_file("src/d/x.h", ""), make_file("src/b/x.cc", "#include \"a/x.h\"\n")})
                .size(),
            1u);
}

/// `apps -> {member, ctl, setup} -> api`: each name with how far down it stands.
std::map<std::string, int> levels_of(const std::string& drawing) {
  static const std::regex part(R"((->|→)|([a-z_]+))");
  std::map<std::string, int> levels;
  int level = 0;
  for (std::sregex_iterator it(drawing.begin(), drawing.end(), part), end; it != end; ++it) {
    if ((*it)[1].matched) {
      ++level;
    } else {
      levels[(*it)[2]] = level;
    }
  }
  return levels;
}

std::map<std::string, int> drawn_in(const std::string& path) {
  static const std::regex drawing(R"(\n[ #/]*(apps (?:->|→) [^\n]*))");
  std::smatch found;
  const auto text = read(path);
  return std::regex_search(text, found, drawing) ? levels_of(found[1]) : std::map<std::string, int>{};
}

TEST(links, both_drawings_of_the_layers_are_the_same) {
  const auto levels = drawn_in("src/CMakeLists.txt");
  EXPECT_GT(levels.size(), 10u);
  EXPECT_EQ(levels, drawn_in("CONTRIBUTING.md"));
}

TEST(links, what_is_linked_stands_lower_in_the_drawing) {
  const auto levels = drawn_in("src/CMakeLists.txt");
  const auto targets = targets_of(read("src/CMakeLists.txt"));
  EXPECT_GT(targets.size(), 10u);
  for (const auto& [name, target] : targets) {
    const auto part = [](const std::string& folder) { return folder.substr(0, folder.find('/')); };
    for (const auto& link : target.links) {
      const auto from = part(*target.folders.begin());
      const auto to = part(*targets.at(link).folders.begin());
      ASSERT_TRUE(levels.contains(from)) << from << " is not drawn";
      ASSERT_TRUE(levels.contains(to)) << to << " is not drawn";
      if (from != to) {
        EXPECT_LT(levels.at(from), levels.at(to)) << name << " links " << link;
      }
    }
  }
}

}  // namespace
}  // namespace tanist::tidy
