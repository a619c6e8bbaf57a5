#include "config/validate.h"
#include "json/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/build.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

bool starts(const std::string& more) {
  return load_text(kMinimal + more).has_value();
}

TEST(Validate, unknown_keys_are_named_with_line_and_the_nearest_key) {
  EXPECT_THAT(findings("tag: {}\nlog:\n  lvel: INFO\nblah: 1\n"),
              ElementsAre("f.yml:11: tag: unknown key, ignored\nHINT: did you mean tags?",
                          "f.yml:13: log.lvel: unknown key, ignored\nHINT: did you mean log.level?",
                          "f.yml:14: blah: unknown key, ignored"));
  EXPECT_TRUE(starts("tag: {}\n"));
}

TEST(Validate, wrong_types_end_the_start) {
  for (const char* text :
       {"log: [1]", "log: 5", "tags: [a]", "tags: yes", "bootstrap: {dcs: [1]}", "bootstrap: {initdb: 5}",
        "bootstrap: {pg_hba: x}", "bootstrap: {pg_hba: [1]}", "bootstrap: {post_bootstrap: [a]}",
        "namespace: [a]", "log: {max_queue_size: many}", "tags: {nofailover: {}}",
        "tags: {failover_priority: high}", "tags: {nostream: perhaps}", "ctl: {authentication: x}",
        "tanist: {state_dir: {}}", "bootstrap: {method: []}"})
    EXPECT_FALSE(starts(std::string(text) + "\n")) << text;
}

TEST(Validate, wrong_types_below_postgresql_end_the_start) {
  for (const char* text :
       {"parameters: [a]", "parameters: 5", "parameters: {work_mem: [1]}", "pg_hba: host all",
        "pg_hba: [[x]]", "pg_ctl_timeout: soon", "pg_ctl_timeout: -1", "use_pg_rewind: [1]", "callbacks: [a]",
        "callbacks: {on_start: [a]}", "proxy_address: 'h:x'", "proxy_address: 5",
        "create_replica_methods: basebackup", "basebackup: 5", "rewind: text", "recovery_conf: [a]",
        "bin_name: {pg_ctl: true}", "database: no", "bin_dir: off"})
    EXPECT_FALSE(starts("  " + std::string(text) + "\n")) << text;
}

TEST(Validate, methods_in_a_mapping_are_a_warning_in_both_places) {
  const std::string local =
      "  create_replica_methods:\n    pgbackrest: {command: c}\n    basebackup: {}\n  pgbackrest: {command: "
      "d}\n";
  EXPECT_TRUE(starts(local));
  EXPECT_THAT(
      findings(local),
      ElementsAre(HasSubstr("postgresql.create_replica_methods: given a mapping, allowed: a list of strings; "
                            "the names in it count, what stands below them does not")));
  const auto loaded = load_text(kMinimal + local);
  ASSERT_TRUE(loaded);
  Problems notes;
  const auto pg = build(*loaded, Document::map(), notes).postgresql;
  EXPECT_THAT(pg.copying.create_replica_methods, ElementsAre("pgbackrest", "basebackup"));
  EXPECT_EQ(pg.copying.replica_methods.at("pgbackrest").command, "d");

  Problems found;
  validate(parse_json(R"({"postgresql":{"create_replica_methods":{"basebackup":{}}}})").value(),
           Scope::dynamic, "dynamic configuration", found);
  EXPECT_THAT(texts(found), ElementsAre(HasSubstr("the names in it count")));
}

TEST(Validate, a_mapping_for_one_parameter_is_left_out_in_both_places) {
  const std::string local = "  parameters: {work_mem: 1MB, shared: {buffers: 1GB}}\n";
  EXPECT_TRUE(starts(local));
  EXPECT_THAT(
      findings(local),
      ElementsAre("f.yml:11: postgresql.parameters.shared: given a mapping, allowed: a single value; it is "
                  "left out"));
  const auto loaded = load_text(kMinimal + local);
  ASSERT_TRUE(loaded);
  Problems notes;
  const auto pg = build(*loaded, Document::map(), notes).postgresql;
  EXPECT_EQ(pg.parameters.at("work_mem"), "1MB");
  EXPECT_FALSE(pg.parameters.contains("shared"));
  EXPECT_TRUE(starts("bootstrap: {dcs: {postgresql: {parameters: {a: {b: c}}}}}\n"));
}

TEST(Validate, parameters_that_are_no_mapping_have_their_own_text) {
  EXPECT_THAT(
      findings("  parameters: [a]\n"),
      ElementsAre("f.yml:11: postgresql.parameters: postgresql.parameters is not a dictionary: given a list, "
                  "allowed: a mapping of names to single values"));
}

TEST(Validate, numbers_are_taken_as_text_and_text_as_numbers) {
  EXPECT_TRUE(
      starts("  pg_ctl_timeout: '90'\n  database: 5\ntags: {failover_priority: '3'}\nlog: {max_queue_size: "
             "'50'}\n"));
}

TEST(Validate, a_boolean_where_text_is_meant_gets_a_hint) {
  EXPECT_THAT(
      findings("namespace: on\n"),
      ElementsAre(
          "f.yml:11: namespace: given true (a boolean), allowed: a string\nHINT: yes, no, on, off, true and "
          "false are booleans: put the text in quotes"));
}

TEST(Validate, null_and_empty_sections_are_unset) {
  EXPECT_THAT(findings("log:\ntags: {}\nctl: null\nwatchdog: {}\nbootstrap:\n"), ElementsAre());
  EXPECT_THAT(findings("log: ''\n"), ElementsAre());
}

TEST(Validate, the_listen_address_has_its_own_text) {
  std::string text = kMinimal;
  text.replace(text.find("\"0.0.0.0:8008\""), 14, "\"0.0.0.0\"");
  EXPECT_THAT(texts(load_text(text).error()),
              ElementsAre("f.yml:3: restapi.listen: Invalid \"restapi\" config: expected <HOST>:<PORT> for "
                          "\"listen\", but got \"0.0.0.0\""));
}

TEST(Validate, keys_without_effect_are_said_once_each) {
  EXPECT_THAT(findings("thread_pool_size: 7\n"),
              ElementsAre("f.yml:11: thread_pool_size: recognised, but without effect in this version"));
  EXPECT_THAT(findings("log: {type: plain, traceback_level: ERROR, deduplicate_heartbeat_logs: "
                       "no}\nwatchdog: {mode: off}\n"
                       "thread_pool_size: 5\n"),
              ElementsAre());
}

TEST(Validate, words_for_the_watchdog) {
  for (const char* mode : {"automatic", "Auto", "REQUIRED", "require", "off", "false", "disabled", "Disable"})
    EXPECT_THAT(findings(std::string("watchdog: {mode: ") + mode + "}\n"), ElementsAre()) << mode;
  for (const char* mode : {"on", "enabled", "5"}) {
    EXPECT_THAT(findings(std::string("watchdog: {mode: ") + mode + "}\n"),
                ElementsAre(HasSubstr("allowed: automatic, required, off; it counts as off")))
        << mode;
  }
  EXPECT_THAT(findings("watchdog: {safety_margin: -2}\n"), ElementsAre(HasSubstr("safety_margin")));
  EXPECT_THAT(findings("watchdog: {driver: pipe}\n"), ElementsAre(HasSubstr("driver")));
}

TEST(Validate, what_would_be_unsafe_to_ignore_ends_the_start) {
  for (const char* text : {"citus: {group: 0, database: d}"}) {
    const auto found = findings(std::string(text) + "\n");
    ASSERT_EQ(found.size(), 1u) << text;
    EXPECT_THAT(found[0], HasSubstr("not supported in this version, and ignoring it would be unsafe\nHINT: "))
        << text;
    EXPECT_FALSE(starts(std::string(text) + "\n")) << text;
  }
}

/// A text in the restapi section of the minimal configuration.
std::vector<std::string> restapi_findings(const std::string& text) {
  std::string config = kMinimal;
  config.insert(config.find("restapi: {") + 10, text + ", ");
  const auto loaded = load_text(config);
  return texts(loaded ? loaded->warnings : loaded.error());
}

TEST(Validate, half_a_user_would_leave_the_api_open_and_ends_the_start) {
  for (const char* text :
       {"authentication: {}", "authentication: {username: a}", "authentication: {password: a}",
        "authentication: {username: '', password: a}", "authentication: {username: a, password: }"}) {
    EXPECT_THAT(restapi_findings(text), Contains(HasSubstr("restapi.authentication."))) << text;
    EXPECT_THAT(restapi_findings(text), Contains(HasSubstr("is not defined"))) << text;
  }
  EXPECT_THAT(restapi_findings("authentication: {username: a, password: b}"), ElementsAre());
  for (const char* text : {"authentication: []", "authentication: ''", "authentication: false"})
    EXPECT_THAT(restapi_findings(text), Contains(HasSubstr("a mapping with username and password"))) << text;
  for (const char* text : {"auth: hush", "auth: ':hush'", "auth: 5"})
    EXPECT_THAT(restapi_findings(text),
                ElementsAre(AllOf(HasSubstr("restapi.auth: given a value that is not shown"),
                                  HasSubstr("allowed: user:password"), Not(HasSubstr("hush")))))
        << text;
  EXPECT_THAT(restapi_findings("auth: 'a:b'"), ElementsAre());
}

TEST(Validate, an_allowlist_that_lets_nobody_in_is_pointed_out) {
  EXPECT_THAT(restapi_findings("allowlist: 10.0.0.1"),
              ElementsAre("f.yml:3: restapi.allowlist: given \"10.0.0.1\" (a string), allowed: a list of "
                          "addresses, networks and host names; nobody is let in"));
  EXPECT_THAT(restapi_findings("allowlist: [5, {a: b}]"),
              ElementsAre(HasSubstr("item 1 is 5"), HasSubstr("item 2 is a mapping"),
                          HasSubstr("no item can be used: nobody is let in")));
  EXPECT_THAT(restapi_findings("allowlist: [10.0.0.1, db.example]"), ElementsAre());
}

TEST(Validate, words_that_the_api_does_not_know_are_warnings) {
  EXPECT_THAT(restapi_findings("verify_client: requierd"),
              ElementsAre("f.yml:3: restapi.verify_client: Bad value in the \"restapi.verify_client\": "
                          "requierd; the default is used\nHINT: did you mean required?"));
  EXPECT_THAT(restapi_findings("server_tokens: none"), ElementsAre(HasSubstr("restapi.server_tokens")));
  EXPECT_THAT(restapi_findings("request_queue_size: 5000"), ElementsAre(HasSubstr("the default is used")));
  EXPECT_THAT(restapi_findings("server_tokens: ProductOnly, verify_client: Required"), ElementsAre());
}

TEST(Validate, headers_that_would_break_answers_are_left_out) {
  EXPECT_THAT(
      restapi_findings(R"(http_extra_headers: {"X-A": "a\r\nSet-Cookie: b", "X B": c, X-C: [d], X-D: 5})"),
      ElementsAre(HasSubstr("\"X-A\" (a string) has a value that makes no header"), HasSubstr("\"X B\""),
                  HasSubstr("\"X-C\"")));
  EXPECT_THAT(restapi_findings("https_extra_headers: {Strict-Transport-Security: max-age=1}"), ElementsAre());
}

TEST(Validate, the_log_section_says_what_it_leaves_out) {
  EXPECT_THAT(findings("log: {format: [message]}\n"), ElementsAre(HasSubstr("log.format: given a list")));
  EXPECT_THAT(findings("log: {type: json, format: [message, {a: b}, 5, {a: b, c: d}]}\n"),
              ElementsAre(HasSubstr("item 3 is 5"), HasSubstr("item 4 is a mapping")));
  EXPECT_THAT(findings("log: {type: json, format: []}\n"), ElementsAre(HasSubstr("names no field")));
  EXPECT_THAT(findings("log: {dateformat: 5}\n"), ElementsAre(HasSubstr("log.dateformat: given 5")));
  EXPECT_THAT(findings("log: {loggers: {patroni.ha: loud}}\n"),
              ElementsAre(HasSubstr("log.loggers.patroni.ha: given \"loud\"")));
  EXPECT_FALSE(starts("log: {loggers: {patroni.ha: loud}}\n"));
  EXPECT_FALSE(starts("log: {mode: 644}\n"));
  EXPECT_THAT(findings("log: {mode: 0644}\n"), ElementsAre());
  EXPECT_THAT(findings("log: {mode: '0644', traceback_level: debug}\n"), ElementsAre());
}

TEST(Validate, harmless_forms_of_the_same_keys_are_accepted) {
  std::string config = kMinimal;
  config.insert(config.find("restapi: {") + 10,
                "certfile: '', verify_client: None, allowlist: [], allowlist_include_members: off, ");
  const auto loaded = load_text(config +
                                "  create_replica_methods: [basebackup]\n  parameters_primary: "
                                "{}\nbootstrap: {dcs: {}, method: initdb}\n");
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_THAT(texts(loaded->warnings), ElementsAre());
  EXPECT_THAT(findings("bootstrap: {method: initdb}\n"),
              ElementsAre("f.yml: bootstrap.dcs: is not defined: a new cluster gets the defaults"));
}

TEST(Validate, dynamic_keys_in_the_local_file_have_no_effect) {
  EXPECT_THAT(
      findings("synchronous_mode: on\n"),
      ElementsAre(HasSubstr(
          "f.yml:11: synchronous_mode: has no effect here: it is read from the dynamic configuration only")));
  EXPECT_THAT(findings("  use_slots: false\n"),
              ElementsAre(HasSubstr("postgresql.use_slots: has no effect here")));
}

TEST(Validate, controlled_parameters_in_the_local_file_have_no_effect) {
  EXPECT_THAT(
      findings("  parameters:\n    work_mem: 1MB\n    Max_Connections: 5\n"),
      ElementsAre("f.yml:13: postgresql.parameters.Max_Connections: has no effect here: this parameter must "
                  "be the same "
                  "on all members\nHINT: set it in the dynamic configuration, under postgresql.parameters"));
}

TEST(Validate, bootstrap_dcs_is_checked_as_a_dynamic_configuration) {
  EXPECT_THAT(findings("bootstrap:\n  dcs:\n    ttl: 5\n    loop_wait: 10\n"), ElementsAre());
  EXPECT_THAT(
      findings("bootstrap:\n  dcs:\n    max_timelines_history: -1\n"),
      ElementsAre(
          "f.yml:13: bootstrap.dcs.max_timelines_history: given -1 (an integer), allowed: an integer from "
          "0 to 1000000"));
  EXPECT_TRUE(starts("bootstrap: {dcs: {maximum_lag_on_failover: -1}}\n"));
  EXPECT_FALSE(starts("bootstrap: {dcs: {ttl: abc}}\n"));
  EXPECT_FALSE(starts("bootstrap: {dcs: {ttl: '30.5'}}\n"));
  EXPECT_FALSE(starts("bootstrap: {dcs: {synchronous_mode: maybe}}\n"));
  EXPECT_FALSE(starts("bootstrap: {dcs: {postgresql: {parameters: [a]}}}\n"));
  EXPECT_THAT(
      findings("bootstrap: {dcs: {lop_wait: 3, postgresql: {listen: x}}}\n"),
      ElementsAre("f.yml:11: bootstrap.dcs.lop_wait: unknown key, ignored\nHINT: did you mean "
                  "bootstrap.dcs.loop_wait?",
                  "f.yml:11: bootstrap.dcs.postgresql.listen: has no effect here: it is read from the local "
                  "configuration only"));
}

TEST(Validate, forbidden_options_of_initdb_end_the_start_those_of_others_do_not) {
  EXPECT_THAT(findings("bootstrap:\n  dcs: {ttl: 30}\n  initdb: [pwfile]\n"),
              ElementsAre("f.yml:13: bootstrap.initdb: pwfile option for initdb is not allowed"));
  EXPECT_FALSE(starts("bootstrap: {initdb: [pwfile]}\n"));
  EXPECT_THAT(findings("  rewind: [version]\n"),
              ElementsAre("f.yml:11: postgresql.rewind: version option for pg_rewind is not allowed"));
  EXPECT_TRUE(starts("  rewind: [version]\n"));
}

TEST(Validate, traps_are_pointed_out) {
  EXPECT_THAT(findings("watchdog: off\n"),
              ElementsAre(HasSubstr("watchdog: counts as an empty section, which means automatic")));
  EXPECT_THAT(findings("tags: {nofailover: 'false'}\n"),
              ElementsAre(HasSubstr("the text \"false\" counts as true")));
  EXPECT_THAT(findings("bootstrap: {dcs: {ttl: 30}, users: {a: b}}\n"),
              ElementsAre(HasSubstr("User creation is not be supported")));
  EXPECT_THAT(findings("tags: {nofailover: true, failover_priority: 2}\n"),
              ElementsAre(HasSubstr("Conflicting configuration between")));
}

TEST(Validate, own_tags_are_free) {
  EXPECT_THAT(findings("tags: {datacenter: x, 5: y}\n"), ElementsAre());
}

TEST(Validate, a_number_of_problems_is_bounded) {
  std::string text;
  for (int i = 0; i < 4500; ++i) text += "zz" + std::to_string(i) + ": 1\n";
  EXPECT_LE(findings(text).size(), 250u);
}

}  // namespace
}  // namespace tanist::config
