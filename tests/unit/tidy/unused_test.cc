// Names that nothing uses any more: headers, reason codes, fields of the memory, values of enumerations,
// duties and intents.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

/// Write and read what they are given: being recorded is no use.
constexpr std::string_view kCodec[] = {"src/ha/model/journal_codec.cc", "src/ha/model/recorded.h"};

const SourceFile& file_named(const std::vector<SourceFile>& files, std::string_view path) {
  static const SourceFile none;
  const auto found = std::ranges::find(files, path, &SourceFile::path);
  return found == files.end() ? none : *found;
}

std::string body_of(const std::string& code, const std::string& head) {
  const auto begin = code.find(head + " {");
  if (begin == std::string::npos) return {};
  int depth = 0;
  for (std::size_t i = code.find('{', begin); i < code.size(); ++i) {
    if (code[i] == '{') ++depth;
    if (code[i] == '}' && --depth == 0) return code.substr(begin, i - begin);
  }
  return {};
}

std::vector<std::string> all(const std::string& text, const char* pattern) {
  const std::regex compiled(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), compiled), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

/// Words of the code of src: `Code::shut_down`, `.outage_since`, each with the files it stands in.
using Words = std::map<std::string, std::set<std::string>>;
Words words_of(const std::vector<SourceFile>& files) {
  static const std::regex word(R"((\w+::\w+)|((?:\.|->)\w+))");
  Words words;
  for (const auto& file : files) {
    if (!file.in("src/") || std::ranges::count(kCodec, file.path) > 0) continue;
    // Where an enumeration is opened its values stand alone.
    for (const auto& opened : all(file.code, R"(\busing enum (?:\w+::)*(\w+);)"))
      for (const auto& bare : all(file.code, R"(\b([a-z]\w*)\b)"))
        words[opened + "::" + bare].insert(file.path);
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), word), end; it != end; ++it) {
      std::string text = it->str();
      if (text.starts_with("->")) text = "." + text.substr(2);
      words[text].insert(file.path);
      // Of `a::b::c` the second pair too.
      const auto after = static_cast<std::size_t>(it->position() + it->length());
      std::smatch next;
      static const std::regex more(R"(^::(\w+))");
      const std::string rest = file.code.substr(after, 64);
      if (std::regex_search(rest, next, more))
        words[text.substr(text.rfind(':') + 1) + "::" + next[1].str()].insert(file.path);
    }
  }
  return words;
}

Complaints unused_names(const std::vector<SourceFile>& files) {
  const Words words = words_of(files);
  Complaints complaints;
  for (const auto& code : all(file_named(files, "src/ha/model/reasons.inc").code, R"(TANIST_REASON\((\w+))"))
    if (!words.contains("Code::" + code)) complaints.push_back("no decision has the reason " + code);

  const auto& memory = file_named(files, "src/ha/model/memory.h");
  for (const auto& part : all(memory.code, R"(\bstruct (\w+) \{)"))
    for (const auto& field :
         all(body_of(memory.code, "struct " + part), R"(\b(?!const\b|default\b)(\w+)(?: = [^;,{}]+|\{\})?;)"))
      if (!words.contains("." + field)) complaints.push_back("nothing uses " + part + "::" + field);

  static const std::regex enumeration(R"(\benum class (\w+)[^{;]*\{([^}]*)\})");
  for (const auto& file : files) {
    if (!file.in("src/")) continue;
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), enumeration), end; it != end; ++it) {
      const std::string name = (*it)[1], values = (*it)[2];
      if (values.contains("#include")) continue;
      for (const auto& value : all(values, R"((?:^|,)\s*(\w+))"))
        if (!words.contains(name + "::" + value))
          complaints.push_back(
              at(file, static_cast<std::size_t>(it->position()), "nothing uses " + name + "::" + value));
    }
  }

  const auto& decision = file_named(files, "src/ha/model/decision.h");
  for (const char* kind : {"intent", "duty"}) {
    for (const auto& name :
         all(body_of(decision.code, std::string("namespace ") + kind), R"(\bstruct (\w+))")) {
      const auto found = words.find(std::string(kind) + "::" + name);
      const auto& used = found == words.end() ? std::set<std::string>() : found->second;
      const auto in = [&](auto where) { return std::ranges::any_of(used, where); };
      if (!in([](const std::string& path) { return path.starts_with("src/ha/policy/"); }))
        complaints.push_back("no rule decides on " + std::string(kind) + "::" + name);
      if (!in([](const std::string& path) { return path.starts_with("src/ha/engine/"); }))
        complaints.push_back("nobody does " + std::string(kind) + "::" + name);
    }
  }
  return complaints;
}

struct Exception {
  std::string_view what;
  std::string_view why;
};

/// Headers that only their own source and tests include.
constexpr Exception kForTests[] = {
    {"src/cli/completion.h", "what writes and checks the files of packaging/completion"},
    {"src/cli/man_page.h", "what writes and checks the file of packaging/man"},
    {"src/cli/reference.h", "what writes and checks docs/tanistctl.md"},
    {"src/log/format.h", "templates, tested without a log"},
};

Complaints unneeded_headers(const std::vector<SourceFile>& files) {
  std::map<std::string, std::set<std::string>> included_by;
  for (const auto& file : files)
    if (file.in("src/"))
      for (const auto& include : file.own_includes()) included_by["src/" + include].insert(file.path);
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("src/") || !file.path.ends_with(".h")) continue;
    auto users = included_by[file.path];
    users.erase(file.path.substr(0, file.path.size() - 2) + ".cc");
    if (users.empty()) complaints.push_back(file.path);
  }
  return complaints;
}

template <std::size_t n>
Complaints without(Complaints complaints, const Exception (&exceptions)[n]) {
  for (const auto& exception : exceptions)
    if (std::erase(complaints, exception.what) == 0)
      complaints.push_back("an exception of no use any more: " + std::string(exception.what));
  return complaints;
}

TEST(unused, each_name_of_the_engine_is_of_use) {
  const auto complaints = unused_names(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(unused, each_header_serves_more_than_its_own_source) {
  const auto complaints = without(unneeded_headers(sources()), kForTests);
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(unused, what_nothing_uses_is_found) {
  const std::vector<SourceFile> files = {
      make_file("src/ha/model/reasons.inc", "TANIST_REASON(a, \"\", \"\")\nTANIST_REASON(b, \"\", \"\")\n"),
      make_file("src/ha/model/memory.h",
                "struct Race {\n  bool c = false;\n  Instant i{};\n  TANIST_FIELDS(c, i);\n};\n"
                "struct Memory {\n  std::optional<Instant> d;\n};\n"
                "enum class Kind { e, f };\n"),
      make_file("src/ha/model/decision.h",
                "namespace intent {\nstruct G {};\n}\nnamespace duty {\nstruct H {};\n}\n"),
      make_file("src/ha/policy/x.cc",
                "d.because(Code::a); d.memory.d = x; y = tanist::Kind::e; intent::G{};\n"),
      make_file("src/ha/model/journal_codec.cc", "v.c; Kind::f; Code::b;\n"),
      make_file("src/ha/engine/act.cc", "do(duty::H{});\n"),
  };
  const Complaints expected = {
      "no decision has the reason b", "nothing uses Race::c",
      "nothing uses Race::i",         "src/ha/model/memory.h:9: nothing uses Kind::f",
      "nobody does intent::G",        "no rule decides on duty::H"};
  EXPECT_EQ(unused_names(files), expected) << told(unused_names(files));
  EXPECT_EQ(unneeded_headers({make_file("src/x.h", ""), make_file("src/x.cc", "#include \"x.h\"\n")}).size(),
            1u);
}

}  // namespace
}  // namespace tanist::tidy
