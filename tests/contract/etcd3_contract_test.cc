#include "contract/etcd3_fixture.h"
#include "contract/store_contract.h"

namespace tanist::contract {

INSTANTIATE_TEST_SUITE_P(Etcd3, StoreContract, ::testing::Values(MakeFixture(make_etcd3_fixture)));

}  // namespace tanist::contract
