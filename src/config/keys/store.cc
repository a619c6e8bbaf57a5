#include "config/keys/keys.h"

namespace tanist::config::detail {

void declare_store_keys(std::vector<Key>& out) {
  constexpr auto kRestart = Reload::restart_daemon;
  out.insert(
      out.end(),
      {
          {.path = "etcd3",
           .type = Type::section,
           .reload = kRestart,
           .about = "The store: etcd, by its v3 API."},
          {.path = "etcd3.host",
           .reload = kRestart,
           .environment = "ETCD3_HOST",
           .about = "One endpoint, `host` or `host:port`."},
          {.path = "etcd3.hosts",
           .type = Type::any,
           .reload = kRestart,
           .environment = "ETCD3_HOSTS",
           .about = "Endpoints: a list, or text with commas, of `host` or `host:port`."},
          {.path = "etcd3.port",
           .type = Type::integer,
           .fallback = "2379",
           .min = 1,
           .max = 65535,
           .reload = kRestart,
           .environment = "ETCD3_PORT",
           .about = "Port of endpoints that name none."},
          {.path = "etcd3.url",
           .reload = kRestart,
           .environment = "ETCD3_URL",
           .about = "One endpoint as `scheme://user:password@host:port`."},
          {.path = "etcd3.proxy",
           .reload = kRestart,
           .environment = "ETCD3_PROXY",
           .about = "Like `url`, and no other endpoint is looked for."},
          {.path = "etcd3.protocol",
           .type = Type::choice,
           .fallback = "http",
           .allowed = "http https",
           .reload = kRestart,
           .environment = "ETCD3_PROTOCOL",
           .about = "Protocol of the endpoints."},
          {.path = "etcd3.srv",
           .reload = kRestart,
           .environment = "ETCD3_SRV",
           .about = "Domain whose SRV records name the endpoints."},
          {.path = "etcd3.srv_suffix",
           .reload = kRestart,
           .environment = "ETCD3_SRV_SUFFIX",
           .about = "Suffix of the SRV service names."},
          {.path = "etcd3.discovery_srv", .reload = kRestart, .about = "Older name of `srv`."},
          {.path = "etcd3.srv_domain", .reload = kRestart, .about = "Older name of `srv`."},
          {.path = "etcd3.use_proxies",
           .type = Type::boolean,
           .fallback = "false",
           .reload = kRestart,
           .environment = "ETCD3_USE_PROXIES",
           .about = "The endpoints are proxies: no others are looked for."},
          {.path = "etcd3.username", .environment = "ETCD3_USERNAME", .about = "User of etcd."},
          {.path = "etcd3.password",
           .environment = "ETCD3_PASSWORD",
           .secret = true,
           .about = "Password of the user."},
          {.path = "etcd3.cacert",
           .type = Type::path,
           .reload = kRestart,
           .environment = "ETCD3_CACERT",
           .about =
               "Certificates that etcd is checked with; without them it is not. Counts with https only."},
          {.path = "etcd3.cert",
           .type = Type::path,
           .reload = kRestart,
           .environment = "ETCD3_CERT",
           .about = "Client certificate."},
          {.path = "etcd3.key",
           .type = Type::path,
           .reload = kRestart,
           .environment = "ETCD3_KEY",
           .about = "Key of the client certificate, if it is not in the same file."},
          {.path = "etcd3.key_password",
           .reload = kRestart,
           .environment = "ETCD3_KEY_PASSWORD",
           .secret = true,
           .about = "Password of the key."},
          {.path = "etcd3.namespace",
           .reload = kRestart,
           .environment = "ETCD3_NAMESPACE",
           .effect = Effect::none,
           .about = "The top-level `namespace` counts."},
      });
  const auto other = [&](const char* path, std::string_view about) {
    out.push_back(
        {.path = path, .type = Type::map, .reload = kRestart, .effect = Effect::none, .about = about});
  };
  other("consul", "The store Consul; not in this version.");
  other("etcd", "The store etcd by its v2 API; not in this version, use `etcd3`.");
  other("exhibitor", "The store ZooKeeper, found by Exhibitor; not in this version.");
  other("kubernetes", "Kubernetes objects as the store; not in this version.");
  other("raft", "The built-in store of Patroni; not in this version.");
  other("zookeeper", "The store ZooKeeper; not in this version.");
}

}  // namespace tanist::config::detail
