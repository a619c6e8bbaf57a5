#include "postgres/client/conninfo.h"

#include <gtest/gtest.h>

namespace tanist::postgres {
namespace {

TEST(Conninfo, values_are_escaped_ordered_and_read_back) {
  const ConnectionParameters parameters{
      {"host", "a"}, {"user", "o'b c\\"}, {"dbname", "d"}, {"sslnegotiation", "postgres"}};
  const std::string text = render_conninfo(parameters, 150000);
  EXPECT_EQ(text, "dbname=d user=o\\'b\\ c\\\\ host=a");
  EXPECT_EQ(parse_conninfo(text).at("user"), "o'b c\\");
  EXPECT_EQ(parse_conninfo("host = 'a b'  port=1").at("host"), "a b");
  EXPECT_EQ(parse_conninfo("host = 'a b'  port=1").at("port"), "1");
}

TEST(Pgpass, a_line_for_each_host_with_escapes) {
  EXPECT_EQ(pgpass_content({{"host", "a,/run/pg"}, {"port", "1,2"}, {"user", "u:x"}, {"password", "p\\:"}}),
            "a:1:*:u\\:x:p\\\\\\:\n/run/pg:2:*:u\\:x:p\\\\\\:\nlocalhost:2:*:u\\:x:p\\\\\\:\n");
  EXPECT_EQ(pgpass_content({{"password", "p"}}), "*:*:*:*:p\n");
  EXPECT_EQ(pgpass_content({{"host", "a"}}), "");
}

TEST(Conninfo, secrets_go_into_files_and_the_connection_string_names_them) {
  ConnectionParameters parameters{
      {"host", "a"}, {"user", "u"}, {"password", "p"}, {"sslkey", "/k"}, {"sslpassword", "of the key"}};
  const auto secrets = take_secrets(parameters, 150000);
  EXPECT_EQ(secrets.pgpass, "a:*:*:u:p\n");
  EXPECT_EQ(secrets.service, "[tanist]\nsslpassword=of the key\n");
  EXPECT_EQ(render_conninfo(parameters, 150000), "service=tanist user=u host=a sslkey=/k");
  // An older one does not know it, and one without such a password needs no service.
  parameters = {{"host", "a"}, {"sslpassword", "x"}};
  EXPECT_EQ(take_secrets(parameters, 120000).service, "");
  EXPECT_EQ(render_conninfo(parameters, 120000), "host=a");
  parameters = {{"host", "a"}};
  const auto none = take_secrets(parameters, 150000);
  EXPECT_EQ(none.pgpass + none.service, "");
  EXPECT_EQ(render_conninfo(parameters, 150000), "host=a");
}

TEST(Conninfo, an_older_libpq_is_not_given_what_it_does_not_know) {
  EXPECT_FALSE(is_conninfo_keyword("sslnegotiation", 150000));
  EXPECT_TRUE(is_conninfo_keyword("sslnegotiation", 170000));
  EXPECT_TRUE(is_conninfo_keyword("host", 90300));
  EXPECT_TRUE(is_conninfo_keyword("options", 150000));
}

}  // namespace
}  // namespace tanist::postgres
