#include "unit/tidy/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

namespace tanist::tidy {
namespace {

/// Position just behind the literal that starts at `begin` with the quote `text[begin]`.
std::size_t end_of_literal(const std::string& text, std::size_t begin) {
  const char quote = text[begin];
  std::size_t i = begin + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

std::string without_comments_and_literals(const std::string& text) {
  std::string code = text;
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < std::min(to, code.size()); ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
  };
  for (std::size_t i = 0; i < text.size();) {
    if (text.compare(i, 2, "//") == 0) {
      const auto end = std::min(text.find('\n', i), text.size());
      blank(i, end);
      i = end;
    } else if (text.compare(i, 2, "/*") == 0) {
      const auto end = text.find("*/", i + 2);
      blank(i, end == std::string::npos ? text.size() : end + 2);
      i = end == std::string::npos ? text.size() : end + 2;
    } else if (text.compare(i, 2, "R\"") == 0) {
      const auto open = text.find('(', i);
      const std::string closing = ")" + text.substr(i + 2, open - i - 2) + "\"";
      const auto end = text.find(closing, open);
      blank(i + 2, end);
      i = end == std::string::npos ? text.size() : end + closing.size();
    } else if (text[i] == '"') {
      const auto end = end_of_literal(text, i);
      blank(i + 1, end - 1);
      i = end;
    } else if (text[i] == '\'' && (i == 0 || !std::isalnum(static_cast<unsigned char>(text[i - 1])))) {
      const auto end = end_of_literal(text, i);  // not the separator in 1'000
      blank(i + 1, end - 1);
      i = end;
    } else {
      ++i;
    }
  }
  return code;
}

std::vector<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

}  // namespace

std::string SourceFile::folder() const {
  if (!in("src/")) return "";
  const auto slash = path.rfind('/');
  return slash <= 4 ? "" : path.substr(4, slash - 4);
}

std::vector<std::string> SourceFile::own_includes() const {
  static const std::regex pattern("(?:^|\n)[ \t]*#[ \t]*include[ \t]+\"([^\"]+)\"");
  return matches(text, pattern);
}

std::vector<std::string> SourceFile::library_includes() const {
  static const std::regex pattern("(?:^|\n)[ \t]*#[ \t]*include[ \t]+<([^>]+)>");
  return matches(text, pattern);
}

std::size_t SourceFile::line(std::size_t position) const {
  return 1 + static_cast<std::size_t>(
                 std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
}

SourceFile make_file(std::string path, std::string text) {
  auto code = without_comments_and_literals(text);
  return SourceFile{std::move(path), std::move(text), std::move(code)};
}

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> all = [] {
    namespace fs = std::filesystem;
    std::vector<SourceFile> found;
    const fs::path top = TANIST_SOURCE_DIR;
    for (const char* part : {"src", "tests", "bench"}) {
      for (const auto& entry : fs::recursive_directory_iterator(top / part)) {
        const auto extension = entry.path().extension();
        if (extension != ".cc" && extension != ".h" && extension != ".c" && extension != ".inc") continue;
        std::ifstream in(entry.path(), std::ios::binary);
        found.push_back(make_file(entry.path().lexically_relative(top).string(),
                                  std::string(std::istreambuf_iterator<char>(in), {})));
      }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return found;
  }();
  return all;
}

std::string told(const Complaints& complaints) {
  std::string text;
  for (const auto& line : complaints) text += line + "\n";
  return text;
}

std::string at(const SourceFile& file, std::size_t position, std::string_view why) {
  return file.path + ":" + std::to_string(file.line(position)) + ": " + std::string(why);
}

}  // namespace tanist::tidy
