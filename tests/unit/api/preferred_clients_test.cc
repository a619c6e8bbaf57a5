#include "api/preferred_clients.h"

#include <gtest/gtest.h>

namespace tanist::api {
namespace {

TEST(PreferredClients, are_this_host_and_the_members_at_the_addresses_they_publish) {
  ha::SnapshotBoard board;
  PreferredClients preferred(board);
  EXPECT_TRUE(preferred("127.0.0.1"));
  EXPECT_TRUE(preferred("127.8.9.1"));
  EXPECT_TRUE(preferred("::1"));
  EXPECT_FALSE(preferred("10.1.0.11")) << "nothing is known yet";
  EXPECT_FALSE(preferred("")) << "no address";

  const auto publish = [&](const std::string& url) {
    auto cluster = std::make_shared<dcs::Cluster>();
    cluster->members["pga"].api_url = url;
    cluster->members["pgb"].api_url = "https://[FD00::1]:8008/patroni";
    cluster->members["pgc"].api_url = "http://pgc.example:8008/patroni";
    cluster->members["pgd"].api_url = "nonsense";
    auto snapshot = std::make_shared<ha::Snapshot>();
    snapshot->cluster = cluster;
    board.publish(snapshot);
  };
  publish("http://10.1.0.11:8008/patroni");
  EXPECT_TRUE(preferred("10.1.0.11"));
  EXPECT_TRUE(preferred("fd00::1"));
  EXPECT_FALSE(preferred("10.1.0.12"));
  publish("http://10.1.0.12:8008/patroni");
  EXPECT_FALSE(preferred("10.1.0.11"));
  EXPECT_TRUE(preferred("10.1.0.12"));

  board.publish(std::make_shared<ha::Snapshot>());
  EXPECT_TRUE(preferred("10.1.0.12")) << "while the store is away they race by what was known";
}

}  // namespace
}  // namespace tanist::api
