#include "net/http.h"

#include <gtest/gtest.h>

namespace tanist::net {
namespace {

TEST(Headers, names_compare_without_regard_to_case) {
  Headers headers;
  headers.add("Content-Type", "text/plain");
  headers.set("content-type", "application/json");
  ASSERT_EQ(headers.all().size(), 1u);
  EXPECT_EQ(*headers.find("CONTENT-TYPE"), "application/json");
  EXPECT_EQ(headers.find("Accept"), nullptr);
}

TEST(HttpRequest, splits_path_and_query) {
  HttpRequest request;
  request.target = "/replica?lag=1MB&tag_a=b";
  EXPECT_EQ(request.path(), "/replica");
  EXPECT_EQ(request.query(), "lag=1MB&tag_a=b");
  request.target = "/";
  EXPECT_EQ(request.path(), "/");
  EXPECT_EQ(request.query(), "");
}

TEST(Url, decodes_and_encodes) {
  EXPECT_EQ(url_decode("%2Fa%20b+c%zz%4"), "/a b+c%zz%4");
  EXPECT_EQ(url_decode("a+b", true), "a b");
  EXPECT_EQ(url_encode("a b/ü"), "a%20b%2F%C3%BC");
  const auto query = parse_query("a=1&b=&c&&d=x%26y");
  ASSERT_EQ(query.size(), 4u);
  EXPECT_EQ(query[0], (std::pair<std::string, std::string>("a", "1")));
  EXPECT_EQ(query[2], (std::pair<std::string, std::string>("c", "")));
  EXPECT_EQ(query[3].second, "x&y");
}

TEST(Url, is_read_with_all_its_parts) {
  const auto url = parse_url("https://me:p%40ss@[::1]:2379/v3?x=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->endpoint, (Endpoint{"::1", 2379, true}));
  EXPECT_EQ(url->user, "me");
  EXPECT_EQ(url->password.reveal(), "p@ss");
  EXPECT_EQ(url->target, "/v3?x=1");
  EXPECT_EQ(to_string(url->endpoint), "https://[::1]:2379");
  EXPECT_EQ(parse_url("http://host", 8008)->endpoint, (Endpoint{"host", 8008, false}));
  EXPECT_EQ(parse_url("http://host")->target, "/");
  EXPECT_FALSE(parse_url("ftp://host"));
  EXPECT_FALSE(parse_url("host:80"));
  EXPECT_FALSE(parse_url("http://:80"));
}

TEST(Base64, round_trips_every_length_and_refuses_what_it_is_not) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    bytes += static_cast<char>(i);
  }
  EXPECT_EQ(base64_encode("ab"), "YWI=");
  EXPECT_FALSE(base64_decode("YWI"));
  EXPECT_FALSE(base64_decode("Y=I="));
  EXPECT_FALSE(base64_decode("YW!="));
}

TEST(EqualInConstantTime, is_equality) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  for (const auto& [a, b] :
       {std::pair("abc", "abd"), std::pair("abc", "ab"), std::pair("ab", "abc"), std::pair("", "a")})
    EXPECT_FALSE(equal_in_constant_time(a, b)) << a << " " << b;
}

}  // namespace
}  // namespace tanist::net
