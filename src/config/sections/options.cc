#include "config/sections/options.h"

#include <algorithm>
#include <optional>

#include "config/addresses.h"
#include "core/format.h"

namespace tanist::config {
namespace {

struct Tool {
  std::string_view path;
  std::string_view name;
  /// Separated by blanks.
  std::string_view forbidden;
};

constexpr Tool kTools[] = {
    {"bootstrap.initdb", "initdb", "pgdata nosync pwfile sync-only version"},
    {"postgresql.rewind", "pg_rewind",
     "target-pgdata source-pgdata source-server write-recovery-conf dry-run restore-target-wal config-file "
     "no-ensure-shutdown version help"},
    {"postgresql.basebackup", "basebackup",
     "pgdata format wal-method xlog-method gzip version dbname host port username password"},
};

bool is_forbidden(const Tool& tool, std::string_view option) {
  for (auto rest = tool.forbidden; !rest.empty();) {
    const auto blank = rest.find(' ');
    if (rest.substr(0, blank) == option) return true;
    rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  }
  return false;
}

/// A value in quotes is taken as a shell would: without them.
std::string unquoted(const std::string& text) {
  const auto trimmed = trim(text);
  if (trimmed.size() >= 2 && (trimmed.front() == '"' || trimmed.front() == '\'') &&
      trimmed.back() == trimmed.front())
    return std::string(trimmed.substr(1, trimmed.size() - 2));
  return text;
}

class Collector {
 public:
  explicit Collector(const Tool& tool) : tool_(tool) {}

  void collect(const Document& value) {
    if (value.is_map()) {
      for (const auto& [name, option, line] : value.entries())
        if (!name.empty() && option.truthy()) pair(name, option);
      return;
    }
    if (!value.is_list()) return complain("{} options must be list or dict", tool_.name);
    for (const auto& item : value.as_list()) {
      if (item.is_string()) {
        add(item.as_string(), std::nullopt);
      } else if (item.is_map() && item.size() == 1) {
        pair(item.entries().front().key, item.entries().front().value);
      } else if (item.is_map()) {
        std::string names;
        for (const auto& entry : item.entries()) names += (names.empty() ? "" : ", ") + entry.key;
        complain(
            "Error when parsing {} key-value option {}: only one key-value is allowed and value should be a "
            "string",
            tool_.name, names);
      } else {
        complain("Error when parsing {} option {}: value should be string value or a single key-value pair",
                 tool_.name, item.text());
      }
    }
  }

  std::vector<ToolOption> options;
  std::vector<std::string> complaints;

 private:
  template <class... Args>
  void complain(fmt::format_string<Args...> text, Args&&... args) {
    complaints.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  void pair(const std::string& name, const Document& value) {
    if (value.is_string() || value.is_int() || value.is_double()) return add(name, unquoted(value.text()));
    if (value.is_bool() && value.as_bool()) return add(name, std::nullopt);
    if (value.is_bool() || value.is_null()) return;
    complain(
        "Error when parsing {} key-value option {}: only one key-value is allowed and value should be a "
        "string",
        tool_.name, name);
  }

  void add(const std::string& name, std::optional<std::string> value) {
    // `name=value` in one string is given to the tool as it stands.
    const auto equals = name.find('=');
    const std::string bare = name.substr(0, equals);
    if (is_forbidden(tool_, bare)) return complain("{} option for {} is not allowed", bare, tool_.name);
    if (tool_.name == "basebackup" && bare == "compress") {
      const std::string method = value ? *value : equals == std::string::npos ? "" : name.substr(equals + 1);
      if (!method.starts_with("server"))
        return complain("compress option for basebackup must begin with \"server\", given \"{}\"", method);
    }
    if (equals != std::string::npos && !value) {
      options.push_back({bare, name.substr(equals + 1)});
    } else {
      options.push_back({name, std::move(value)});
    }
  }

  const Tool& tool_;
};

Collector run(std::string_view path, const Document& value) {
  const auto tool = std::ranges::find_if(kTools, [&](const Tool& t) { return t.path == path; });
  Collector collector(*tool);
  if (!value.is_null()) collector.collect(value);
  return collector;
}

}  // namespace

std::vector<ToolOption> tool_options(std::string_view path, const Document& value) {
  return run(path, value).options;
}

std::vector<std::string> complaints(std::string_view path, const Document& value) {
  return run(path, value).complaints;
}

}  // namespace tanist::config
