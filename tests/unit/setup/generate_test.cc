#include "setup/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "config/yaml/yaml.h"
#include "core/format.h"
#include "setup/template.h"
#include "setup/validate_config.h"
#include "unit/setup/fake_world.h"

namespace tanist::setup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kQuoted = fmt::format("'{}'", kFixMe);

class Generate : public ::testing::Test {
 protected:
  Generate() { world_.path = directory_.programs(); }

  std::string sample(const config::Environment& environment = {}) {
    std::ostringstream out, err;
    code_ = generate_sample_config({}, environment, world_, out, err);
    err_ = err.str();
    return out.str();
  }
  Document parsed(const std::string& text) {
    config::Problems problems;
    const auto document = config::parse_yaml(text, "sample", problems);
    EXPECT_TRUE(document) << text;
    EXPECT_TRUE(problems.empty()) << config::to_string(problems);
    return document ? *document : Document();
  }
  static std::string at(const Document& document, std::string_view path) {
    const Document* value = document.find_path(path);
    return value ? value->text() : "(absent)";
  }

  Directory directory_;
  FakeWorld world_;
  int code_ = 0;
  std::string err_;
};

TEST_F(Generate, a_sample_for_a_recent_postgresql) {
  const std::string text = sample();
  EXPECT_EQ(code_, 0) << err_;
  EXPECT_FALSE(text.ends_with('\n'));
  const Document s = parsed(text);
  EXPECT_EQ(at(s, "scope"), std::string(kFixMe));
  EXPECT_EQ(at(s, "name"), "db-a");
  EXPECT_EQ(at(s, "restapi.listen"), "10.20.0.11:8008");
  EXPECT_EQ(at(s, "restapi.connect_address"), "10.20.0.11:8008");
  EXPECT_EQ(at(s, "log"),
            "{'format': '%(asctime)s %(levelname)s: %(message)s', 'level': 'INFO', 'max_queue_size': 1000, "
            "'traceback_level': 'ERROR', 'type': 'plain'}");
  EXPECT_EQ(at(s, "postgresql.authentication.rewind"),
            fmt::format("{{'password': '{}', 'username': 'rewind_user'}}", kFixMe));
  EXPECT_EQ(at(s, "postgresql.parameters.password_encryption"), "scram-sha-256");
  EXPECT_EQ(at(s, "postgresql.pg_hba"),
            "['host all all all scram-sha-256', 'host replication replicator all scram-sha-256']");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.wal_keep_size"), "128MB");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.wal_level"), "replica");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.use_pg_rewind"), "True");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.max_connections"), "100");
  EXPECT_EQ(at(s, "tags.nosync"), "(absent)");
  EXPECT_EQ(at(s, "tags.sync_priority"), "1");
}

TEST_F(Generate, sections_come_in_the_customary_order) {
  const std::string text = sample({{"PATRONI_ETCD3_HOSTS", "a:1"}, {"PATRONI_NAMESPACE", "/x/"}});
  std::vector<std::string> order;
  for (const char* key : {"scope:", "namespace:", "name:", "log:", "restapi:", "etcd3:", "bootstrap:",
                          "postgresql:", "tags:"}) {
    const auto position = text.find("\n" + std::string(key));
    order.push_back(position == std::string::npos ? "0" : std::to_string(100000 + position));
  }
  EXPECT_TRUE(std::ranges::is_sorted(order)) << text;
  EXPECT_THAT(text, HasSubstr("\n\nrestapi:\n"));
  EXPECT_THAT(text,
              HasSubstr("  dcs:\n    loop_wait: 10\n    retry_timeout: 10\n    ttl: 30\n    postgresql:\n"));
}

TEST_F(Generate, older_versions_get_what_they_know) {
  world_.version = "postgres (PostgreSQL) 9.5.25";
  const Document s = parsed(sample());
  EXPECT_EQ(at(s, "postgresql.parameters.password_encryption"), "md5");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.wal_keep_segments"), "8");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.wal_keep_size"), "(absent)");
  EXPECT_EQ(at(s, "bootstrap.dcs.postgresql.parameters.wal_level"), "hot_standby");
  EXPECT_EQ(at(s, "postgresql.authentication.rewind"), "(absent)");
}

TEST_F(Generate, the_environment_wins) {
  const Document s = parsed(sample({{"PATRONI_SCOPE", "shop"},
                                    {"PATRONI_REPLICATION_USERNAME", "standby"},
                                    {"PATRONI_ETCD3_HOSTS", "a:1,b:2"}}));
  EXPECT_EQ(at(s, "scope"), "shop");
  EXPECT_EQ(at(s, "etcd3.hosts"), "['a:1', 'b:2']");
  EXPECT_THAT(at(s, "postgresql.pg_hba"), HasSubstr("host replication standby all"));
  const Document whole = parsed(sample({{"PATRONI_CONFIGURATION", "scope: x\nname: y\netcd3: {host: h}\n"}}));
  EXPECT_EQ(at(whole, "name"), "y");
}

TEST_F(Generate, without_an_address_or_programs) {
  world_.address = std::nullopt;
  EXPECT_EQ(at(parsed(sample()), "restapi.listen"), std::string(kFixMe) + ":8008");
  world_.address = "fe80::1";
  EXPECT_EQ(at(parsed(sample()), "postgresql.listen"), "[fe80::1]:5432");
  world_.version = "";
  EXPECT_EQ(sample(), "");
  EXPECT_EQ(code_, 1);
  EXPECT_EQ(err_, "Failed to get postgres version: exit code 1\n");
  world_.path = "/nowhere";
  sample();
  EXPECT_EQ(err_, "Failed to get postgres version: there is no program 'postgres' in '$PATH'\n");
}

TEST_F(Generate, a_sample_passes_its_own_validation_once_it_is_filled_in) {
  std::string text = sample();
  const auto validate = [&](const std::string& config) {
    ValidateOptions options;
    options.path = directory_.write("sample.yml", config);
    options.offline = true;
    std::ostringstream out, err;
    validate_config(options, {}, world_, out, err);
    return err.str();
  };
  const std::string scope = "scope: " + kQuoted;
  ASSERT_TRUE(text.starts_with(scope)) << text;
  text.replace(0, scope.size(), "scope: orders");
  for (std::size_t at = 0; (at = text.find(kQuoted, at)) != std::string::npos;)
    text.replace(at, kQuoted.size(), directory_.path("pg"));
  EXPECT_EQ(validate(text), "");
}

TEST_F(Generate, a_file_is_written_with_its_directories) {
  std::ostringstream out, err;
  const GenerateOptions options{directory_.path("a/b/c.yml"), std::nullopt};
  EXPECT_EQ(generate_sample_config(options, {}, world_, out, err), 0) << err.str();
  EXPECT_EQ(out.str(), "");
  EXPECT_GT(std::filesystem::file_size(*options.output), 500u);
  EXPECT_EQ(std::filesystem::status(*options.output).permissions(),
            static_cast<std::filesystem::perms>(0600));
  directory_.write("file", "");
  EXPECT_EQ(generate_sample_config({directory_.path("file/x.yml"), std::nullopt}, {}, world_, out, err), 1);
  EXPECT_THAT(err.str(), HasSubstr("Unexpected exception: "));
}

TEST_F(Generate, a_connection_string_that_cannot_be_read_is_said) {
  std::ostringstream out, err;
  EXPECT_EQ(generate_config({std::nullopt, "host='x password=hush"}, {}, world_, out, err), 1);
  EXPECT_EQ(err.str(), "Failed to parse DSN string\n");
}

TEST_F(Generate, a_server_that_is_not_there_is_said) {
  std::ostringstream out, err;
  EXPECT_EQ(generate_config({std::nullopt, "host=/nowhere port=1 password=hush"}, {}, world_, out, err), 1);
  EXPECT_THAT(err.str(), ::testing::StartsWith("Failed to establish PostgreSQL connection: "));
  EXPECT_THAT(err.str(), Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace tanist::setup
