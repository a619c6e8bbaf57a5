#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/errors.h"
#include "config/read/environment.h"
#include "core/document.h"

/// Where the local configuration comes from (config.md §1.1): a file, a directory of files, one variable that
/// holds it all, or the environment alone.
namespace tanist::config {

/// A file that was read.
struct SourceFile {
  std::string name;
  std::string text;
};

/// Who reads. A member takes a file or a directory of files, each with a mapping in it. A tool that a person
/// starts takes whatever can be read to its end (a pipe), and nothing in it is an empty mapping.
enum class Reads { member, tool };

/// The texts that make the configuration.
struct Sources {
  std::vector<SourceFile> files;
  /// The environment is patched on top.
  bool overlay = true;
  Reads who = Reads::member;
  /// What it was read from, for messages.
  std::string name;
  /// An error means that nothing can be read.
  Problems problems;
};

/// Decides and reads. A `path` that does not exist is an error, unless TANIST_MISSING_CONFIG=environment asks
/// for what Patroni does: to go on without it.
Sources read_sources(const std::optional<std::string>& path, const EnvironmentConfig& variables,
                     const Environment& environment, Reads who = Reads::member);

/// Where a value was given.
struct Place {
  /// A file, or an environment variable.
  std::string source;
  /// 0: unknown.
  int line = 0;
};

/// What the sources say together, before anything is checked.
struct Merged {
  Document document = Document::map();
  std::string name;
  /// Each file by itself.
  std::vector<std::pair<std::string, Document>> files;
  /// The variable that a dotted path came from.
  std::map<std::string, std::string> variables;
  /// Files that could not be read or parsed, and warnings.
  Problems problems;

  /// Where the value at a dotted path was given; nullopt: nobody gave it. Positions of lists may end the
  /// path.
  std::optional<Place> place(std::string_view path) const;
  /// The same as text: `f.yml line 12`, `PATRONI_NAME`.
  std::string where(std::string_view path) const;
};
/// `variables` are patched on top of the files where the sources say so.
Merged merge(const Sources& sources, const EnvironmentConfig& variables);
Merged merge_sources(const std::optional<std::string>& path, const Environment& environment);

}  // namespace tanist::config
