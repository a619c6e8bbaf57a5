#include "config/stores/etcd3.h"

#include <optional>

#include "config/addresses.h"
#include "config/tls_options.h"
#include "config/validate.h"
#include "core/format.h"

namespace tanist::config {
namespace {

constexpr int kPort = 2379;

class Etcd3Builder {
 public:
  Etcd3Builder(const Document& section, std::string_view file, Problems& problems)
      : root_(Document::map({{"etcd3", section}})),
        reader_(root_, Scope::local),
        file_(file),
        problems_(problems) {}

  Etcd3 build() {
    out_.username = reader_.text("etcd3.username");
    out_.password = Secret(reader_.text("etcd3.password"));
    out_.https = lower(reader_.text("etcd3.protocol")) == "https";
    out_.tls.ca_file = reader_.text("etcd3.cacert");
    out_.tls.cert_file = reader_.text("etcd3.cert");
    out_.tls.key_file = reader_.text("etcd3.key");
    out_.tls.key_password = Secret(reader_.text("etcd3.key_password"));
    out_.use_proxies = reader_.boolean("etcd3.use_proxies");
    for (const char* name : {"etcd3.srv", "etcd3.discovery_srv", "etcd3.srv_domain"})
      if (out_.srv.empty()) out_.srv = reader_.text(name);
    out_.srv_suffix = reader_.text("etcd3.srv_suffix");
    if (url("etcd3.proxy") || url("etcd3.url")) {
      out_.srv.clear();
    } else if (!hosts() && !host() && out_.srv.empty()) {
      complain("etcd3", "none of hosts, host, url, proxy and srv is given", "set etcd3.hosts");
    }
    // Records of `srv` may name endpoints with TLS.
    for (const char* key : {"etcd3.cacert", "etcd3.cert"})
      if (!out_.https && out_.srv.empty() && !reader_.text(key).empty())
        warn(key, "has no effect: the protocol is http", "set etcd3.protocol: https");
    return std::move(out_);
  }

 private:
  void complain(std::string_view key, std::string text, std::string hint = {}) {
    const Document* value = root_.find_path(key);
    problems_.push_back(Problem{.severity = Severity::error,
                                .file = std::string(file_),
                                .line = value ? value->line : 0,
                                .key = std::string(key),
                                .text = std::move(text),
                                .hint = std::move(hint)});
  }

  void warn(std::string_view key, std::string text, std::string hint) {
    complain(key, std::move(text), std::move(hint));
    problems_.back().severity = Severity::warning;
  }

  bool url(std::string_view key) {
    const std::string text = reader_.text(key);
    if (text.empty()) return false;
    const auto parsed = parse_url(text, kPort);
    if (!parsed) {
      // The URL may hold a password and is not shown.
      complain(key, parsed.error(), "write scheme://host:port");
      return true;
    }
    out_.endpoints.push_back(parsed->address);
    out_.https = parsed->scheme == "https";
    out_.username = parsed->username;
    out_.password = parsed->password;
    if (key == "etcd3.proxy") out_.use_proxies = true;
    return true;
  }

  void endpoint(std::string_view key, std::string_view text, int default_port) {
    text = trim(text);
    if (text.empty()) return;
    // A password may be in what is not shown here.
    if (text.find("://") != std::string_view::npos)
      return complain(key, "given a URL, allowed: host or host:port",
                      "use etcd3.url for a URL, or etcd3.protocol: https");
    if (text.find('@') != std::string_view::npos)
      return complain(key, "given an endpoint with an @, allowed: host or host:port",
                      "name the user in etcd3.username and etcd3.password");
    auto parsed = split_host_port(text, default_port);
    if (!parsed) return complain(key, fmt::format("given {}: {}", describe(Document(text)), parsed.error()));
    out_.endpoints.push_back(*std::move(parsed));
  }

  bool hosts() {
    const Document* value = reader_.find("etcd3.hosts");
    if (!value || !value->truthy()) return false;
    const int port = static_cast<int>(reader_.integer("etcd3.port"));
    if (value->is_string()) {
      for (std::string_view rest = value->as_string(); !rest.empty();) {
        const auto comma = rest.find(',');
        endpoint("etcd3.hosts", rest.substr(0, comma), port);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
      }
    } else if (value->is_list()) {
      for (const auto& item : value->as_list()) {
        if (item.is_string()) {
          endpoint("etcd3.hosts", item.as_string(), port);
        } else {
          complain("etcd3.hosts", fmt::format("an item is {}, allowed: host or host:port", describe(item)),
                   "put host:port in quotes");
        }
      }
    } else {
      complain("etcd3.hosts",
               fmt::format("given {}, allowed: a list, or text with commas", describe(*value)));
    }
    return true;
  }

  bool host() {
    const std::string text = reader_.text("etcd3.host");
    if (text.empty()) return false;
    endpoint("etcd3.host", text, kPort);
    if (reader_.find("etcd3.port") && !out_.endpoints.empty())
      out_.endpoints.back().port = static_cast<int>(reader_.integer("etcd3.port"));
    return true;
  }

  Document root_;
  Reader reader_;
  std::string_view file_;
  Problems& problems_;
  Etcd3 out_;
};

}  // namespace

void read_section(const Document& section, std::string_view file, Problems& problems, Etcd3& out) {
  out = Etcd3Builder(section, file, problems).build();
}

net::TlsOptions tls_options(const Etcd3& options) {
  net::TlsOptions out = tls_options(options.tls);
  out.verify = !options.tls.ca_file.empty();
  return out;
}

}  // namespace tanist::config
