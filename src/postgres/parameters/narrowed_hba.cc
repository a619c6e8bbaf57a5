#include "postgres/parameters/narrowed_hba.h"

#include <algorithm>
#include <string_view>

#include "core/format.h"
#include "postgres/parameters/hba.h"

namespace tanist::postgres {

namespace {

/// The first three fields as they are written, quotes included, and what follows them.
struct Record {
  std::string type;
  std::string databases;
  std::string users;
  std::string rest;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Takes the next field off: up to a blank outside of quotes that no comma goes before.
std::string take_field(std::string_view& line) {
  std::size_t at = 0;
  while (at < line.size() && is_blank(line[at])) ++at;
  const std::size_t begin = at;
  bool quoted = false;
  bool joined = false;
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (!quoted && c == '#') break;
    if (c == '"') quoted = !quoted;
    if (!quoted && is_blank(c)) {
      if (!joined) break;
      continue;
    }
    joined = !quoted && c == ',';
  }
  std::string field(line.substr(begin, at - begin));
  line.remove_prefix(at);
  return field;
}

struct Item {
  std::string name;
  /// Quotes take the meaning from `all`, `replication`, `+group` and the like.
  bool quoted = false;
};

std::vector<Item> items_of(std::string_view list) {
  std::vector<Item> items(1);
  bool quoted = false;
  for (const char c : list) {
    if (c == '"') {
      quoted = !quoted;
      items.back().quoted = true;
    } else if (!quoted && c == ',') {
      items.emplace_back();
    } else if (quoted || !is_blank(c)) {
      items.back().name += c;
    }
  }
  std::erase_if(items, [](const Item& item) { return item.name.empty(); });
  return items;
}

/// Names that only the server can tell.
bool needs_server(const Item& item) {
  if (item.quoted) return false;
  const char first = item.name.front();
  return first == '+' || first == '@' || first == '/';
}

std::string quoted_name(const std::string& name) {
  return "\"" + name + "\"";
}

}  // namespace

std::expected<std::vector<std::string>, std::string> narrowed_hba(const std::vector<std::string>& lines,
                                                                  const std::string& superuser) {
  std::vector<std::string> out;
  bool lets_in = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto refuse = [&](const char* why) {
      return std::unexpected(fmt::format("line {} of pg_hba.conf {}: {}", i + 1, why, lines[i]));
    };
    std::string_view left = lines[i];
    Record record;
    record.type = take_field(left);
    if (record.type.empty()) continue;
    if (lines[i].ends_with('\\')) return refuse("goes on in the next");
    if (!is_hba_record(lines[i], false)) return refuse("is not about connections");
    record.databases = take_field(left);
    record.users = take_field(left);
    record.rest = left;
    const auto users = items_of(record.users);
    const auto databases = items_of(record.databases);
    if (std::ranges::any_of(databases, [](const Item& item) { return !item.quoted && item.name[0] == '@'; }))
      return refuse("takes its databases from a file");
    const auto is_replication = [](const Item& item) { return !item.quoted && item.name == "replication"; };
    if (std::ranges::any_of(databases, is_replication))
      out.push_back(record.type + " replication " + record.users + record.rest);
    if (std::ranges::all_of(databases, is_replication)) continue;
    if (std::ranges::any_of(users, needs_server)) return refuse("names users that only the server can tell");
    const bool fits = std::ranges::any_of(users, [&](const Item& item) {
      return item.name == superuser || (!item.quoted && item.name == "all");
    });
    if (!fits) continue;
    out.push_back(record.type + " " + record.databases + " " + quoted_name(superuser) + record.rest);
    lets_in = true;
  }
  if (!lets_in) return std::unexpected(fmt::format("no line of pg_hba.conf lets {} in", superuser));
  return out;
}

}  // namespace tanist::postgres
