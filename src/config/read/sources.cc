#include "config/read/sources.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <expected>
#include <filesystem>
#include <fstream>

#include "config/yaml/yaml.h"
#include "core/format.h"

namespace tanist::config {
namespace {

namespace fs = std::filesystem;

Problem problem(std::string text, std::string hint = {}) {
  return Problem{.severity = Severity::error, .text = std::move(text), .hint = std::move(hint)};
}

std::expected<std::string, Problem> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return std::unexpected(problem(fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))));
  std::string text(kMaxYamlBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return std::unexpected(problem(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::expected<std::vector<fs::path>, Problem> files_of(const fs::path& path, Reads who) {
  std::error_code ec;
  if (fs::is_regular_file(path, ec)) return std::vector<fs::path>{path};
  if (who == Reads::tool && !fs::is_directory(path, ec)) return std::vector<fs::path>{path};
  if (!fs::is_directory(path, ec))
    return std::unexpected(
        problem("invalid config path " + path.string(), "give a YAML file or a directory of them"));
  std::vector<fs::path> out;
  fs::directory_iterator entries(path, ec);
  if (ec) return std::unexpected(problem(fmt::format("cannot list {}: {}", path.string(), ec.message())));
  for (const auto& entry : entries) {
    const auto extension = entry.path().extension();
    std::error_code ignored;
    if ((extension == ".yml" || extension == ".yaml") && entry.is_regular_file(ignored))
      out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

std::expected<std::vector<SourceFile>, Problem> read_files(const std::string& path, Reads who) {
  const auto paths = files_of(path, who);
  if (!paths) return std::unexpected(paths.error());
  std::vector<SourceFile> out;
  for (const auto& file : *paths) {
    auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    out.push_back({file.string(), *std::move(text)});
  }
  return out;
}

bool may_be_missing(const Environment& environment) {
  const auto found = environment.find("TANIST_MISSING_CONFIG");
  return found != environment.end() && found->second == "environment";
}

const Document::Entry* entry_of(const Document& map, std::string_view key) {
  if (!map.is_map()) return nullptr;
  for (const auto& entry : map.entries())
    if (entry.key == key) return &entry;
  return nullptr;
}

/// The line where a path was given (0: unknown); nullopt: it was not. Parts may be positions in lists.
std::optional<int> line_of(const Document& root, std::string_view path) {
  const Document* at = &root;
  int line = 0;
  while (!path.empty()) {
    // Keys may hold dots themselves: the longest that fits counts.
    const Document::Entry* whole = entry_of(*at, path);
    const auto dot = whole ? std::string_view::npos : path.find('.');
    const std::string_view part = path.substr(0, dot);
    if (at->is_list()) {
      std::size_t position = 0;
      const auto [end, ec] = std::from_chars(part.data(), part.data() + part.size(), position);
      if (ec != std::errc() || position >= at->size()) return line;
      at = &at->as_list()[position];
      line = at->line;
    } else {
      const Document::Entry* entry = whole ? whole : entry_of(*at, part);
      if (!entry) return std::nullopt;
      at = &entry->value;
      line = entry->line > 0 ? entry->line : at->line;
    }
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return line;
}

}  // namespace

Sources read_sources(const std::optional<std::string>& path, const EnvironmentConfig& variables,
                     const Environment& environment, Reads who) {
  Sources out{.who = who};
  std::error_code ec;
  if (path && !path->empty()) {
    if (fs::exists(*path, ec)) {
      out.name = *path;
      auto files = read_files(*path, who);
      if (files) {
        out.files = *std::move(files);
      } else {
        out.problems.push_back(files.error());
      }
      return out;
    }
    Problem missing = problem(fmt::format("invalid config path {}: {}", *path,
                                          ec ? ec.message() : std::string("no such file or directory")));
    if (!may_be_missing(environment)) {
      const bool configured = variables.whole || variables.overlay.size() > 0;
      if (configured)
        missing.hint = "to use the environment alone give no path, or set TANIST_MISSING_CONFIG=environment";
      out.name = *path;
      out.problems.push_back(std::move(missing));
      return out;
    }
    missing.severity = Severity::warning;
    missing.text += "; the environment alone is used";
    out.problems.push_back(std::move(missing));
  }
  if (variables.whole) {
    out.name = variables.variables.at("");
    out.files.push_back({out.name, *variables.whole});
    out.overlay = false;
  } else {
    out.name = "environment";
  }
  return out;
}

Merged merge(const Sources& sources, const EnvironmentConfig& variables) {
  Merged out;
  out.name = sources.name;
  out.problems = sources.problems;
  for (const auto& file : sources.files) {
    auto parsed = parse_yaml(file.text, file.name, out.problems);
    if (!parsed) {
      out.problems.push_back(parsed.error());
    } else if (parsed->is_null() && sources.who == Reads::tool) {
      continue;
    } else if (!parsed->is_map()) {
      out.problems.push_back(problem(file.name + " does not contain a dict"));
      out.problems.push_back(problem("invalid config file " + file.name));
    } else {
      patch(out.document, *parsed);
      out.files.emplace_back(file.name, *std::move(parsed));
    }
  }
  if (sources.overlay) {
    patch(out.document, variables.overlay);
    out.variables = variables.variables;
  }
  return out;
}

Merged merge_sources(const std::optional<std::string>& path, const Environment& environment) {
  const EnvironmentConfig read = read_environment(environment);
  return merge(read_sources(path, read, environment), read);
}

std::optional<Place> Merged::place(std::string_view path) const {
  for (auto prefix = path; !prefix.empty();) {
    if (const auto variable = variables.find(std::string(prefix)); variable != variables.end())
      return Place{variable->second};
    const auto dot = prefix.rfind('.');
    if (dot == std::string_view::npos) break;
    prefix = prefix.substr(0, dot);
  }
  for (auto file = files.rbegin(); file != files.rend(); ++file)
    if (const auto line = line_of(file->second, path)) return Place{file->first, *line};
  return std::nullopt;
}

std::string Merged::where(std::string_view path) const {
  const auto at = place(path);
  if (!at) return {};
  return at->line > 0 ? fmt::format("{} line {}", at->source, at->line) : at->source;
}

}  // namespace tanist::config
