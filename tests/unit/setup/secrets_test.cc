#include "setup/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tanist::setup {
namespace {

TEST(Secrets, are_masked_wherever_they_stand) {
  const Document config = Document::map(
      {{"consul", Document::map({{"token", "hush"}, {"url", "http://u:hush@h:1"}})},
       {"etcd3", Document::map({{"url", "https://user:hush@h:2379/x"}, {"password", "hush"}})},
       {"zookeeper",
        Document::map({{"auth_data", Document::map({{"digest", "u:hush"}})}, {"key_password", "hush"}})},
       {"restapi", Document::map({{"auth", "u:hush"},
                                  {"keyfile_password", "hush"},
                                  {"http_extra_headers", Document::map({{"Authorization", "Bearer hush"},
                                                                        {"Set-Cookie", "id=hush"},
                                                                        {"X-Api-Key", "hush"}})}})},
       {"postgresql", Document::map({{"recovery_conf",
                                      Document::map({{"primary_conninfo", "host=h password=hush user=u"}})},
                                     {"parameters", Document::map({{"password_encryption", "md5"}})},
                                     {"superuser", Document::map({{"password", "hush"}})}})}});
  for (const char* text :
       {"PGPASSWORD=hush psql", "x --password='hush hush' y", "host all all all ldap ldapbindpasswd=hush",
        "host a a a radius radiussecrets=\"hush\"", "Password=hush", "password=hush",
        "host=h password = hush", "http://a:x@h,http://b:hush@h", "http://u:pa/hush@h"})
    EXPECT_EQ(masked(Document(text), "postgresql.parameters.archive_command").text().find("hush"),
              std::string::npos)
        << text;
  EXPECT_EQ(masked(Document("password=a user=b password=c"), "x").text(),
            "password=******** user=b password=********");
  const std::string shown = to_json(masked(config, ""));
  EXPECT_EQ(shown.find("hush"), std::string::npos) << shown;
  EXPECT_NE(shown.find("https://user:********@h:2379/x"), std::string::npos) << shown;
  EXPECT_NE(shown.find("host=h password=******** user=u"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\"password_encryption\":\"md5\""), std::string::npos) << shown;
}

}  // namespace
}  // namespace tanist::setup
