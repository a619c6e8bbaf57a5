#include "setup/value_checks.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <fstream>

#include "config/addresses.h"
#include "config/yaml/secrets_in_text.h"
#include "core/format.h"
#include "core/text.h"

namespace tanist::setup {
namespace {

namespace fs = std::filesystem;
using config::split_host_port;
using config::trim;

constexpr std::array<const char*, 6> kNeeded = {"pg_ctl",        "initdb",   "pg_controldata",
                                                "pg_basebackup", "postgres", "pg_isready"};

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const auto comma = text.find(',');
    out.emplace_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

std::string text_of(const Document& root, std::string_view path) {
  const Document* value = root.find_path(path);
  return value && value->is_string() ? value->as_string() : std::string();
}

/// What a host name to listen on means: `*` and nothing stand for all addresses.
std::vector<std::string> listened(const std::string& host) {
  if (host.empty() || host == "*") return {"0.0.0.0", "::"};
  return {host};
}

std::optional<std::string> not_reachable(const std::string& text, int default_port, Inspection& in) {
  const auto address = split_host_port(text, default_port);
  if (!address) return "contains a wrong value";
  if (in.offline) return std::nullopt;
  const auto open = in.world.accepts(address->host, address->port);
  if (!open) return open.error();
  if (!*open) return fmt::format("{} is not reachable", config::without_passwords(text));
  return std::nullopt;
}

std::optional<std::string> not_free(const std::string& text, int default_port, bool many, Inspection& in) {
  const auto address = split_host_port(text, default_port);
  if (!address) return "contains a wrong value";
  const auto hosts = many ? split_at_commas(address->host) : std::vector{address->host};
  if (hosts.size() > 1 && std::ranges::find(hosts, "*") != hosts.end()) return "expecting '*' alone";
  if (in.offline) return std::nullopt;
  for (const auto& host : hosts) {
    for (const auto& one : listened(host)) {
      const auto open = in.world.accepts(one, address->port);
      // A host without IPv6 has no such address; that is no reason to complain about "*".
      if (!open && one != host) continue;
      if (!open) return open.error();
      if (*open && !in.ignore_listen_port) return fmt::format("Port {} is already in use.", address->port);
    }
  }
  return std::nullopt;
}

/// Text or anything else: these answer for the type themselves.
Check any_type(Judge judge, std::string allowed) {
  return [judge = std::move(judge), allowed = std::move(allowed)](const Document& value,
                                                                  const std::string& path, Inspection& in) {
    const auto why = value.is_string() ? judge(value.as_string(), in)
                                       : std::optional<std::string>("contains a wrong value");
    if (why) add_wrong_value(in, path, value, *why, allowed);
  };
}

std::string bin_name(const Document& root, const std::string& program) {
  const std::string named = text_of(root, "postgresql.bin_name." + program);
  return named.empty() ? program : named;
}

std::string place(const std::string& bin_dir) {
  return bin_dir.empty() ? "$PATH" : bin_dir;
}

/// Nothing in it that a new cluster would be in the way of.
bool holds_nothing(const fs::path& directory) {
  std::error_code ec;
  if (fs::exists(directory / "global/pg_control", ec)) return false;
  for (fs::directory_iterator entry(directory, ec); !ec && entry != fs::directory_iterator();
       entry.increment(ec)) {
    const auto name = entry->path().filename().string();
    if (!name.starts_with('.') && name != "lost+found") return false;
  }
  return true;
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string out;
  std::getline(in, out);
  return std::string(trim(out));
}

std::optional<std::string> unusable_data_dir(const std::string& text, Inspection& in) {
  if (text.empty()) return "is an empty string";
  const fs::path directory(text);
  std::error_code ec;
  if (!fs::exists(directory, ec)) return std::nullopt;
  if (!fs::is_directory(directory, ec)) return "is not a directory";
  if (holds_nothing(directory)) return std::nullopt;
  if (!fs::exists(directory / "PG_VERSION", ec)) return "doesn't look like a valid data directory";
  const std::string version = first_line(directory / "PG_VERSION");
  const bool old = version.starts_with("9.");
  const char* wal = old ? "pg_xlog" : "pg_wal";
  if (!fs::is_directory(directory / wal, ec))
    return fmt::format("data dir for the cluster is not empty, but doesn't contain \"{}\" directory", wal);
  if (const int number = configured_version(in); number != 0 && major_version_text(number) != version)
    return fmt::format(
        "data_dir directory postgresql version ({}) doesn't match with 'postgres --version' output ({})",
        version, major_version_text(number));
  return std::nullopt;
}

}  // namespace

Check name_of_member() {
  return judged([](const std::string& text, Inspection&) -> std::optional<std::string> {
    if (text == kReservedName) return fmt::format("Node 'name' can't be set to '{}'", kReservedName);
    return std::nullopt;
  });
}

Check connect_address() {
  return any_type(
      [](const std::string& text, Inspection&) -> std::optional<std::string> {
        const auto address = split_host_port(text, 1);
        if (!address) return "contains a wrong value";
        constexpr std::array<std::string_view, 5> kLocal = {"127.0.0.1", "0.0.0.0", "*", "::1", "localhost"};
        if (std::ranges::find(kLocal, address->host) != kLocal.end())
          return R"(must not contain "127.0.0.1", "0.0.0.0", "*", "::1", "localhost")";
        return std::nullopt;
      },
      "host:port that the other members reach");
}

Check reachable(int default_port) {
  return any_type(
      [=](const std::string& text, Inspection& in) { return not_reachable(text, default_port, in); },
      "host:port");
}

Check listen(int default_port) {
  return any_type(
      [=](const std::string& text, Inspection& in) { return not_free(text, default_port, false, in); },
      "host:port");
}

Check listen_many(int default_port) {
  return any_type(
      [=](const std::string& text, Inspection& in) { return not_free(text, default_port, true, in); },
      "hosts with commas, and a port");
}

Check reachable_with_commas(int default_port) {
  return judged([=](const std::string& text, Inspection& in) -> std::optional<std::string> {
    for (const auto& one : split_at_commas(text))
      if (const auto why = not_reachable(one, default_port, in)) return why;
    return std::nullopt;
  });
}

Check ip_address() {
  return either(judged([](const std::string& text, Inspection&) -> std::optional<std::string> {
                  boost::system::error_code ec;
                  boost::asio::ip::make_address_v4(text, ec);
                  if (ec) return "Is not a valid ipv4 address";
                  return std::nullopt;
                }),
                judged([](const std::string& text, Inspection&) -> std::optional<std::string> {
                  boost::system::error_code ec;
                  boost::asio::ip::make_address_v6(text, ec);
                  if (ec) return "Is not a valid ipv6 address";
                  return std::nullopt;
                }));
}

Check log_format() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    if (value.is_string()) return;
    if (!value.is_list()) return add_wrong_value(in, path, value, "Should be a string or a list");
    if (value.size() == 0) return add_wrong_value(in, path, value, "should contain at least one item");
    for (const auto& item : value.as_list()) {
      const bool pair = item.is_map() && item.size() == 1 && item.entries().front().value.is_string();
      if (!item.is_string() && !pair)
        return add_wrong_value(in, path, value,
                               "each item should be a string or a dictionary with string values");
    }
  };
}

Check watchdog_mode() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    if (value.is_bool() && !value.as_bool()) return;
    if (!value.is_string() && !value.is_bool())
      return add_wrong_value(in, path, value, "expected type is not a string",
                             "one of off, automatic, required");
    word({"off", "automatic", "required"})(value, path, in);
  };
}

Check synchronous_mode() {
  return [](const Document& value, const std::string& path, Inspection& in) {
    const bool quorum = value.is_string() && lower(value.as_string()) == "quorum";
    if (!quorum && !(value.is_scalar() && parse_bool(value)))
      add_wrong_value(in, path, value, "invalid value for synchronous_mode", "a boolean or quorum");
  };
}

Check existing_data_dir() {
  return judged(unusable_data_dir, "a data directory, or one that is empty or missing");
}

Check program_name() {
  return judged([](const std::string& text, Inspection& in) -> std::optional<std::string> {
    if (text.empty()) return "is an empty string";
    const std::string bin_dir = text_of(in.root, "postgresql.bin_dir");
    if (find_program(in.world, bin_dir, text).empty())
      return fmt::format("does not contain '{}' in '{}'", text, place(bin_dir));
    return std::nullopt;
  });
}

int configured_version(Inspection& in) {
  const std::string program =
      find_program(in.world, text_of(in.root, "postgresql.bin_dir"), bin_name(in.root, "postgres"));
  if (program.empty()) return 0;
  const auto printed = in.world.version_of(program);
  return printed ? server_version_number(*printed) : 0;
}

void check_bin_dir(const Document& postgresql, Inspection& in) {
  const std::string path = "postgresql.bin_dir";
  const auto complain = [&](std::string message) {
    in.found.push_back({.path = path, .value = {}, .message = std::move(message)});
  };
  const Document* value = postgresql.find("bin_dir");
  if (value && !value->is_null() && !value->is_string()) return text()(*value, path, in);
  const std::string directory = value && value->is_string() ? value->as_string() : std::string();
  std::error_code ec;
  if (!directory.empty() && !fs::exists(directory, ec))
    return complain(fmt::format("Directory '{}' does not exist.", directory));
  if (!directory.empty() && !fs::is_directory(directory, ec))
    return complain(fmt::format("'{}' is not a directory.", directory));
  for (const char* program : kNeeded) {
    const std::string name = bin_name(in.root, program);
    if (find_program(in.world, directory, name).empty())
      complain(fmt::format("does not contain '{}' in '{}'", name, place(directory)));
  }
}

}  // namespace tanist::setup
