#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The sources as the rules of the house see them.
namespace tanist::tidy {

struct SourceFile {
  /// From the top of the repository: `src/async/clock.h`.
  std::string path;
  std::string text;
  /// `text` with comments and the contents of string and character literals blanked: same length, same lines.
  std::string code;

  /// Folder below src, `dcs/etcd3` for `src/dcs/etcd3/store.cc`; empty outside src.
  std::string folder() const;
  bool in(std::string_view prefix) const { return path.starts_with(prefix); }
  bool is_header() const { return path.ends_with(".h") || path.ends_with(".inc"); }
  /// What it includes with quotes.
  std::vector<std::string> own_includes() const;
  /// What it includes with angle brackets.
  std::vector<std::string> library_includes() const;
  /// Line number of a position in the text.
  std::size_t line(std::size_t position) const;
};

SourceFile make_file(std::string path, std::string text);

/// Every C and C++ file of src, tests and bench.
const std::vector<SourceFile>& sources();

/// Broken rules, one line each: `src/core/x.cc:12: why`. Empty: all is well.
using Complaints = std::vector<std::string>;
std::string told(const Complaints&);
std::string at(const SourceFile&, std::size_t position, std::string_view why);

}  // namespace tanist::tidy
