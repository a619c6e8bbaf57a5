#include "api/openapi.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "api/resources.h"
#include "api/status_document.h"
#include "core/format.h"
#include "core/text.h"
#include "unit/api/snapshots.h"

namespace tanist::api {
namespace {

const std::string kFile = std::string(TANIST_SOURCE_DIR) + "/docs/openapi.json";

/// With a line for each value.
std::string indented(const std::string& json) {
  std::string out;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      out += c;
      if (c == '\\') out += json[++i];
      if (c == '"') quoted = false;
      continue;
    }
    const auto new_line = [&] { out += "\n" + std::string(depth, ' '); };
    const bool empty = i + 1 < json.size() && (json[i + 1] == '}' || json[i + 1] == ']');
    switch (c) {
      case '{':
      case '[':
        out += c;
        ++depth;
        if (!empty) new_line();
        break;
      case '}':
      case ']':
        --depth;
        if (json[i - 1] != '{' && json[i - 1] != '[') new_line();
        out += c;
        break;
      case ',':
        out += c;
        new_line();
        ++i;
        break;
      default: quoted = c == '"'; out += c;
    }
  }
  return out + "\n";
}

/// End-to-end tests hold every answer of a member against it.
TEST(OpenApi, the_file_in_docs_is_what_members_serve) {
  std::ifstream in(kFile, std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(in), {});
  const std::string wanted = indented(to_spaced_json(openapi(true)));
  if (std::getenv("TANIST_UPDATE_DOCS")) {
    std::ofstream(kFile, std::ios::binary) << wanted;
    return;
  }
  EXPECT_TRUE(file == wanted)
      << kFile << " is out of date: run this test with TANIST_UPDATE_DOCS=1 and check in the result";
}

/// A row without its operation would be missing in the document.
TEST(OpenApi, every_route_says_what_it_takes_and_answers) {
  const auto name = [](const auto& row) { return fmt::format("{} /{}", row.method, row.segment); };
  std::set<std::string> described;
  for (const auto& operation : operations())
    EXPECT_TRUE(described.insert(name(operation)).second) << name(operation) << " is there twice";
  const Document document = openapi(true);
  for (const auto& route : Resources::routes()) {
    EXPECT_EQ(described.erase(name(route)), 1u) << name(route) << " lacks its row in operations()";
    if (route.segment.empty()) continue;
    const Document* path = document.find("paths")->find(fmt::format("/{}", route.segment));
    ASSERT_NE(path, nullptr) << name(route);
    const Document* operation = path->find(lower(route.method));
    ASSERT_NE(operation, nullptr) << name(route);
    const bool says_yes = operation->find_path("responses.200") || operation->find_path("responses.202");
    const bool answers = says_yes || operation->find_path("responses.502");
    EXPECT_TRUE(answers) << name(route);
    EXPECT_EQ(operation->find("security") != nullptr, route.access != Access::open) << name(route);
  }
  EXPECT_TRUE(described.empty()) << *described.begin() << " is no route";
}

TEST(OpenApi, each_schema_that_is_named_is_there_and_each_is_named) {
  const std::string text = to_spaced_json(openapi(true));
  std::set<std::string> named;
  static const std::regex kReference("\"#/components/schemas/([A-Za-z]+)\"");
  for (std::sregex_iterator at(text.begin(), text.end(), kReference), end; at != end; ++at)
    named.insert((*at)[1]);
  std::set<std::string> there;
  for (const auto& [key, value, line] : schemas().entries()) there.insert(key);
  EXPECT_EQ(named, there);
}

TEST(OpenApi, names_of_operations_are_unique) {
  std::set<std::string> seen;
  const Document document = openapi(false);
  for (const auto& [name, path, line] : document.find("paths")->entries())
    for (const auto& [method, operation, there] : path.entries())
      EXPECT_TRUE(seen.insert(operation.find("operationId")->as_string()).second) << method << " " << name;
  EXPECT_GT(seen.size(), 60u);
}

/// Without users nothing asks for one.
TEST(OpenApi, a_password_is_asked_for_where_there_is_one) {
  EXPECT_EQ(to_spaced_json(openapi(false)).find("security"), std::string::npos);
  EXPECT_NE(openapi(true).find_path("components.securitySchemes.password"), nullptr);
}

TEST(OpenApi, the_schema_knows_what_stands_in_a_status_document) {
  auto s = test::replica();
  s.paused = s.diverged = true;
  s.progress.emplace();
  s.rejoin_error = "x";
  s.operation.emplace();
  s.scheduled_restart = Document::map({{"schedule", "2031-05-01T10:00:00+00:00"}});
  s.facts.pending_restart["max_connections"] = {"1", "2"};
  s.facts.history.emplace().timeline = s.facts.probe->effective_timeline;
  s.facts.silent_since = s.published_at;
  s.writes_ended = s.writes_began = test::kNow;
  const Document all = schemas();
  const Document* known = all.find("Status")->find("properties");
  for (const auto& snapshot : {s, test::primary()}) {
    const MemberStatus status = member_status(snapshot, test::kNow);
    Document document = status_document(status);
    add_interruption(document, snapshot, test::kNow);
    for (const auto& [key, value, line] : document.entries()) EXPECT_NE(known->find(key), nullptr) << key;
  }
}

}  // namespace
}  // namespace tanist::api
