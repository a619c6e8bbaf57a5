#include <cstdlib>

#include "contract/etcd3_fixture.h"
#include "contract/store_contract.h"
#include "log/log.h"

namespace tanist::contract {

namespace {
/// Warnings about this etcd's version, once for each of many stores, would bury everything else.
class Quiet : public ::testing::Environment {
  void SetUp() override {
    if (std::getenv("TANIST_TEST_LOG") == nullptr) log::redirect([](log::Level, const std::string&) {});
  }
  void TearDown() override { log::redirect({}); }
};
[[maybe_unused]] const auto* const quiet = ::testing::AddGlobalTestEnvironment(new Quiet);
}  // namespace

INSTANTIATE_TEST_SUITE_P(Etcd3, StoreContract, ::testing::Values(MakeFixture(make_etcd3_fixture)));

}  // namespace tanist::contract
