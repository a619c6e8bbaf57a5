#include "member/reload.h"
#include "json/parse.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "async/task_scope.h"
#include "contract/run_task.h"
#include "log/log.h"
#include "unit/config/sample.h"

namespace tanist::member {
namespace {

using namespace std::chrono_literals;

class ReloaderTest : public ::testing::Test {
 protected:
  ReloaderTest() {
    char name[] = "/tmp/tanist-reload-XXXXXX";
    directory = ::mkdtemp(name);
    write("");
    source.emplace(path(), config::Environment{});
    source->use(source->read().value());
    first = source->builder()(Document::map()).value();
    log::redirect([this](log::Level, const std::string& line) { lines.push_back(line); });
  }
  ~ReloaderTest() override {
    log::redirect({});
    std::filesystem::remove_all(directory);
  }

  std::string path() const { return directory + "/tanist.yml"; }
  void write(const std::string& more) const { std::ofstream(path()) << config::kMinimal << more; }

  /// One reload, from the request to its end; what was done, in its order.
  std::vector<std::string> reload() {
    io.restart();
    std::vector<std::string> done;
    Reloader::Parts parts;
    bool ended = false;
    parts.begun = [&] { done.emplace_back("begun"); };
    parts.ended = [&] {
      done.emplace_back("ended");
      ended = true;
    };
    parts.log = [&](const config::Settings& s) { done.push_back("log " + s.log.level); };
    parts.peers = [&](const config::Ctl&, net::TlsContextPtr tls) {
      if (!failing_part.empty()) throw std::runtime_error(failing_part);
      done.emplace_back(tls ? "peers" : "peers without TLS");
    };
    parts.rest = [&](config::SettingsPtr s) {
      done.push_back("rest " + config::to_string(s->restapi.listen));
    };
    parts.store = [&](const config::StoreOptions&) { done.emplace_back("store"); };
    parts.engine = [&](config::SettingsPtr s, ha::SettingsBuilder) {
      done.push_back("engine " + to_json(s->dynamic.raw));
    };
    Reloader reloader(clock, disk, *source, board, first, std::move(parts));
    TaskScope scope(io.get_executor());
    scope.spawn("reload", reloader.serve());
    reloader.ask();
    while (!ended) io.run_one();
    tanist::test::run(io, scope.close());
    return done;
  }

  bool logged(const std::string& text) const {
    for (const auto& line : lines)
      if (line.find(text) != std::string::npos) return true;
    return false;
  }

  boost::asio::io_context io{1};
  SystemClock clock;
  DiskThread disk{clock};
  std::string directory;
  std::optional<SettingsSource> source;
  config::SettingsPtr first;
  ha::SnapshotBoard board;
  std::string failing_part;
  std::vector<std::string> lines;
};

using Done = std::vector<std::string>;

TEST_F(ReloaderTest, without_a_change_postgresql_is_reloaded_all_the_same) {
  EXPECT_EQ(reload(), (Done{"begun", "peers", "rest 0.0.0.0:8008", "store", "engine {}", "ended"}));
  EXPECT_TRUE(logged("No local configuration items changed."));
}

TEST_F(ReloaderTest, a_change_is_handed_to_everybody) {
  write("log: {level: ERROR}\n");
  EXPECT_EQ(reload(),
            (Done{"begun", "log ERROR", "peers", "rest 0.0.0.0:8008", "store", "engine {}", "ended"}));
  EXPECT_FALSE(logged("No local configuration items changed."));
}

TEST_F(ReloaderTest, what_needs_a_restart_stays_and_is_named) {
  std::string text = config::kMinimal;
  text.replace(text.find("name: db-a"), 10, "name: db-x");
  text.replace(text.find("/srv/pg/orders"), 14, "/srv/pg/others");
  std::ofstream(path()) << text << "log: {level: ERROR}\n";
  for (int round = 0; round < 2; ++round) {
    lines.clear();
    reload();
    EXPECT_TRUE(logged("a change of name takes effect when the daemon is restarted"));
    EXPECT_TRUE(logged("a change of postgresql.data_dir takes effect when the daemon is restarted"));
    EXPECT_FALSE(logged("No local configuration items changed."));
    const auto settings = source->builder()(Document::map()).value();
    EXPECT_EQ(settings->name, "db-a");
    EXPECT_EQ(settings->postgresql.data_dir, "/srv/pg/orders");
    EXPECT_EQ(settings->postgresql.config_dir, "/srv/pg/orders");
    EXPECT_EQ(settings->state_dir, "/srv/pg/orders.tanist");
    EXPECT_EQ(settings->log.level, "ERROR");
  }
  write("log: {level: ERROR}\n");
  lines.clear();
  reload();
  EXPECT_TRUE(logged("No local configuration items changed."));
}

TEST_F(ReloaderTest, a_builder_from_before_the_start_ended_keeps_what_it_ended_with) {
  const auto build = source->builder();
  const auto bin_dir = [&](const char* dynamic) {
    return build(parse_json(dynamic).value()).value()->postgresql.tools.bin_dir;
  };
  const auto started = build(parse_json(R"({"postgresql":{"bin_dir":"/old"}})").value()).value();
  source->started_with(*started);
  EXPECT_EQ(bin_dir(R"({"postgresql":{"bin_dir":"/old"}})"), "/old");
  EXPECT_FALSE(logged("takes effect when the daemon is restarted"));
  EXPECT_EQ(bin_dir(R"({"postgresql":{"bin_dir":"/new"}})"), "/old");
  EXPECT_TRUE(logged("a change of postgresql.bin_dir takes effect when the daemon is restarted"));
  lines.clear();
  EXPECT_EQ(bin_dir(R"({"postgresql":{"bin_dir":"/new"},"ttl":40})"), "/old");
  EXPECT_FALSE(logged("takes effect when the daemon is restarted")) << "said once";
  EXPECT_EQ(source->builder()(Document::map()).value()->postgresql.tools.bin_dir, "/old");
}

TEST_F(ReloaderTest, the_dynamic_configuration_in_force_stays) {
  ha::Snapshot snapshot;
  snapshot.settings = source->builder()(parse_json(R"({"ttl":40})").value()).value();
  board.publish(std::make_shared<const ha::Snapshot>(snapshot));
  EXPECT_EQ(reload()[4], R"(engine {"ttl":40})");
}

TEST_F(ReloaderTest, a_broken_file_leaves_the_old_configuration_in_force) {
  write("log: {level: [\n");
  EXPECT_EQ(reload(), (Done{"begun", "peers", "rest 0.0.0.0:8008", "store", "engine {}", "ended"}));
  EXPECT_TRUE(
      logged("Exception when reloading local configuration from " + path() + ": the old one stays in force"))
      << lines.back();
  EXPECT_TRUE(logged("tanist.yml:"));
}

TEST_F(ReloaderTest, one_part_that_fails_does_not_keep_the_others) {
  failing_part = "out of luck";
  EXPECT_EQ(reload(), (Done{"begun", "rest 0.0.0.0:8008", "store", "engine {}", "ended"}));
  EXPECT_TRUE(logged("Failed to reload config_file=" + path() + ": ctl: out of luck"));
}

TEST_F(ReloaderTest, certificates_that_cannot_be_used_leave_the_old_in_use) {
  write("ctl: {certfile: /nonexistent/client.crt}\n");
  const Done done = reload();
  EXPECT_EQ(std::ranges::count(done, "peers"), 0);
  EXPECT_EQ(done.back(), "ended");
  EXPECT_TRUE(logged("cannot use certificate file /nonexistent/client.crt"));
}

TEST_F(ReloaderTest, https_is_not_announced_without_a_certificate_that_works) {
  write("");
  std::string text = config::kMinimal;
  text.replace(text.find("listen: \"0.0.0.0:8008\""), 0, "certfile: /nonexistent/server.crt, ");
  std::ofstream(path()) << text;
  EXPECT_EQ(reload(), (Done{"begun", "peers", "rest 0.0.0.0:8008", "store", "engine {}", "ended"}));
  EXPECT_TRUE(logged("restapi: cannot use certificate file /nonexistent/server.crt: ")) << lines.back();
  EXPECT_EQ(source->local().document.find_path("restapi.certfile"), nullptr);
}

}  // namespace
}  // namespace tanist::member
