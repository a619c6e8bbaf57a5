#include "config/addresses.h"

#include <gtest/gtest.h>

namespace tanist::config {
namespace {

TEST(Addresses, host_and_port_are_split_at_the_last_colon) {
  EXPECT_EQ(split_host_port("a:1", 5), (HostPort{"a", 1}));
  EXPECT_EQ(split_host_port("a", 5), (HostPort{"a", 5}));
  EXPECT_EQ(split_host_port("a,b:1", 5), (HostPort{"a,b", 1}));
  EXPECT_EQ(split_host_port(":8008", {}), (HostPort{"", 8008}));
  EXPECT_EQ(split_host_port("*:8008", {}), (HostPort{"*", 8008}));
  EXPECT_EQ(split_host_port("[::1]:8008", {}), (HostPort{"::1", 8008}));
  EXPECT_EQ(split_host_port("[::1], [fe80::2]:5432", 1), (HostPort{"::1,fe80::2", 5432}));
  EXPECT_EQ(split_host_port("[::1]", 7), (HostPort{"::1", 7}));
  EXPECT_EQ(split_host_port("::1:5432", 7), (HostPort{"::1", 5432}));
}

TEST(Addresses, bad_ports_are_refused) {
  for (const char* text : {"a:", "a:x", "a:0", "a:65536", "a:-1", "a:1x", "a:99999999999"})
    EXPECT_FALSE(split_host_port(text, 5)) << text;
  EXPECT_EQ(split_host_port("a", {}).error(), "\"a\" has no port");
  EXPECT_EQ(split_host_port("a:b", 1).error(), "\"b\" is no port from 1 to 65535");
}

TEST(Addresses, ipv6_gets_its_brackets_back) {
  EXPECT_EQ(to_string(HostPort{"::1", 5432}), "[::1]:5432");
  EXPECT_EQ(to_string(HostPort{"db", 5432}), "db:5432");
}

TEST(Addresses, urls) {
  const auto url = parse_url("https://u%40x:p%3Aw@[::1]:99/path?q", 1);
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->address, (HostPort{"::1", 99}));
  EXPECT_EQ(url->username, "u@x");
  EXPECT_EQ(url->password.reveal(), "p:w");
  EXPECT_EQ(parse_url("http://h", 2379)->address, (HostPort{"h", 2379}));
  for (const char* text : {"h:1", "ftp://h", "http://", "http://:5", "http://h:x", "http://u@"})
    EXPECT_FALSE(parse_url(text, 1)) << text;
}

TEST(Addresses, home_is_expanded) {
  EXPECT_EQ(expand_home("~/pgpass", "/home/pg"), "/home/pg/pgpass");
  EXPECT_EQ(expand_home("~", "/home/pg"), "/home/pg");
  EXPECT_EQ(expand_home("~x/y", "/home/pg"), "~x/y");
  EXPECT_EQ(expand_home("/a~", "/home/pg"), "/a~");
  EXPECT_FALSE(expand_home("~/pgpass", std::nullopt).starts_with("~"));
}

}  // namespace
}  // namespace tanist::config
