#include "unit/ha/operations/operation_fixture.h"

namespace tanist::ha::operation_test {
namespace {

/// An attempt that made the cluster `kMade` and is cancelled now.
class CancelledBootstrap : public RunningOperations {
 protected:
  static constexpr const char* kMade = "7000000000000000001";
  CancelledBootstrap() {
    server.state.system_identifier = kMade;
    server.on_rename = [this] { steps.push_back("rename"); };
    store.on_cancel = [this] {
      steps.push_back("cancel");
      return dcs::WriteResult{cancelled, {}, "refused"};
    };
  }
  void cancel() {
    begin(OperationKind::cancel_bootstrap, operations::cancel_bootstrap(runner));
    finish();
  }
  void stored(const std::string& system_id) {
    auto cluster = std::make_shared<dcs::Cluster>();
    cluster->initialize = {dcs::Version("3"), !system_id.empty(), system_id, true};
    store.loaded = cluster;
  }

  dcs::Outcome cancelled = dcs::Outcome::done;
  Texts steps;
};

TEST_F(CancelledBootstrap, is_taken_from_the_store_before_its_data_is_put_aside) {
  stored(kMade);  // as it was before
  cancel();
  EXPECT_EQ(steps, (Texts{"cancel", "rename"}));
  EXPECT_TRUE(result().ok());
}

TEST_F(CancelledBootstrap, keeps_data_whose_result_came_to_the_store_late) {
  cancelled = dcs::Outcome::refused;
  stored(kMade);
  cancel();
  EXPECT_EQ(steps, Texts{"cancel"});
  EXPECT_TRUE(result().ok());
  EXPECT_FALSE(server.facts().running());
}

TEST_F(CancelledBootstrap, puts_its_data_aside_where_the_cluster_is_of_another) {
  cancelled = dcs::Outcome::refused;
  for (const char* other : {"7000000000000000002", ""}) {
    steps.clear();
    stored(other);
    cancel();
    EXPECT_EQ(steps, (Texts{"cancel", "rename"})) << other;
  }
}

TEST_F(CancelledBootstrap, of_which_nothing_was_made_is_not_taken_for_a_result) {
  cancelled = dcs::Outcome::refused;
  server.state.system_identifier.clear();
  stored("");
  cancel();
  EXPECT_EQ(steps, (Texts{"cancel", "rename"}));
}

}  // namespace
}  // namespace tanist::ha::operation_test
