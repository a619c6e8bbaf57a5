#include "api/access.h"

#include <gtest/gtest.h>

namespace tanist::api {
namespace {

bool contains(const std::string& network, const std::string& address) {
  const auto parsed = Network::parse(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && parsed->contains(boost::asio::ip::make_address(address));
}

TEST(Network, an_address_is_a_network_of_one) {
  EXPECT_TRUE(contains("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(contains("10.1.2.3", "10.1.2.4"));
  EXPECT_TRUE(contains("fd00::1", "fd00:0::1"));
  EXPECT_FALSE(contains("fd00::1", "fd00::2"));
}

TEST(Network, bits_below_its_length_do_not_count) {
  EXPECT_TRUE(contains("10.1.2.3/16", "10.1.200.200"));
  EXPECT_FALSE(contains("10.1.2.3/16", "10.2.2.3"));
  EXPECT_TRUE(contains("10.1.2.128/25", "10.1.2.200"));
  EXPECT_FALSE(contains("10.1.2.128/25", "10.1.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.9"));
  EXPECT_TRUE(contains("fd00:1::/33", "fd00:1:7fff::9"));
  EXPECT_FALSE(contains("fd00:1::/33", "fd00:1:8000::9"));
}

TEST(Network, families_do_not_mix) {
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_FALSE(contains("::/0", "127.0.0.1"));
}

/// However it is written, and whatever socket the client came through.
TEST(Network, an_ipv4_network_in_the_form_of_ipv6_is_one_of_ipv4) {
  EXPECT_TRUE(contains("::ffff:10.1.0.0/112", "10.1.200.200"));
  EXPECT_FALSE(contains("::ffff:10.1.0.0/112", "10.2.0.1"));
  EXPECT_TRUE(contains("::ffff:10.1.2.3", "10.1.2.3"));
  EXPECT_TRUE(contains("::ffff:0:0/96", "192.0.2.1"));
  EXPECT_FALSE(contains("::/0", "192.0.2.1")) << "all of IPv6 is not all";
}

TEST(Network, what_is_none_is_refused) {
  for (const char* text : {"", "10.1.2", "10.1.2.3/", "10.1.2.3/33", "10.1.2.3/-1", "10.1.2.3/x",
                           "fd00::/129", "db1", "10.1.2.3/8/8", "10.1.2.3/ 8"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

TEST(Allowlist, entries_are_networks_names_or_problems) {
  const auto list = read_allowlist({"10.1.0.0/16", "db1.example.net", "10.1.0.0/99", "", "::1"});
  EXPECT_EQ(list.networks.size(), 2u);
  EXPECT_EQ(list.names, (std::vector<std::string>{"db1.example.net"}));
  ASSERT_EQ(list.problems.size(), 2u);
  EXPECT_TRUE(list.problems[0].starts_with("Invalid value \"10.1.0.0/99\" in the allowlist: "))
      << list.problems[0];
}

class Refusal : public ::testing::Test {
 protected:
  void check(const char* expected, int status) {
    const auto refusal = refusal_of(rest, request, allowed);
    if (status == 200) {
      EXPECT_FALSE(refusal);
      return;
    }
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->body, expected);
    EXPECT_EQ(refusal->status, status);
    const auto* challenge = refusal->headers.find("WWW-Authenticate");
    EXPECT_EQ(challenge != nullptr, status == 401);
    if (challenge != nullptr) {
      EXPECT_EQ(*challenge, "Basic realm=\"Patroni\"");
    }
  }
  void authorize(const std::string& value) { request.headers.set("Authorization", value); }

  config::RestApi rest;
  net::HttpRequest request;
  bool allowed = true;
};

TEST_F(Refusal, nothing_configured_lets_everybody_in) {
  check("", 200);
}

TEST_F(Refusal, address_then_certificate_then_password) {
  rest.tls.cert_file = "/cert";
  rest.verify_client = config::RestApi::VerifyClient::optional;
  rest.authentication = {"admin", Secret("s:1")};
  allowed = false;
  check("Access is denied", 403);
  allowed = true;
  check("client certificate required", 403);
  request.client_certificate = true;
  check("no auth header received", 401);
  authorize("Basic " + net::base64_encode("admin:s:2"));
  check("not authenticated", 401);
  authorize("Basic " + net::base64_encode("admin:s:1"));
  check("", 200);
}

TEST_F(Refusal, only_the_exact_credentials_pass) {
  rest.authentication = {"admin", Secret("secret")};
  for (const std::string& value :
       {std::string("Basic "), std::string("Basic"), std::string(""),
        "Bearer " + net::base64_encode("admin:secret"), net::base64_encode("admin:secret"),
        "Basic " + net::base64_encode("admin:secretx"), "Basic " + net::base64_encode("admin:secre"),
        "Basic " + net::base64_encode("admin:secret") + " "}) {
    authorize(value);
    check("not authenticated", 401);
  }
  authorize("basic " + net::base64_encode("admin:secret"));
  check("", 200);
}

TEST_F(Refusal, without_tls_no_certificate_can_be_asked_for) {
  rest.verify_client = config::RestApi::VerifyClient::required;
  check("", 200);
}

TEST(FirstSegment, is_the_same_for_admission_and_routes) {
  EXPECT_EQ(first_segment("/failsafe?a=/config"), "failsafe");
  EXPECT_EQ(first_segment("//failsafe/x"), "failsafe");
  EXPECT_EQ(first_segment("?failsafe"), "");
  EXPECT_EQ(first_segment(""), "");
}

}  // namespace
}  // namespace tanist::api
