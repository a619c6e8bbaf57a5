#include "setup/validate_config.h"
#include "json/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <sstream>

#include "core/document.h"
#include "unit/setup/fake_world.h"

namespace tanist::setup {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ValidateConfig : public ::testing::Test {
 protected:
  ValidateConfig() {
    world_.path = directory_.programs();
    world_.open = {"10.20.0.1:2379"};
  }

  std::string minimal() const {
    return "scope: orders\nname: db-a\nrestapi: {listen: '0.0.0.0:8008', connect_address: "
           "'10.20.0.11:8008'}\n"
           "etcd3: {hosts: ['10.20.0.1:2379']}\npostgresql:\n  listen: '0.0.0.0:5432'\n"
           "  connect_address: '10.20.0.11:5432'\n  data_dir: " +
           directory_.path("pg") + "\n  pgpass: " + directory_.path("pgpass") +
           "\n  authentication:\n    superuser: {username: postgres, password: s1}\n"
           "    replication: {username: repl, password: s2}\n";
  }

  int run(const std::string& text, const config::Environment& environment = {}) {
    options_.path = directory_.write("c.yml", text);
    std::ostringstream out, err;
    const int code = validate_config(options_, environment, world_, out, err);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  Directory directory_;
  FakeWorld world_;
  ValidateOptions options_;
  std::string out_;
  std::string err_;
};

TEST_F(ValidateConfig, a_good_configuration_prints_nothing) {
  EXPECT_EQ(run(minimal()), 0) << err_;
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "");
}

TEST_F(ValidateConfig, a_line_begins_as_scripts_expect_and_goes_on_with_the_place) {
  EXPECT_EQ(run(minimal() + "bootstrap:\n  dcs:\n    ttl: 5\n"), 1);
  EXPECT_EQ(err_, "bootstrap.dcs.ttl 5 didn't pass validation: Wrong value (" + options_.path.value() +
                      " line 15; allowed: an integer of at least 20)\n");
  EXPECT_EQ(run(minimal() + "log: {level: debug}\n"), 1);
  EXPECT_EQ(err_,
            "log.level debug didn't pass validation: Wrong value (" + options_.path.value() +
                " line 13; allowed: one of DEBUG, INFO, WARN, WARNING, ERROR, FATAL, CRITICAL; did you mean "
                "DEBUG?)\n");
  EXPECT_EQ(run(minimal(), {{"PATRONI_LOG_LEVEL", "debug"}}), 1);
  EXPECT_THAT(err_, HasSubstr("Wrong value (PATRONI_LOG_LEVEL; allowed: "));
}

TEST_F(ValidateConfig, unknown_keys_are_warnings_with_the_nearest_known_one) {
  EXPECT_EQ(run(minimal() + "tag: {}\n"), 0);
  EXPECT_EQ(err_, "WARNING: " + options_.path.value() +
                      ":13: tag: unknown key, ignored\nHINT: did you mean tags?\n");
}

TEST_F(ValidateConfig, broken_yaml_names_line_and_column) {
  EXPECT_EQ(run("scope: [a\nname: b\n"), 1);
  EXPECT_THAT(err_, StartsWith(options_.path.value() + ":2:"));
  EXPECT_EQ(run(""), 1);
  EXPECT_THAT(err_,
              HasSubstr("does not contain a dict\ninvalid config file " + options_.path.value() + "\n"));
}

TEST_F(ValidateConfig, what_only_the_daemon_refuses_is_an_error_too) {
  EXPECT_EQ(run(minimal() + "watchdog: {driver: pipe}\n"), 1);
  EXPECT_THAT(err_, HasSubstr("watchdog.driver: given \"pipe\""));
  std::string consul = minimal();
  consul.replace(consul.find("etcd3: {hosts: ['10.20.0.1:2379']}"), 34, "consul: {url: 'http://h:1'}");
  EXPECT_EQ(run(consul), 1);
  EXPECT_THAT(err_, HasSubstr("Can not find suitable configuration of distributed configuration store"));
}

TEST_F(ValidateConfig, nothing_is_said_twice) {
  EXPECT_EQ(run("scope: a\n"), 1);
  EXPECT_THAT(err_, Not(HasSubstr("Can not find")));
  EXPECT_THAT(err_,
              HasSubstr("name  is not defined. (" + options_.path.value() + "; or set PATRONI_NAME)\n"));
}

TEST_F(ValidateConfig, the_configuration_is_printed_with_the_environment_and_without_secrets) {
  options_.print = true;
  EXPECT_EQ(run(minimal() + "restapi_x: 1\n",
                {{"PATRONI_REPLICATION_PASSWORD", "hush"}, {"PATRONI_SCOPE", "other"}}),
            0);
  EXPECT_THAT(out_, AllOf(StartsWith("etcd3:\n  hosts:\n  - 10.20.0.1:2379\nname: db-a\npostgresql:\n"),
                          HasSubstr("scope: other\n"), HasSubstr("  bin_dir: ''\n"),
                          HasSubstr("password: '********'"), Not(HasSubstr("hush")), Not(HasSubstr("s1"))));
  options_.print_secrets = true;
  EXPECT_EQ(run(minimal(), {{"PATRONI_REPLICATION_PASSWORD", "hush"}}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("password: hush\n"), HasSubstr("password: s1\n")));
  EXPECT_EQ(run(minimal() + "log: 5\n"), 1);
  EXPECT_EQ(out_, "");
}

TEST_F(ValidateConfig, as_json) {
  options_.json = true;
  options_.print = true;
  EXPECT_EQ(run(minimal() + "tag: {}\n"), 0);
  auto answer = parse_json(out_).value();
  EXPECT_TRUE(answer.find("valid")->as_bool());
  EXPECT_EQ(answer.find("warnings")->as_list().at(0).find("hint")->text(), "did you mean tags?");
  EXPECT_EQ(answer.find_path("config.scope")->text(), "orders");
  EXPECT_EQ(run(minimal() + "log: {mode: x}\n"), 1);
  answer = parse_json(out_).value();
  EXPECT_FALSE(answer.find("valid")->as_bool());
  const Document& error = answer.find("errors")->as_list().at(0);
  EXPECT_EQ(error.find("path")->text(), "log.mode");
  EXPECT_EQ(error.find("message")->text(), "is not an integer");
  EXPECT_EQ(error.find("where")->text(), options_.path.value() + " line 13");
  EXPECT_EQ(err_, "");
}

TEST_F(ValidateConfig, files_and_directories_of_this_host_are_looked_at) {
  EXPECT_EQ(run(minimal() + "log: {dir: /nowhere}\n"), 1);
  EXPECT_THAT(err_, StartsWith("log.dir /nowhere didn't pass validation: is not a directory ("));
  const std::string config = minimal();
  EXPECT_EQ(run(config + "  custom_conf: /nowhere/x.conf\n"), 1);
  EXPECT_THAT(
      err_,
      StartsWith("postgresql.custom_conf /nowhere/x.conf didn't pass validation: there is no such file"));
  std::filesystem::create_directory(directory_.path("pgpass"));
  EXPECT_EQ(run(config), 1);
  EXPECT_THAT(err_, HasSubstr("' exists and it's not a file, check your `postgresql.pgpass` configuration"));
}

TEST_F(ValidateConfig, sockets_in_the_data_directory_are_warned_of) {
  EXPECT_EQ(run(minimal() + "  parameters: {unix_socket_directories: '/tmp, .'}\n"), 0);
  EXPECT_THAT(err_, HasSubstr("postgresql.parameters.unix_socket_directories"));
  EXPECT_THAT(err_, HasSubstr("lies in the data directory"));
  EXPECT_EQ(run(minimal() + "  parameters: {unix_socket_directories: /tmp}\n"), 0);
  EXPECT_EQ(err_, "");
}

TEST_F(ValidateConfig, a_data_directory_open_to_others_is_named) {
  directory_.write("pg/PG_VERSION", "15\n");
  directory_.write("pg/pg_wal/x", "");
  std::filesystem::permissions(directory_.path("pg"), static_cast<std::filesystem::perms>(0755));
  EXPECT_EQ(run(minimal()), 1);
  EXPECT_THAT(err_, HasSubstr("has permissions 0755, PostgreSQL starts with 0700 or 0750 only"));
  std::filesystem::permissions(directory_.path("pg"), static_cast<std::filesystem::perms>(0750));
  EXPECT_EQ(run(minimal()), 0) << err_;
}

TEST_F(ValidateConfig, tls_files_must_load) {
  std::string text = minimal();
  EXPECT_EQ(run(text.insert(text.find("restapi: {") + 10, "certfile: /nowhere.pem, ")), 1);
  EXPECT_THAT(err_, StartsWith("restapi.certfile /nowhere.pem didn't pass validation: "));
  text = minimal();
  EXPECT_EQ(run(text.insert(text.find("etcd3: {") + 8, "cacert: /nowhere.pem, ")), 1);
  EXPECT_THAT(err_, StartsWith("etcd3.cacert /nowhere.pem didn't pass validation: "));
}

TEST_F(ValidateConfig, lines_of_access_files_are_read) {
  EXPECT_EQ(run(minimal() + "  pg_hba: ['local all all trust', 'hots all all all md5']\n  pg_ident: [a b]\n"),
            1);
  EXPECT_THAT(
      err_,
      HasSubstr("postgresql.pg_hba.1 hots all all all md5 didn't pass validation: begins with \"hots\", "
                "which is no type of connection: did you mean host? ("));
  EXPECT_THAT(err_,
              HasSubstr("postgresql.pg_ident.0 a b didn't pass validation: has 2 fields, 3 are needed"));
}

TEST_F(ValidateConfig, access_lines_are_read_even_when_something_else_is_wrong) {
  EXPECT_EQ(run(minimal() + "log: {level: loud}\nbootstrap: {dcs: {postgresql: {pg_hba_replica: [x]}}}\n"),
            1);
  EXPECT_THAT(
      err_,
      HasSubstr("bootstrap.dcs.postgresql.pg_hba_replica.0 x didn't pass validation: begins with \"x\""));
}

TEST_F(ValidateConfig, a_password_that_the_daemon_itself_is_asked_for_is_missed) {
  std::string without = minimal();
  without.replace(without.find(", password: s1"), std::string_view(", password: s1").size(), "");
  EXPECT_EQ(run(without + "  pg_hba: ['local all all trust', 'host all all 0.0.0.0/0 scram-sha-256']\n"), 0);
  EXPECT_THAT(err_, AllOf(HasSubstr("WARNING: postgresql.authentication.superuser.password"),
                          HasSubstr("pg_hba asks this host's own connections for one (scram-sha-256)")));
  EXPECT_EQ(run(without + "  pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust']\n"), 0);
  EXPECT_THAT(err_, Not(HasSubstr("superuser.password")));
  EXPECT_EQ(run(minimal() + "  pg_hba: ['host all all 0.0.0.0/0 scram-sha-256']\n"), 0);
  EXPECT_THAT(err_, Not(HasSubstr("superuser.password")));
}

TEST_F(ValidateConfig, commands_that_are_not_there_are_warnings) {
  EXPECT_EQ(run(minimal() + "  callbacks: {on_start: /nowhere/script a}\n"), 0);
  EXPECT_THAT(err_,
              StartsWith("WARNING: postgresql.callbacks.on_start /nowhere/script a didn't pass validation: "
                         "/nowhere/script cannot be run"));
  EXPECT_EQ(run(minimal() + "  pre_promote: \"/bin/sh 'x\"\n"), 1);
  EXPECT_THAT(err_, HasSubstr("a single quote is not closed"));
}

/// Runs `work` as a user who is not root, in a child process: root may enter every directory.
int as_nobody(const std::function<int()>& work) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
                             ::setresuid(kNobody, kNobody, kNobody) != 0))
      ::_exit(125);
    try {
      ::_exit(work());
    } catch (...) {
      ::_exit(126);  // or the child would go on with the next test
    }
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(ValidateConfig, a_data_directory_that_may_not_be_entered_is_told) {
  options_.path = directory_.write("c.yml", minimal(), 0644);
  directory_.write("pg/PG_VERSION", "15\n");
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(directory_.path("pg"), std::filesystem::perms(::geteuid() == 0 ? 0700 : 0));
  const int code = as_nobody([&] {
    std::ostringstream out, err;
    const int answer = validate_config(options_, {}, world_, out, err);
    return err.str().find("postgresql.data_dir") == std::string::npos ? 99 : answer;
  });
  std::filesystem::permissions(directory_.path("pg"), std::filesystem::perms(0700));
  EXPECT_EQ(code, 1);
}

TEST_F(ValidateConfig, no_message_shows_a_password_of_the_store) {
  for (const char* hosts : {"root:hush@h:1", "http://root:hush@h:1", "http://root:hu/hush@h:1"}) {
    std::string text = minimal();
    text.replace(text.find("10.20.0.1:2379"), 14, hosts);
    EXPECT_EQ(run(text), 1);
    EXPECT_THAT(err_ + out_, Not(HasSubstr("hush"))) << hosts;
  }
}

TEST_F(ValidateConfig, parameters_are_judged_by_the_version_of_the_programs) {
  EXPECT_EQ(
      run(minimal() +
          "  parameters: {work_mme: 8MB, work_mem: 8MB, max_connections: 5, port: 1, shared_buffers: 128}\n"
          "bootstrap:\n  dcs:\n    postgresql:\n      parameters: {summarize_wal: 'on', jit: perhaps}\n"),
      0)
      << err_;
  EXPECT_THAT(
      err_, HasSubstr("WARNING: postgresql.parameters.work_mme 8MB didn't pass validation: there is no such "
                      "parameter: it is left out (PostgreSQL 15.4) ("));
  EXPECT_THAT(err_, HasSubstr("did you mean work_mem?"));
  EXPECT_THAT(
      err_, HasSubstr("bootstrap.dcs.postgresql.parameters.summarize_wal on didn't pass validation: there is "
                      "no such parameter, it came with PostgreSQL 17"));
  EXPECT_THAT(err_,
              HasSubstr("bootstrap.dcs.postgresql.parameters.jit perhaps didn't pass validation: given "));
  EXPECT_THAT(err_, Not(HasSubstr("shared_buffers")));
  EXPECT_EQ(run(minimal() + "bootstrap:\n  dcs:\n    postgresql:\n      parameters: {max_connections: 30, "
                            "superuser_reserved_connections: 30}\n"),
            1);
  EXPECT_THAT(err_, HasSubstr("PostgreSQL does not start"));
}

}  // namespace
}  // namespace tanist::setup
