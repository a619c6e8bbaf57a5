#include "api/resources.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "api/picture.h"
#include "core/format.h"

namespace tanist::api {
namespace {

const std::string kPage = std::string(TANIST_SOURCE_DIR) + "/docs/rest-api.md";

std::string name_of(const Resources::Route& route) {
  return fmt::format("{} /{}", route.method, route.segment);
}

std::string table(Access access, const char* head) {
  std::string out = fmt::format("\n| request | {} |\n|---|---|\n", head);
  for (const auto& route : Resources::routes()) {
    if ((route.access == Access::open) != (access == Access::open) || route.segment.empty()) continue;
    out += fmt::format("| `{}` | {} |\n", name_of(route), route.what);
  }
  return out + "\n";
}

std::string table_of_events() {
  std::string out = "\n| event | data | when |\n|---|---|---|\n";
  for (const auto& type : kEventTypes)
    out += fmt::format("| `{}` | {} | {} |\n", type.name, type.fields, type.when);
  return out + "\n";
}

void replace_section(std::string& page, const std::string& name, const std::string& text) {
  const std::string begin = "<!-- begin: " + name + " -->\n";
  const auto from = page.find(begin);
  const auto to = page.find("<!-- end: " + name + " -->");
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos)
      << "no section " << name << " in " << kPage;
  page.replace(from + begin.size(), to - from - begin.size(), text);
}

TEST(Resources, the_page_has_the_endpoints_of_the_table) {
  std::ifstream in(kPage, std::ios::binary);
  const std::string page(std::istreambuf_iterator<char>(in), {});
  std::string wanted = page;
  replace_section(wanted, "reading", table(Access::open, "answer"));
  replace_section(wanted, "changing", table(Access::guarded, "what it does"));
  replace_section(wanted, "events", table_of_events());
  if (std::getenv("TANIST_UPDATE_DOCS")) {
    std::ofstream(kPage, std::ios::binary) << wanted;
    return;
  }
  EXPECT_TRUE(page == wanted)
      << kPage << " is out of date: run this test with TANIST_UPDATE_DOCS=1 and check in the result";
}

/// rest-api.md §1.1.
TEST(Resources, each_named_handler_of_patroni_is_known) {
  std::set<std::string> known;
  for (const auto& route : Resources::routes())
    EXPECT_TRUE(known.insert(name_of(route)).second) << name_of(route);
  for (const char* name :
       {"GET /liveness",     "GET /readiness",   "GET /patroni",  "GET /cluster",  "GET /history",
        "GET /config",       "GET /metrics",     "GET /failsafe", "PATCH /config", "PUT /config",
        "POST /reload",      "POST /failsafe",   "POST /sigterm", "POST /restart", "POST /reinitialize",
        "POST /failover",    "POST /switchover", "POST /citus",   "POST /mpp",     "DELETE /restart",
        "DELETE /switchover"}) {
    EXPECT_EQ(known.count(name), 1u) << name;
  }
}

/// rest-api.md §2.
TEST(Resources, what_changes_something_is_guarded_and_reading_is_not_but_of_the_journal) {
  for (const auto& route : Resources::routes()) {
    const bool reads = route.method == "GET";
    EXPECT_EQ(route.access == Access::open, reads && route.segment != "journal") << name_of(route);
    EXPECT_TRUE(!route.health_check || reads) << name_of(route);
    EXPECT_TRUE(route.handler != nullptr && !route.what.empty()) << name_of(route);
  }
}

std::string found(std::string_view method, std::string_view target) {
  const auto* route = Resources::route_of(method, target);
  return route == nullptr ? "none" : name_of(*route);
}

TEST(Resources, the_first_segment_of_the_path_decides) {
  EXPECT_EQ(found("GET", "/patroni"), "GET /patroni");
  EXPECT_EQ(found("GET", "//patroni/x/y?z=1"), "GET /patroni");
  EXPECT_EQ(found("GET", "/config?x=/history"), "GET /config");
  EXPECT_EQ(found("POST", "/failsafe"), "POST /failsafe");
  EXPECT_EQ(found("DELETE", "/restart"), "DELETE /restart");
}

TEST(Resources, other_paths_are_health_checks_and_other_methods_do_not_exist) {
  EXPECT_EQ(found("GET", "/"), "GET /");
  EXPECT_EQ(found("GET", ""), "GET /");
  EXPECT_EQ(found("GET", "/patronix"), "GET /");
  EXPECT_EQ(found("HEAD", "/liveness"), "GET /liveness");
  EXPECT_EQ(found("OPTIONS", "/readiness"), "GET /readiness");
  EXPECT_EQ(found("HEAD", "/patroni"), "GET /");
  EXPECT_EQ(found("OPTIONS", "/restart"), "GET /");
  EXPECT_EQ(found("POST", "/patroni"), "none");
  EXPECT_EQ(found("PUT", "/restart"), "none");
  EXPECT_EQ(found("BREW", "/coffee"), "none");
}

}  // namespace
}  // namespace tanist::api
