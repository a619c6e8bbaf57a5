#include "postgres/parameters/hba.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <vector>

#include "config/addresses.h"
#include "config/keys/keys.h"
#include "core/format.h"

namespace tanist::postgres {
namespace {

const std::vector<std::string> kTypes = {"local",     "host",       "hostssl",
                                         "hostnossl", "hostgssenc", "hostnogssenc"};
const std::vector<std::string> kIncludes = {"include", "include_if_exists", "include_dir"};
const std::vector<std::string> kMethods = {"trust",  "reject", "scram-sha-256", "md5",  "password",
                                           "gss",    "sspi",   "ident",         "peer", "ldap",
                                           "radius", "cert",   "pam",           "bsd",  "oauth"};

bool among(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// Fields as PostgreSQL splits them: at blanks, quotes keep blanks, a comma joins, `#` ends the line.
std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> out;
  std::string field;
  bool begun = false;
  bool quoted = false;
  bool joined = false;
  for (const char c : line) {
    if (!quoted && c == '#') break;
    if (c == '"') {
      quoted = !quoted;
      begun = true;
      joined = false;
    } else if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
      if (begun && !joined) {
        out.push_back(std::move(field));
        field.clear();
        begun = false;
      }
    } else {
      if (!quoted && c != ',' && joined) joined = false;
      field += c;
      begun = true;
      if (!quoted && c == ',') joined = true;
    }
  }
  if (begun) out.push_back(std::move(field));
  return out;
}

bool is_ip(std::string_view text) {
  boost::system::error_code ec;
  boost::asio::ip::make_address(std::string(text), ec);
  return !ec;
}

}  // namespace

bool is_hba_record(std::string_view line, bool includes) {
  const auto fields = fields_of(line);
  return !fields.empty() && (among(kTypes, fields[0]) || (includes && among(kIncludes, fields[0])));
}

std::optional<std::string> hba_problem(std::string_view line) {
  const auto fields = fields_of(line);
  if (fields.empty() || among(kIncludes, fields[0]) || fields[0].starts_with('@')) return std::nullopt;
  if (!among(kTypes, fields[0])) {
    const auto near = config::nearest_word(fields[0], kTypes);
    return fmt::format("begins with \"{}\", which is no type of connection{}", fields[0],
                       near ? fmt::format(": did you mean {}?", *near) : "");
  }
  const bool local = fields[0] == "local";
  std::size_t method = local ? 3 : 4;
  if (fields.size() <= method)
    return fmt::format("has {} fields, {} need {}: type, database, user, {}method", fields.size(),
                       local ? "local lines" : "host lines", method + 1, local ? "" : "address, ");
  // An address without a length is followed by its mask, unless it is a name.
  if (!local && is_ip(fields[3])) ++method;
  if (fields.size() <= method) return fmt::format("the address {} needs a mask", fields[3]);
  if (!among(kMethods, fields[method])) {
    const auto near = config::nearest_word(fields[method], kMethods);
    return fmt::format("\"{}\" is no authentication method{}", fields[method],
                       near ? fmt::format(": did you mean {}?", *near) : "");
  }
  return std::nullopt;
}

std::string hba_method(const std::vector<std::string>& lines, bool by_socket, std::string_view database,
                       std::string_view user) {
  static const std::vector<std::string> kHere = {"all",       "0.0.0.0/0", "127.0.0.1/32", "127.0.0.0/8",
                                                 "localhost", "samehost",  "samenet",      "127.0.0.1"};
  const auto names = [](std::string_view list, std::string_view wanted) {
    for (std::size_t at = 0; at <= list.size();) {
      const auto end = std::min(list.find(',', at), list.size());
      const auto item = list.substr(at, end - at);
      if (item == "all" || item == wanted) return true;
      at = end + 1;
    }
    return false;
  };
  for (const auto& line : lines) {
    const auto fields = fields_of(line);
    if (fields.empty()) continue;
    if (among(kIncludes, fields[0]) || fields[0].starts_with('@')) return {};
    if (hba_problem(line)) continue;
    const bool fits = by_socket ? fields[0] == "local" : fields[0] == "host" || fields[0] == "hostnossl";
    if (!fits || !names(fields[1], database) || !names(fields[2], user)) continue;
    if (by_socket) return fields[3];
    if (among(kHere, fields[3])) return fields[is_ip(fields[3]) ? 5 : 4];
  }
  return {};
}

bool lets_strangers_in(std::string_view line) {
  static const std::vector<std::string> kLocal = {"127.0.0.1/32", "127.0.0.1", "127.0.0.0/8", "::1/128",
                                                  "::1",          "localhost", "samehost"};
  const auto fields = fields_of(line);
  if (fields.empty() || fields[0] == "local" || !among(kTypes, fields[0]) || hba_problem(line)) return false;
  return !among(kLocal, fields[3]) && fields[is_ip(fields[3]) ? 5 : 4] == "trust";
}

bool is_for_replication(std::string_view line) {
  const auto fields = fields_of(line);
  if (fields.size() < 2 || !among(kTypes, fields[0])) return false;
  // `all` does not mean it.
  const std::string names = "," + fields[1] + ",";
  return names.find(",replication,") != std::string::npos;
}

std::optional<std::string> ident_problem(std::string_view line) {
  const auto fields = fields_of(line);
  if (fields.empty() || among(kIncludes, fields[0]) || fields.size() >= 3) return std::nullopt;
  return fmt::format("has {} fields, 3 are needed: map, system user, database user", fields.size());
}

}  // namespace tanist::postgres
