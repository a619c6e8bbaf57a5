#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/endpoint.h"

/// The choice of store: what is configured of the one that is used, and what is known of all seven. Whatever
/// names stores reads this table; which of them this build speaks to follows from StoreOptions.
namespace tanist::config {

/// etcd by its v3 API.
struct Etcd3 {
  static constexpr std::string_view kSection = "etcd3";
  /// Where topology discovery starts; at least one.
  std::vector<HostPort> endpoints;
  bool https = false;
  /// Treat `endpoints` as fixed, without topology discovery.
  bool use_proxies = false;
  /// DNS SRV domain and suffix; tried before `endpoints` when set.
  std::string srv;
  std::string srv_suffix;
  std::string username;
  Secret password;
  TlsFiles tls;
  bool operator==(const Etcd3&) const = default;
};

/// The configured store; monostate: none. An alternative for each store that this build speaks to.
using StoreOptions = std::variant<std::monostate, Etcd3>;

/// A store that a configuration may name (dcs.md §1.1).
struct KnownStore {
  /// What `tanistctl -d` writes into the section (ctl.md §1.2). No URL names Kubernetes and Raft, and their
  /// sections stay when one is given.
  enum class Url { none, host, hosts, hosts_and_port };
  /// `PATRONI_<SECTION>_<SUFFIX>` with the suffixes of config.md §3.3, or the names of §3.1. (Nothing keeps a
  /// suffix of §3.3 from a section with names of its own: Patroni takes both.)
  enum class Variables { generic, own };
  /// Whose keys the section has, as Patroni's validation knows them; `endpoints`: both interfaces of etcd.
  enum class Keys { consul, endpoints, exhibitor, kubernetes, raft, zookeeper };

  std::string_view section;
  /// As it is called in messages.
  std::string_view product;
  Keys keys;
  Url url = Url::none;
  /// Of endpoints that name none; 0: there is no such port.
  int port = 0;
  Variables variables = Variables::generic;
  /// User and password may come from variables (config.md §3.2).
  bool user_variables = false;
  /// The sentence of the reference page while this build does not speak to it.
  std::string_view absent = {};
  /// The next step for somebody who configured it while this build does not speak to it, in the daemon's file
  /// and in the tool's; empty: nothing but another store.
  std::string_view instead = {};
  std::string_view instead_for_tool = {};
};

/// In the order in which Patroni tries them: where several are configured, the first that is available
/// counts.
inline constexpr std::array<KnownStore, 7> kStores = {{
    {.section = "consul",
     .product = "Consul",
     .keys = KnownStore::Keys::consul,
     .url = KnownStore::Url::host,
     .port = 8500,
     .absent = "The store Consul; not in this version."},
    {.section = "etcd",
     .product = "etcd",
     .keys = KnownStore::Keys::endpoints,
     .url = KnownStore::Url::host,
     .port = 2379,
     .user_variables = true,
     .absent = "The store etcd by its v2 API; not in this version, use `etcd3`.",
     // Most of those who come from it need nothing else.
     .instead =
         "rename it to etcd3 (and variables PATRONI_ETCD_* to PATRONI_ETCD3_*), its keys stay as they are. "
         "etcd keeps what its two interfaces store apart: stop the daemons of all members that still use "
         "etcd first",
     .instead_for_tool =
         "rename the section to etcd3, its keys stay as they are, or give -d etcd3://HOST:PORT"},
    {.section = "etcd3",
     .product = "etcd",
     .keys = KnownStore::Keys::endpoints,
     .url = KnownStore::Url::host,
     .port = 2379,
     .user_variables = true},
    {.section = "exhibitor",
     .product = "ZooKeeper",
     .keys = KnownStore::Keys::exhibitor,
     .url = KnownStore::Url::hosts_and_port,
     .port = 8181,
     .absent = "The store ZooKeeper, found by Exhibitor; not in this version."},
    {.section = "kubernetes",
     .product = "Kubernetes",
     .keys = KnownStore::Keys::kubernetes,
     .absent = "Kubernetes objects as the store; not in this version."},
    {.section = "raft",
     .product = "Raft",
     .keys = KnownStore::Keys::raft,
     .variables = KnownStore::Variables::own,
     .absent = "The built-in store of Patroni; not in this version."},
    {.section = "zookeeper",
     .product = "ZooKeeper",
     .keys = KnownStore::Keys::zookeeper,
     .url = KnownStore::Url::hosts,
     .port = 2181,
     .absent = "The store ZooKeeper; not in this version."},
}};

/// What a sample configuration leaves to be filled in.
inline constexpr std::string_view kSampleStoreKey = "etcd3.hosts";

namespace detail {

template <class Options>
struct Spoken;
template <class... Stores>
struct Spoken<std::variant<std::monostate, Stores...>> {
  static constexpr std::array<std::string_view, sizeof...(Stores)> kSections = {Stores::kSection...};
};

/// Each store that is spoken to has one row in `table`, and no two rows have the same section.
template <class Options, std::size_t N>
consteval bool is_complete(const std::array<KnownStore, N>& table) {
  for (const auto section : Spoken<Options>::kSections)
    if (std::ranges::count(table, section, &KnownStore::section) != 1) return false;
  for (const auto& store : table)
    if (std::ranges::count(table, store.section, &KnownStore::section) != 1) return false;
  return true;
}
static_assert(is_complete<StoreOptions>(kStores));

}  // namespace detail

/// This build speaks to it.
constexpr bool is_available(const KnownStore& store) {
  constexpr auto& sections = detail::Spoken<StoreOptions>::kSections;
  return std::ranges::find(sections, store.section) != sections.end();
}

/// nullptr: no store has this section.
const KnownStore* find_store(std::string_view section);
/// The one in whose section a key stands; nullptr: it stands elsewhere.
const KnownStore* store_of_key(std::string_view path);
/// The one that a URL names. Without a scheme its port (0: none) tells, else it is etcd. nullptr: an unknown
/// scheme, or one of a store that no URL names.
const KnownStore* store_of_url(std::string_view scheme, int port);
/// nullptr: of none.
const KnownStore* store_of(const StoreOptions& options);
/// Certificates for the connections to it; nullptr: it has none.
const TlsFiles* tls_files(const StoreOptions& options);

/// Sections with commas, of all stores or of those that this build speaks to.
std::string known_stores();
std::string available_stores();
/// What Patroni says where no store is configured; `names` are those to choose from.
std::string no_store_text(std::string_view names);

}  // namespace tanist::config
