#include "stores/stores.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <string>
#include <variant>

#include "async/clock.h"
#include "config/stores/configured.h"
#include "unit/config/sample.h"

namespace tanist::stores {
namespace {

using config::KnownStore;

/// A configuration of a member with this store.
std::string with_store(const KnownStore& store) {
  std::string text = config::kMinimal;
  const auto line = text.find("etcd3:");
  return text.replace(line, text.find('\n', line) - line, std::string(store.section) + ": {host: h}");
}

TEST(Stores, each_known_store_opens_or_is_said_not_to_be_in_this_build) {
  boost::asio::io_context io;
  SystemClock clock;
  const dcs::Place place{"service", "orders"};
  for (const auto& store : config::kStores) {
    const auto loaded = config::load_text(with_store(store));
    if (!config::is_available(store)) {
      ASSERT_FALSE(loaded) << store.section;
      const std::string said = config::to_string(loaded.error());
      EXPECT_NE(said.find(config::no_store_text(config::available_stores())), std::string::npos) << said;
      EXPECT_NE(said.find("section " + std::string(store.section) + " is given, this version knows " +
                          config::available_stores() + " only"),
                std::string::npos)
          << said;
      continue;
    }
    ASSERT_TRUE(loaded) << config::to_string(loaded.error());
    config::Problems problems;
    const auto options = config::build_store(loaded->document, "f.yml", problems);
    ASSERT_EQ(config::store_of(options), &store);
    EXPECT_TRUE(open(io.get_executor(), clock, options, place, config::Timing{}));
    EXPECT_TRUE(access(io.get_executor(), clock, options, place));
  }
}

TEST(Stores, without_a_store_there_is_nothing_to_open) {
  boost::asio::io_context io;
  SystemClock clock;
  const dcs::Place place{"service", "orders"};
  EXPECT_THROW(open(io.get_executor(), clock, {}, place, config::Timing{}), dcs::FatalStoreError);
  EXPECT_THROW(access(io.get_executor(), clock, {}, place), dcs::FatalStoreError);
}

}  // namespace
}  // namespace tanist::stores
