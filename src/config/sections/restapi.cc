#include "config/sections/restapi.h"

#include <algorithm>
#include <cctype>

#include "config/addresses.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr int kDefaultPort = 8008;

/// `authentication`, or its short form `auth: "user:password"`.
BasicAuth authentication(const Reader& reader, const std::string& section) {
  BasicAuth out;
  if (const Document* users = reader.find(section + ".authentication"); users && users->truthy()) {
    out.username = reader.text(section + ".authentication.username");
    out.password = Secret(reader.text(section + ".authentication.password"));
    return out;
  }
  const std::string pair = reader.text(section + ".auth");
  if (const auto colon = pair.find(':'); colon != std::string::npos) {
    out.username = pair.substr(0, colon);
    out.password = Secret(pair.substr(colon + 1));
  }
  return out;
}

TlsFiles tls_files(const Reader& reader, const std::string& section, std::string_view ca) {
  TlsFiles out;
  out.ca_file = reader.text(fmt::format("{}.{}", section, ca));
  out.cert_file = reader.text(section + ".certfile");
  out.key_file = reader.text(section + ".keyfile");
  out.key_password = Secret(reader.text(section + ".keyfile_password"));
  return out;
}

bool is_entry(const Document& item) {
  return item.is_string() && !trim(item.as_string()).empty();
}

std::optional<std::vector<std::string>> allowlist(const Document* value) {
  if (!value || (value->is_list() && value->size() == 0)) return std::nullopt;
  std::vector<std::string> out;
  if (value->is_list())
    for (const auto& item : value->as_list())
      if (is_entry(item)) out.emplace_back(trim(item.as_string()));
  return out;
}

/// A header that would end another one, or be none, breaks every answer.
bool is_header(const Document::Entry& entry) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const auto in_name = [&](unsigned char c) { return std::isalnum(c) || kMarks.find(c) != kMarks.npos; };
  const auto in_value = [](unsigned char c) { return (c >= 0x20 || c == '\t') && c != 0x7f; };
  if (entry.key.empty() || !entry.value.is_scalar() || entry.value.is_null()) return false;
  return std::ranges::all_of(entry.key, in_name) && std::ranges::all_of(entry.value.text(), in_value);
}

std::map<std::string, std::string> headers(const Document* value) {
  std::map<std::string, std::string> out;
  if (value && value->is_map())
    for (const auto& entry : value->entries())
      if (is_header(entry)) out[entry.key] = entry.value.text();
  return out;
}

RestApi::VerifyClient verify_client(std::string_view text) {
  const std::string word = lower(text);
  if (word == "required") return RestApi::VerifyClient::required;
  if (word == "optional") return RestApi::VerifyClient::optional;
  return RestApi::VerifyClient::none;
}

RestApi::ServerTokens server_tokens(std::string_view text) {
  const std::string word = lower(text);
  if (word == "minimal") return RestApi::ServerTokens::minimal;
  if (word == "productonly") return RestApi::ServerTokens::product_only;
  return RestApi::ServerTokens::original;
}

}  // namespace

RestApi build_restapi(const Reader& local) {
  RestApi out;
  out.listen = split_host_port(local.text("restapi.listen"), kDefaultPort).value_or(HostPort{});
  out.connect_address = out.listen;
  const std::string connect = local.text("restapi.connect_address");
  if (!connect.empty()) out.connect_address = split_host_port(connect, out.listen.port).value_or(out.listen);
  out.authentication = authentication(local, "restapi");
  out.tls = tls_files(local, "restapi", "cafile");
  out.ciphers = local.text("restapi.ciphers");
  out.verify_client = verify_client(local.text("restapi.verify_client"));
  out.allowlist = allowlist(local.find("restapi.allowlist"));
  out.allowlist_include_members = local.boolean("restapi.allowlist_include_members");
  out.http_extra_headers = headers(local.find("restapi.http_extra_headers"));
  out.https_extra_headers = headers(local.find("restapi.https_extra_headers"));
  out.request_queue_size = static_cast<int>(local.integer("restapi.request_queue_size"));
  out.server_tokens = server_tokens(local.text("restapi.server_tokens"));
  return out;
}

Ctl build_ctl(const Reader& local) {
  Ctl out;
  out.authentication = authentication(local, "ctl");
  if (out.authentication.username.empty()) out.authentication = authentication(local, "restapi");
  out.insecure = local.boolean("ctl.insecure");
  out.tls = tls_files(local, "ctl", "cacert");
  if (out.tls.ca_file.empty()) out.tls.ca_file = local.text("restapi.cafile");
  return out;
}

std::vector<std::string> allowlist_complaints(const Document& value) {
  if (value.is_null()) return {};
  if (!value.is_list())
    return {fmt::format("given {}, allowed: a list of addresses, networks and host names; nobody is let in",
                        describe(value))};
  std::vector<std::string> out;
  std::size_t usable = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (is_entry(value.as_list()[i])) {
      ++usable;
    } else {
      out.push_back(fmt::format("item {} is {}, allowed: an address, a network or a host name; skipped",
                                i + 1, describe(value.as_list()[i])));
    }
  }
  if (value.size() > 0 && usable == 0) out.emplace_back("no item can be used: nobody is let in");
  return out;
}

std::vector<std::string> header_complaints(const Document& value) {
  std::vector<std::string> out;
  if (value.is_map())
    for (const auto& entry : value.entries())
      if (!is_header(entry))
        // Its value is often a secret.
        out.push_back(
            fmt::format("{} has a value that makes no header; left out", describe(Document(entry.key))));
  return out;
}

}  // namespace tanist::config
