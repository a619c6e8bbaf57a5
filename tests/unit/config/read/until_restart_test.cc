#include "config/read/until_restart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/build.h"
#include "config/keys/keys.h"
#include "unit/config/sample.h"

namespace tanist::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// `path: value` under the sections it needs.
Document at(std::string_view path, const Document& value) {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) return Document::map({{std::string(path), value}});
  return Document::map({{std::string(path.substr(0, dot)), at(path.substr(dot + 1), value)}});
}

LocalConfig holding(const Document& document) {
  LocalConfig out;
  out.document = document;
  return out;
}

std::vector<std::string> waiting_keys() {
  std::vector<std::string> out;
  for (const auto& key : keys())
    if (key.reload == Reload::restart_daemon && key.type != Type::section && key.scope != Scope::dynamic)
      out.push_back(key.path);
  return out;
}

TEST(UntilRestart, every_key_of_the_daemon_keeps_its_value) {
  ASSERT_GT(waiting_keys().size(), 20u);
  for (const auto& path : waiting_keys()) {
    SCOPED_TRACE(path);
    const Document old = at(path, "old");
    for (const Document& given : {at(path, "new"), Document::map(), at(path, Document::list({5}))}) {
      LocalConfig next = holding(given);
      EXPECT_THAT(keep_until_restart(holding(old), next), ElementsAre(path));
      EXPECT_EQ(next.document, old);
      EXPECT_THAT(keep_until_restart(holding(old), next), IsEmpty());
    }
    LocalConfig added = holding(at(path, "new"));
    EXPECT_THAT(keep_until_restart(holding(Document::map()), added), ElementsAre(path));
    EXPECT_EQ(added.document, Document::map());
  }
}

TEST(UntilRestart, other_keys_and_the_rest_of_a_section_change) {
  const auto before = load_text(kMinimal).value();
  std::string text = kMinimal;
  text.replace(text.find("orders\n"), 6, "orderz");
  auto after = load_text(text + "  use_unix_socket: true\ntanist: {state_dir: /x}\ntags: {x: y}\n").value();
  EXPECT_THAT(keep_until_restart(before, after), ElementsAre("scope", "tanist.state_dir"));
  EXPECT_EQ(after.document.find("scope")->text(), "orders");
  EXPECT_EQ(after.document.find("tanist"), nullptr);
  EXPECT_EQ(after.document.find_path("tags.x")->text(), "y");
  EXPECT_TRUE(after.document.find_path("postgresql.use_unix_socket")->as_bool());
}

TEST(UntilRestart, what_is_derived_from_such_a_key_stays_too) {
  const auto before = load_text(kMinimal).value();
  std::string text = kMinimal;
  text.replace(text.find("/srv/pg/orders"), 14, "/srv/elsewhere");
  auto after = load_text(text).value();
  keep_until_restart(before, after);
  Problems notes;
  const Settings settings = build(after, Document::map(), notes);
  EXPECT_EQ(settings.state_dir, "/srv/pg/orders.tanist");
  EXPECT_EQ(settings.postgresql.config_dir, "/srv/pg/orders");
}

TEST(UntilRestart, the_dynamic_configuration_changes_none_of_them) {
  const auto local = load_text(kMinimal).value();
  Problems notes;
  const auto settings_of = [&](const std::string& dynamic) { return build(local, json(dynamic), notes); };
  const auto started = start_values(settings_of(R"({"postgresql":{"bin_dir":"/old"}})"));
  Settings now = settings_of(
      R"({"postgresql":{"bin_dir":"/new","config_base_name":"mine","database":"other","use_pg_rewind":true}})");
  EXPECT_THAT(keep_until_restart(started, now),
              ElementsAre("postgresql.config_base_name", "postgresql.bin_dir", "postgresql.database"));
  EXPECT_EQ(now.postgresql.tools.bin_dir, "/old");
  EXPECT_EQ(now.postgresql.config_base_name, "postgresql");
  EXPECT_EQ(now.postgresql.database, "postgres");
  EXPECT_TRUE(now.postgresql.use_pg_rewind);
  EXPECT_THAT(keep_until_restart(started, now), IsEmpty());
  // StartValues holds all that both configurations may give.
  std::vector<std::string> both;
  for (const auto& key : keys())
    if (key.reload == Reload::restart_daemon && key.scope == Scope::both) both.push_back(key.path);
  EXPECT_THAT(both, ElementsAre("postgresql.config_base_name", "postgresql.bin_dir", "postgresql.database"));
}

}  // namespace
}  // namespace tanist::config
