#include "config/yaml/secrets_in_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SecretsInText, are_replaced_wherever_they_stand) {
  for (const char* text : {"http://root:hush@h:2379",
                           "http://a:hush@h:1,http://b:hush@h:2",
                           "http://h:1,http://b:hush@h:2",
                           "http://root:hu/hush@h:2379",
                           "http://root:hu?hush#hush@h",
                           "http://root:a@hush@h",
                           "curl 'http://u:hush@h/x' \"http://u:hush@h\"",
                           "http://u:it's-hush@h",
                           "root:hush@h:2379",
                           "a:hush@h:1,b:hush@h:2",
                           "host=h password = hush user=u",
                           "host=h password  =  'hu hush' user=u",
                           "password='it\\'s hush'",
                           "password='it''s hush'",
                           "password=a\\ hush",
                           "password=a&hush",
                           "postgres://h/d?user=u&password=hush&x=1",
                           "PGPASSWORD=hush psql",
                           "sslpassword=hush",
                           "PASSWD=\"hush hush\"",
                           "radiussecrets=\"hush\"",
                           "client_secret = hush",
                           "--token=hush",
                           "curl -H 'Authorization: Bearer hush' http://h",
                           "Authorization: Basic hush=="})
    EXPECT_THAT(without_passwords(text), Not(HasSubstr("hush"))) << text;
}

TEST(SecretsInText, the_rest_stays) {
  EXPECT_EQ(without_passwords("http://a:x@h:1,http://b:y@h:2"),
            "http://a:********@h:1,http://b:********@h:2");
  EXPECT_EQ(without_passwords("host=h password = x user=u"), "host=h password = ******** user=u");
  EXPECT_EQ(without_passwords("postgres://h/d?password=x&y=1"), "postgres://h/d?password=********&y=1");
  EXPECT_EQ(without_passwords("curl -H 'Authorization: Bearer x' http://h"),
            "curl -H 'Authorization: ********' http://h");
  for (const char* text : {"", "a", "10.0.0.1:2379", "[::1]:2379", "http://h:2379/x", "https://", "user@h:1",
                           "password_encryption = md5", "rsync %p backup@h:/wal/%f", "password",
                           "password=", "://", "@:", "%(asctime)s %(levelname)s: %(message)s"})
    EXPECT_EQ(without_passwords(text), text == std::string("password=") ? "password=********" : text);
}

}  // namespace
}  // namespace tanist::config
