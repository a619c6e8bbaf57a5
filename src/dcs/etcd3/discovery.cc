#include "async/wait.h"
#include "dcs/etcd3/client.h"
#include "json/parse.h"
#include "log/log.h"
#include "net/resolver.h"

TANIST_LOGGER("patroni.dcs.etcd3");

/// Nodes by DNS SRV records (dcs.md §4.1).
namespace tanist::dcs::etcd3 {

namespace {

struct Service {
  const char* name;
  bool https;
  /// The record names peers, not clients' ports.
  bool peers;
};
constexpr Service kServices[] = {{"_etcd-client-ssl", true, false}, {"_etcd-client", false, false},
                                 {"_etcd-ssl", true, false},        {"_etcd", false, false},
                                 {"_etcd-server-ssl", true, true},  {"_etcd-server", false, true}};

}  // namespace

Task<std::vector<net::Endpoint>> Client::ask_peer(net::Endpoint endpoint, Instant deadline) {
  // Peers answer without a client's certificate, and theirs is not for clients to judge.
  net::HttpClientOptions options;
  options.tls.verify = false;
  net::HttpClient http(co_await boost::asio::this_coro::executor, clock_, options);
  net::HttpRequest request;
  request.target = "/members";
  auto response = co_await http.request(endpoint, std::move(request), deadline);
  std::vector<net::Endpoint> out;
  if (!response || response->status != 200) co_return out;
  auto members = parse_json(response->body);
  if (!members) co_return out;
  Document list = Document::map();
  list.set("members", std::move(*members));
  for (const auto& url : read_client_urls(list)) {
    if (auto parsed = net::parse_url(url, 2379)) out.push_back(parsed->endpoint);
  }
  co_return out;
}

Task<void> Client::discover(Instant deadline) {
  if (options_.srv.empty()) co_return;
  net::Resolver resolver(co_await boost::asio::this_coro::executor);
  for (const auto& [service, https, peers] : kServices) {
    const std::string suffix = options_.srv_suffix.empty() ? std::string() : "-" + options_.srv_suffix;
    const std::string name = service + suffix + "._tcp." + options_.srv;
    auto targets = co_await with_deadline(clock_, resolver.services(name), deadline);
    if (!targets || !*targets) {
      log::warning("could not ask DNS for {}: {}", name, targets ? targets->error() : "no answer in time");
      co_return;
    }
    std::vector<net::Endpoint> found;
    for (const auto& target : **targets) {
      const net::Endpoint endpoint{target.host, target.port, https};
      if (!peers) {
        found.push_back(endpoint);
        continue;
      }
      found = co_await ask_peer(endpoint, deadline);
      if (!found.empty()) break;
    }
    if (found.empty()) continue;
    discovered_ = std::move(found);
    if (endpoints_.empty()) endpoints_ = discovered_;
    co_return;
  }
}

}  // namespace tanist::dcs::etcd3
