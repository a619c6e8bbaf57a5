// Citations of the specification: `ha.md §6.2.5` leads to a place in docs/spec (docs/spec/README.md says
// how).

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

namespace fs = std::filesystem;

/// Places of one page: `6.2` is a heading, `6.2#5` a number of the list below it, `15#4#h` a letter below
/// that.
struct Page {
  std::set<std::string> places;
  /// Headings that there are twice.
  std::set<std::string> ambiguous;
};

Page read_page(const std::string& text) {
  static const std::regex heading(R"((?:#+ |\*\*)(\d+(?:\.\d+)*)\.? .*)");
  static const std::regex bold(R"(\*\*\d+\.\d.*)");
  static const std::regex number(R"( {0,3}(?:\*\*)?(\d+)\. .*)");
  static const std::regex row(R"(\| (\d+)[a-z]? \|.*)");
  static const std::regex letter(R"( +([a-z])\. .*)");
  Page page;
  std::string section, item;
  bool quoted = false, numbered_table = false;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) quoted = !quoted;
    numbered_table = line.starts_with("| # |") || (numbered_table && line.starts_with("|"));
    std::smatch found;
    if (quoted) continue;
    if ((line.starts_with("#") || std::regex_match(line, bold)) && std::regex_match(line, found, heading)) {
      section = found[1];
      item.clear();
      if (!page.places.insert(section).second) page.ambiguous.insert(section);
    } else if (!section.empty() && (std::regex_match(line, found, number) ||
                                    (numbered_table && std::regex_match(line, found, row)))) {
      item = section + "#" + found[1].str();
      page.places.insert(item);
    } else if (!item.empty() && std::regex_match(line, found, letter)) {
      page.places.insert(item + "#" + found[1].str());
    }
  }
  return page;
}

bool has_headings_below(const Page& page, const std::string& section) {
  const auto next = page.places.lower_bound(section + ".");
  return next != page.places.end() && next->starts_with(section + ".");
}

bool leads_somewhere(const Page& page, const std::string& cited) {
  if (page.places.contains(cited)) return true;
  const auto dot = cited.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string before = cited.substr(0, dot), last = cited.substr(dot + 1);
  // A number of a list below a heading that has headings too is a step.
  if (page.places.contains(before + "#" + last)) return !has_headings_below(page, before);
  const auto second = before.rfind('.');
  return second != std::string::npos &&
         page.places.contains(before.substr(0, second) + "#" + before.substr(second + 1) + "#" + last);
}

const std::map<std::string, Page>& specification() {
  static const auto pages = [] {
    std::map<std::string, Page> read;
    for (const auto& entry : fs::directory_iterator(fs::path(TANIST_SOURCE_DIR) / "docs/spec")) {
      if (entry.path().stem() == "README") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      read.emplace(entry.path().stem().string(),
                   read_page(std::string(std::istreambuf_iterator<char>(in), {})));
    }
    return read;
  }();
  return pages;
}

/// A comment of several lines as one: line ends within it, and what begins its lines, are blanked.
std::string with_whole_comments(const std::string& text) {
  static const std::regex seam(R"(\n[ \t]*(?:///?|#)(?= ))");
  std::string joined = text;
  for (std::sregex_iterator it(text.begin(), text.end(), seam), end; it != end; ++it)
    joined.replace(static_cast<std::size_t>(it->position()), static_cast<std::size_t>(it->length()),
                   static_cast<std::size_t>(it->length()), ' ');
  return joined;
}

class Reader {
 public:
  explicit Reader(const SourceFile& file) : file_(file) {}

  /// Code: a page is named, then places of it, within one comment.
  void read_code(const std::string& text) {
    static const std::regex token(
        R"((?:\bdocs/)?\b([a-z][a-z-]*)\.md\b|§(\d+(?:\.\d+)*(?:\.[a-z]\b)?)( steps? \d+(?:(?:, | and | to |–)\d+)*)?|\n)");
    std::string page;
    std::size_t named_at = 0;
    bool used = true;
    const auto leave = [&] {
      if (!used) complain(named_at, page + ".md without a section");
      used = true;
    };
    for (std::sregex_iterator it(text.begin(), text.end(), token), end; it != end; ++it) {
      const auto& found = *it;
      const auto position = static_cast<std::size_t>(found.position());
      if (found[2].matched) {
        if (page.empty())
          complain(position, "§" + found[2].str() + " of which page?");
        else
          look_up(position, page, found[2].str(), found[3].str());
        used = true;
        continue;
      }
      leave();
      // docs/rest-api.md is for users, and not the page of the same name.
      const bool cited = !found.str().starts_with("docs/") && specification().contains(found[1]);
      page = cited ? found[1].str() : "";
      named_at = position;
      used = page.empty();
    }
    leave();
  }

  /// Prose: a place stands behind the name of its page; alone it is one of `own`, where there is an own one.
  void read_prose(const std::string& text, const std::string& own) {
    static const std::regex token(R"((?:\b([a-z][a-z-]*)\.md`?,? )?(?:§ ?|\b[Ss]ections? )(\d+(?:\.\d+)*)"
                                  R"((?:\.[a-z]\b)?)( steps? \d+(?:(?:, | and | to |–)\d+)*)?)");
    for (std::sregex_iterator it(text.begin(), text.end(), token), end; it != end; ++it) {
      const auto& found = *it;
      const auto position = static_cast<std::size_t>(found.position());
      const std::string page = found[1].matched ? found[1].str() : own;
      if (page.empty())
        complain(position, "§" + found[2].str() + " of which page?");
      else
        look_up(position, page, found[2].str(), found[3].str());
    }
  }

  Complaints complaints;

  /// `steps`: ` steps 8–12`; empty: the place itself.
  void look_up(std::size_t position, const std::string& page, const std::string& place,
               const std::string& steps = "") {
    static const std::regex number(R"(\d+)");
    const auto known = specification().find(page);
    static const Page unknown;
    const Page& looked_at = known == specification().end() ? unknown : known->second;
    if (steps.empty()) {
      ++citations;
      if (!leads_somewhere(looked_at, place)) complain(position, page + ".md §" + place + " leads nowhere");
    }
    for (std::sregex_iterator it(steps.begin(), steps.end(), number), end; it != end; ++it) {
      ++citations;
      if (!looked_at.places.contains(place + "#" + it->str()))
        complain(position, page + ".md §" + place + " has no step " + it->str());
    }
  }

  std::size_t citations = 0;

 private:
  void complain(std::size_t position, const std::string& why) {
    complaints.push_back(at(file_, position, why));
  }

  const SourceFile& file_;
};

/// The last column of the table of reasons: empty, or `"ha 6.2"`.
void read_reasons(Reader& reader, const std::string& text) {
  static const std::regex row("TANIST_REASON\\(([a-z_]+),");
  static const std::regex column(R"(,\s*"(?:([a-z-]+) ([\d.]+))?"\)\s*$)");
  std::vector<std::size_t> begins;
  for (std::sregex_iterator it(text.begin(), text.end(), row), end; it != end; ++it)
    begins.push_back(static_cast<std::size_t>(it->position()));
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const auto close = text.find("\")\n", begins[i]);
    std::smatch found;
    const std::string one =
        text.substr(begins[i], close == std::string::npos ? close : close + 2 - begins[i]);
    if (!std::regex_search(one, found, column))
      reader.complaints.push_back(one + ": its last column names no section");
    else if (found[1].matched)
      reader.look_up(begins[i], found[1], found[2].str());
  }
}

Complaints broken_citations(const SourceFile& file, std::size_t* count = nullptr) {
  Reader reader(file);
  const fs::path path(file.path);
  if (file.path.ends_with(".md"))
    reader.read_prose(file.text, file.in("docs/spec/") ? path.stem().string() : "");
  else
    reader.read_code(with_whole_comments(file.text));
  if (path.filename() == "reasons.inc") read_reasons(reader, file.text);
  if (count) *count += reader.citations;
  return reader.complaints;
}

std::vector<SourceFile> pages_of_the_house() {
  std::vector<SourceFile> found;
  const fs::path top = TANIST_SOURCE_DIR;
  for (const auto& entry : fs::recursive_directory_iterator(top / "docs")) {
    if (entry.path().extension() != ".md" || entry.path() == top / "docs/spec/README.md") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    found.push_back({entry.path().lexically_relative(top).string(),
                     std::string(std::istreambuf_iterator<char>(in), {}),
                     {}});
  }
  return found;
}

TEST(citations, each_leads_to_a_place_in_the_specification) {
  Complaints complaints;
  std::size_t count = 0;
  for (const auto& file : sources()) {
    if (file.path == "tests/unit/tidy/citations_test.cc") continue;
    const auto more = broken_citations(file, &count);
    complaints.insert(complaints.end(), more.begin(), more.end());
  }
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  EXPECT_GT(count, 300u) << "the reader of citations is blind";
}

TEST(citations, the_pages_lead_to_each_other) {
  Complaints complaints;
  std::size_t count = 0;
  for (const auto& file : pages_of_the_house()) {
    const auto more = broken_citations(file, &count);
    complaints.insert(complaints.end(), more.begin(), more.end());
  }
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  EXPECT_GT(count, 100u);
  for (const auto& [name, page] : specification())
    for (const auto& place : page.ambiguous) ADD_FAILURE() << name << ".md has two headings " << place;
}

TEST(citations, a_wrong_one_is_found) {
  const auto broken = [](const char* path, const std::string& text) {
    return broken_citations(make_file(path, text)).size();
  };
  EXPECT_EQ(broken("src/x.cc", "// ha.md §3.99\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// ha.md §6.2.99\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// ha.md §15.4.z\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// ha.md §3 steps 9 and 99\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// (ha.md §3.4,\n// §99)\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// as §3 says\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// ha.md §3\nint x;  // §3\n"), 1u);
  EXPECT_EQ(broken("src/x.cc", "// as ha.md says\n"), 1u);
  EXPECT_EQ(broken("src/reasons.inc", "TANIST_REASON(a, \"b\", \"ha 3.99\")\n"), 1u);
  EXPECT_EQ(broken("src/reasons.inc", "TANIST_REASON(a, \"b\", \"ha\")\n"), 1u);
  EXPECT_EQ(broken("docs/spec/dcs.md", "see §99, and `ha.md` §98, and section 97\n"), 3u);
  EXPECT_EQ(broken("docs/safety.md", "(§3)\n"), 1u);
}

TEST(citations, all_forms_are_read) {
  const auto broken = [](const char* path, const std::string& text) {
    return told(broken_citations(make_file(path, text)));
  };
  EXPECT_EQ(broken("src/x.cc", "/// (ha.md §6.2.5, §15.4.h, §3 step 15, §3 steps 8–12)\n"), "");
  EXPECT_EQ(
      broken("src/x.cc", "/// (ha.md §3 steps 8–12,\n/// §3.6; config.md §1.1–§1.2). docs/rest-api.md.\n"),
      "");
  EXPECT_EQ(
      broken("src/reasons.inc", "TANIST_REASON(a, \"b\", \"ha 3.8\")\nTANIST_REASON(c, \"\",\n  \"\")\n"),
      "");
  EXPECT_EQ(broken("docs/spec/dcs.md", "see §1.3, ha.md §6.2 and §1.4, section 2.1, `replication.md`\n"), "");
}

}  // namespace
}  // namespace tanist::tidy
