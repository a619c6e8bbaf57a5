// A tool's access to etcd: what the daemon's store promises of views and single keys, without one.

#include "contract/etcd3_member.h"
#include "dcs/access.h"
#include "dcs/codec.h"
#include "json/parse.h"

namespace tanist::contract {
namespace {

/// Looks at the cluster of `world` past its proxies, or through one.
class Etcd3Access : public ::testing::Test {
 protected:
  std::unique_ptr<dcs::Access> access(std::optional<int> group = {}, bool through_proxy = false) {
    config::Etcd3 connection;
    const int port = through_proxy ? world.proxy("tool").port() : shared_etcd().port();
    connection.endpoints.push_back({"127.0.0.1", port});
    connection.use_proxies = true;
    return dcs::make_access(world.executor(), world.clock(), connection,
                            {"service", world.base_path().substr(std::string("/service/").size()), group});
  }

  dcs::ClusterPtr load(dcs::Access& from) {
    auto view = world.get(from.load(world.in(kBudget)));
    EXPECT_TRUE(view) << view.error().detail;
    return view ? *view : std::make_shared<const dcs::Cluster>();
  }
  dcs::WriteResult write(dcs::Access& to, const std::string& json, dcs::Condition condition) {
    return world.get(to.write(dcs::ConfigRecord{*parse_json(json)}, condition, world.in(kBudget)));
  }
  dcs::WriteResult erase(dcs::Access& from, std::string_view key, dcs::Condition condition) {
    return world.get(from.erase(std::string(key), condition, world.in(kBudget)));
  }

  Etcd3Fixture world;
};

TEST_F(Etcd3Access, reads_what_is_there_and_says_when) {
  const auto tool = access();
  EXPECT_TRUE(load(*tool)->empty());
  world.put_by_hand("config", R"({"ttl":20})");
  world.put_by_hand("leader", "a");
  const auto view = load(*tool);
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_EQ(to_json(view->config.data), R"({"ttl":20})");
  EXPECT_TRUE(view->linearizable);
}

TEST_F(Etcd3Access, writes_and_erases_on_a_condition) {
  const auto tool = access();
  EXPECT_EQ(write(*tool, "{}", dcs::IfAbsent{}).outcome, Outcome::done);
  EXPECT_EQ(write(*tool, "{}", dcs::IfAbsent{}).outcome, Outcome::refused);
  const auto seen = load(*tool)->config.version;
  const auto written = write(*tool, R"({"ttl":20})", dcs::IfVersion{seen});
  ASSERT_TRUE(written.done()) << written.detail;
  EXPECT_EQ(load(*tool)->config.version, written.version);
  const auto late = write(*tool, R"({"ttl":30})", dcs::IfVersion{seen});
  EXPECT_EQ(late.outcome, Outcome::refused);
  EXPECT_NE(late.detail.find("config is version"), std::string::npos) << late.detail;

  EXPECT_EQ(erase(*tool, dcs::key::kConfig, dcs::IfVersion{seen}).outcome, Outcome::refused);
  EXPECT_TRUE(erase(*tool, dcs::key::kConfig, dcs::IfVersion{written.version}).done());
  EXPECT_FALSE(world.value_by_hand("config"));
  EXPECT_TRUE(erase(*tool, dcs::key::kConfig, dcs::Always{}).done());
}

TEST_F(Etcd3Access, a_lost_reply_is_found_out_where_it_can_be) {
  const auto tool = access({}, true);
  load(*tool);
  world.lose("tool", Loss::after_effect, 1);
  const auto written = write(*tool, R"({"ttl":20})", dcs::IfAbsent{});
  EXPECT_TRUE(written.done()) << written.detail;
  EXPECT_EQ(world.value_by_hand("config"), R"({"ttl":20})");
  world.cut("tool");
  const auto cut = world.get(tool->write(dcs::ConfigRecord{}, dcs::Always{}, world.in(1s)));
  EXPECT_EQ(cut.outcome, Outcome::unknown);
  world.heal("tool");
}

TEST_F(Etcd3Access, sees_each_citus_group_and_all_of_them) {
  for (const char* key : {"0/leader", "7/leader", "01/leader", "x/leader", "leader"})
    world.put_by_hand(key, std::string("of ") + key);
  const auto worker = access(7);
  EXPECT_EQ(load(*worker)->leader_name(), "of 7/leader");
  const auto groups = world.get(worker->load_groups(world.in(kBudget)));
  ASSERT_TRUE(groups) << groups.error().detail;
  ASSERT_EQ(groups->size(), 2u);
  EXPECT_EQ(groups->at(0)->leader_name(), "of 0/leader");
  EXPECT_EQ(groups->at(7)->leader_name(), "of 7/leader");
}

TEST_F(Etcd3Access, removes_a_cluster_and_nothing_else) {
  Etcd3Fixture neighbour;
  neighbour.put_by_hand("leader", "n");
  // A name that begins like another is not below it.
  shared_etcd().put(world.base_path() + "-two/leader", "t");
  for (const char* key : {"0/leader", "7/leader", "7/members/a", "config"}) world.put_by_hand(key, "v");

  const auto worker = access(7);
  ASSERT_TRUE(world.get(worker->remove_cluster(world.in(kBudget))).done());
  EXPECT_FALSE(world.value_by_hand("7/leader"));
  EXPECT_FALSE(world.value_by_hand("7/members/a"));
  EXPECT_TRUE(world.value_by_hand("0/leader"));

  const auto all = access();
  ASSERT_TRUE(world.get(all->remove_cluster(world.in(kBudget))).done());
  EXPECT_TRUE(load(*all)->empty());
  EXPECT_FALSE(world.value_by_hand("0/leader"));
  EXPECT_TRUE(world.get(all->remove_cluster(world.in(kBudget))).done()) << "there is nothing any more";
  EXPECT_EQ(neighbour.value_by_hand("leader"), "n");
  bool there = false;
  (void)shared_etcd().get(world.base_path() + "-two/leader", &there);
  EXPECT_TRUE(there);
}

TEST_F(Etcd3Access, does_not_remove_every_cluster_for_want_of_a_name) {
  world.put_by_hand("leader", "a");
  config::Etcd3 connection;
  connection.endpoints.push_back({"127.0.0.1", shared_etcd().port()});
  for (const char* scope : {"", "/"}) {
    const auto tool =
        dcs::make_access(world.executor(), world.clock(), connection, dcs::Place{"service", scope});
    EXPECT_EQ(world.get(tool->remove_cluster(world.in(kBudget))).outcome, Outcome::refused);
  }
  EXPECT_EQ(world.value_by_hand("leader"), "a");
}

TEST_F(Etcd3Access, says_what_every_endpoint_answered_when_none_does) {
  config::Etcd3 connection;
  connection.endpoints.push_back({"127.0.0.1", free_port()});
  const auto tool = dcs::make_access(world.executor(), world.clock(), connection, dcs::Place{"service", "x"});
  const auto view = world.get(tool->load(world.in(1s)));
  ASSERT_FALSE(view);
  EXPECT_NE(view.error().detail.find("refused"), std::string::npos) << view.error().detail;
  EXPECT_EQ(world.get(tool->write(dcs::ConfigRecord{}, dcs::Always{}, world.in(1s))).outcome,
            Outcome::unavailable);
}

}  // namespace
}  // namespace tanist::contract
