#include "config/stores.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <variant>

#include "config/keys/keys.h"
#include "config/read/environment.h"
#include "config/stores/configured.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

/// A backend that somebody begins to write.
struct Dummy {
  static constexpr std::string_view kSection = "dummy";
};
using WithDummy = std::variant<std::monostate, Etcd3, Dummy>;

template <std::size_t... I>
constexpr std::array<KnownStore, sizeof...(I) + 1> with_row(KnownStore more, std::index_sequence<I...>) {
  return {kStores[I]..., more};
}
constexpr auto kWithDummy = with_row({.section = "dummy", .product = "Dummy", .keys = KnownStore::Keys::raft},
                                     std::make_index_sequence<kStores.size()>());

TEST(KnownStores, another_backend_needs_its_row_and_only_that) {
  static_assert(!detail::is_complete<WithDummy>(kStores), "a backend without a row does not compile");
  static_assert(detail::is_complete<WithDummy>(kWithDummy));
  static_assert(
      !detail::is_complete<StoreOptions>(with_row({.section = "raft", .keys = KnownStore::Keys::raft},
                                                  std::make_index_sequence<kStores.size()>())),
      "two rows of one section do not compile");
}

TEST(KnownStores, they_are_tried_in_the_order_of_the_alphabet) {
  EXPECT_TRUE(std::ranges::is_sorted(kStores, {}, &KnownStore::section));
  EXPECT_EQ(known_stores(), "consul, etcd, etcd3, exhibitor, kubernetes, raft, zookeeper");
}

TEST(KnownStores, each_has_a_section_among_the_keys) {
  for (const auto& store : kStores) {
    const Key* key = find_key(store.section, Scope::local);
    ASSERT_TRUE(key) << store.section;
    EXPECT_EQ(key->effect, is_available(store) ? Effect::full : Effect::none) << store.section;
    EXPECT_EQ(key->about.find("not in this version") == std::string_view::npos, is_available(store));
    EXPECT_FALSE(store.product.empty());
    EXPECT_EQ(store.port == 0, store.url == KnownStore::Url::none) << store.section;
  }
  ASSERT_TRUE(find_key(kSampleStoreKey, Scope::local));
  EXPECT_TRUE(is_available(*store_of_key(kSampleStoreKey)));
}

TEST(KnownStores, a_user_by_variables_is_known_of_etcd_only) {
  for (const auto& store : kStores) {
    std::string prefix = "PATRONI_";
    for (const char c : store.section) prefix += static_cast<char>(std::toupper(c));
    const auto read = read_environment({{prefix + "_HOST", "h"}, {prefix + "_USERNAME", "u"}});
    EXPECT_EQ(read.overlay.find_path(std::string(store.section) + ".username") != nullptr,
              store.user_variables)
        << store.section;
  }
}

TEST(KnownStores, the_first_that_this_build_speaks_to_and_that_says_something_is_chosen) {
  EXPECT_EQ(chosen_store(json(R"({"consul":{"host":"c"},"etcd3":{"host":"h"}})")), find_store("etcd3"));
  EXPECT_EQ(chosen_store(json(R"({"etcd3":{}})")), nullptr);
  EXPECT_EQ(chosen_store(json(R"({"consul":{"host":"c"}})")), nullptr);
  EXPECT_EQ(configured_in_vain(json(R"({"zookeeper":{},"consul":{}})")), find_store("consul"));
  EXPECT_EQ(configured_in_vain(json(R"({"consul":{},"etcd":{}})")), find_store("etcd"));
  EXPECT_EQ(configured_in_vain(json(R"({"etcd3":{}})")), nullptr);
}

TEST(KnownStores, a_url_names_a_store_by_its_scheme_or_by_its_port) {
  EXPECT_EQ(store_of_url("etcd3", 8500), find_store("etcd3"));
  EXPECT_EQ(store_of_url("", 2379), find_store("etcd"));
  EXPECT_EQ(store_of_url("", 0), find_store("etcd"));
  EXPECT_EQ(store_of_url("", 8181), find_store("exhibitor"));
  EXPECT_EQ(store_of_url("kubernetes", 0), nullptr);
  EXPECT_EQ(store_of_url("ftp", 0), nullptr);
}

TEST(KnownStores, its_server_is_checked_where_a_ca_is_configured) {
  EXPECT_FALSE(store_tls(StoreOptions()));
  Etcd3 etcd;
  EXPECT_FALSE(store_tls(etcd)->verify);
  etcd.tls.ca_file = "/ca";
  EXPECT_TRUE(store_tls(etcd)->verify);
  EXPECT_EQ(store_tls(etcd)->ca_file, "/ca");
  EXPECT_EQ(tls_files(etcd)->ca_file, "/ca");
}

}  // namespace
}  // namespace tanist::config
