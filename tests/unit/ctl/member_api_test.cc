#include "ctl/member_api.h"
#include "json/parse.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "unit/net/certificates.h"
#include "unit/net/serving.h"

namespace tanist::ctl {
namespace {

using net::test::Certificates;
using net::test::Serving;

Task<net::HttpResponse> tell(net::HttpRequest request) {
  net::HttpResponse out;
  out.status = 202;
  const std::string* user = request.headers.find("Authorization");
  out.body = request.method + " " + request.target + (request.body.empty() ? "" : " " + request.body) +
             (user != nullptr ? " " + *user : "") + (request.client_certificate ? " certificate" : "");
  co_return out;
}

Settings settings(const std::string& json, bool insecure = false) {
  Settings out;
  out.document = parse_json(json).value();
  out.insecure = insecure;
  return out;
}

/// The body of the answer, or why there is none.
std::string ask(const Settings& settings, const std::string& api_url) {
  const auto answer = open_member_api(settings)->ask(api_url, {.method = "POST", .endpoint = "reload"});
  return answer ? answer->body : "error: " + answer.error().why;
}

net::HttpServerOptions local() {
  net::HttpServerOptions out;
  out.host = "127.0.0.1";
  return out;
}

std::string url(const char* scheme, const char* host, int port) {
  return std::string(scheme) + "://" + host + ":" + std::to_string(port) + "/patroni";
}

TEST(MemberApi, the_path_of_the_url_gives_way_to_the_endpoint) {
  Serving serving(local(), tell);
  const std::string at = url("http", "127.0.0.1", serving.port());
  EXPECT_EQ(ask(settings("{}"), at), "POST /reload");
}

TEST(MemberApi, a_call_has_a_body_or_the_path_of_the_url) {
  Serving serving(local(), tell);
  const std::string at = url("http", "127.0.0.1", serving.port());
  const auto api = open_member_api(settings("{}"));
  const MemberCall patch{
      .method = "PATCH", .endpoint = "config", .body = Document::map({{"pause", Document()}})};
  EXPECT_EQ(api->ask(at, patch)->body, R"(PATCH /config {"pause":null})");
  EXPECT_EQ(api->ask(at, {})->body, "GET /patroni");
}

TEST(MemberApi, a_request_that_did_not_go_out_is_told_from_one_that_did) {
  const auto api = open_member_api(settings("{}"));
  const auto nobody = api->ask("http://127.0.0.1:1/patroni", {.method = "POST", .endpoint = "restart"});
  ASSERT_FALSE(nobody);
  EXPECT_FALSE(nobody.error().sent);
}

TEST(MemberApi, users_of_ctl_come_before_those_of_restapi) {
  Serving serving(local(), tell);
  const std::string at = url("http", "127.0.0.1", serving.port());
  const std::string both = R"({"ctl":{"authentication":{"username":"a","password":"b"}},)"
                           R"("restapi":{"authentication":{"username":"c","password":"d"}}})";
  EXPECT_EQ(ask(settings(both), at), "POST /reload Basic " + net::base64_encode("a:b"));
  const std::string one = R"({"restapi":{"authentication":{"username":"c","password":"d"}}})";
  EXPECT_EQ(ask(settings(one), at), "POST /reload Basic " + net::base64_encode("c:d"));
}

TEST(MemberApi, who_is_trusted) {
  Certificates files;
  auto options = local();
  net::TlsOptions tls;
  tls.ca_file = files.path("ca.crt");
  tls.cert_file = files.path("server.crt");
  tls.key_file = files.path("server.key");
  options.tls = net::load_server_tls(tls, net::ClientCertificates::requested).value();
  Serving serving(options, tell);
  // The certificate is made out to 127.0.0.1; 127.1 is the same host by another name.
  const std::string named = url("https", "127.0.0.1", serving.port());
  const std::string misnamed = url("https", "127.1", serving.port());
  const std::string ca = R"("cacert":")" + files.path("ca.crt") + "\"";
  const std::string client =
      R"("certfile":")" + files.path("client.crt") + R"(","keyfile":")" + files.path("client.key") + "\"";
  const auto ctl = [](const std::string& keys) { return R"({"ctl":{)" + keys + "}}"; };
  const auto refused = [](const std::string& told) { return told.starts_with("error: TLS handshake with "); };

  EXPECT_TRUE(refused(ask(settings("{}"), named))) << "nobody vouches for it";
  EXPECT_EQ(ask(settings("{}", true), named), "POST /reload");
  EXPECT_EQ(ask(settings(ctl(ca)), named), "POST /reload");
  EXPECT_EQ(ask(settings(R"({"restapi":{"cafile":")" + files.path("ca.crt") + "\"}}"), named),
            "POST /reload");
  EXPECT_TRUE(refused(ask(settings(ctl(ca)), misnamed)));
  EXPECT_EQ(ask(settings(ctl(ca + "," + client)), named), "POST /reload certificate");
  EXPECT_TRUE(refused(ask(settings(ctl(ca + "," + client)), misnamed)));
  // With a certificate to lose, insecure is about the name alone.
  EXPECT_EQ(ask(settings(ctl(ca + "," + client), true), misnamed), "POST /reload certificate");
  EXPECT_TRUE(refused(ask(settings(ctl(client), true), named)));
}

TEST(MemberApi, what_cannot_be_asked_is_told) {
  EXPECT_EQ(ask(settings("{}"), "nonsense"), "error: its api_url 'nonsense' is no URL");
  EXPECT_TRUE(ask(settings("{}"), "http://127.0.0.1:1/patroni")
                  .starts_with("error: connecting to http://127.0.0.1:1"));
  EXPECT_THROW(open_member_api(settings(R"({"ctl":{"certfile":"/nonexistent"}})")), Failure);
}

TEST(MemberApi, several_are_asked_at_a_time) {
  Serving serving(local(), tell);
  // Connections are taken by the system, and nobody answers.
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor silent(io, {boost::asio::ip::address_v4::loopback(), 0});
  const std::string well = url("http", "127.0.0.1", serving.port());
  const std::string ill = url("http", "127.0.0.1", silent.local_endpoint().port());
  const auto begun = SystemClock().now();
  const auto answers = open_member_api(settings("{}"))
                           ->ask_each({ill, well, ill, "nonsense", ill},
                                      {.endpoint = "x", .patience = std::chrono::milliseconds(400)});
  EXPECT_LT(SystemClock().now() - begun, std::chrono::milliseconds(1100));
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[1]->body, "GET /x");
  EXPECT_FALSE(answers[0] || answers[2] || answers[4]);
  EXPECT_EQ(answers[3].error().why, "its api_url 'nonsense' is no URL");
}

TEST(MemberApi, anybody_is_who_has_no_user) {
  Serving serving(local(), tell);
  const std::string at = url("http", "127.0.0.1", serving.port());
  const auto api = open_member_api(settings(R"({"ctl":{"authentication":{"username":"u","password":"p"}}})"));
  EXPECT_EQ(api->ask(at, {.endpoint = "x"})->body, "GET /x Basic dTpw");
  EXPECT_EQ(api->ask(at, {.endpoint = "x", .anonymous = true})->body, "GET /x");
}

}  // namespace
}  // namespace tanist::ctl
