// What a folder may include: arrows go down only, as drawn in CONTRIBUTING.md and src/CMakeLists.txt.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "unit/tidy/source_tree.h"

namespace tanist::tidy {
namespace {

/// What the files of a folder may include, besides their own folder.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"core", {}},
    {"json", {"core"}},
    {"log", {"core"}},
    {"fence", {"core"}},
    {"async", {"core", "log"}},
    {"guard", {"core"}},
    {"cli", {"core"}},
    {"process", {"core", "log", "async"}},
    {"net", {"core", "log", "async"}},
    {"config/yaml", {"core", "config"}},
    {"config/keys", {"core", "config"}},
    {"config/stores", {"core", "net", "config"}},
    {"config/sections", {"core", "log", "config", "config/keys"}},
    {"config/read", {"core", "config", "config/yaml", "config/keys", "config/sections", "config/stores"}},
    {"config",
     {"core", "net", "config/yaml", "config/keys", "config/sections", "config/stores", "config/read"}},
    {"dcs", {"core", "json", "log", "async", "net", "config"}},
    {"dcs/etcd3", {"core", "json", "log", "async", "net", "config", "config/stores", "dcs"}},
    {"stores", {"async", "config", "dcs", "dcs/etcd3"}},
    {"postgres", {"core", "async", "config"}},
    {"postgres/client", {"core", "async", "net", "config", "postgres"}},
    {"postgres/on_demand", {}},
    {"postgres/parameters",
     {"core", "config", "config/keys", "config/sections", "postgres", "postgres/client"}},
    {"postgres/files", {"core", "log", "async", "process", "config", "postgres", "postgres/parameters"}},
    {"postgres/local",
     {"core", "json", "log", "async", "net", "process", "config", "postgres", "postgres/client",
      "postgres/parameters", "postgres/files"}},
    {"postgres/copies",
     {"core", "log", "async", "process", "config", "config/yaml", "postgres", "postgres/client",
      "postgres/parameters", "postgres/files", "postgres/local"}},
    {"postgres/whole", {"log", "postgres", "postgres/files", "postgres/local", "postgres/copies"}},
    {"ha/model", {"core", "log", "config", "dcs", "postgres"}},
    {"ha/policy", {"core", "log", "config", "dcs", "postgres", "ha/model"}},
    {"ha", {"core", "async", "config", "dcs", "postgres", "ha/model"}},
    {"watchdog", {"core", "log", "async", "config", "ha"}},
    {"ha/lease", {"core", "log", "async", "config", "dcs", "ha", "ha/model"}},
    {"ha/operations",
     {"core", "json", "log", "async", "config", "dcs", "postgres", "ha", "ha/model", "ha/policy",
      "ha/lease"}},
    {"ha/engine",
     {"core", "json", "log", "async", "config", "dcs", "postgres", "ha", "ha/model", "ha/policy", "ha/lease",
      "ha/operations"}},
    {"api",
     {"core", "json", "log", "async", "net", "config", "config/read", "dcs", "postgres", "ha", "ha/model"}},
    {"ctl/show", {"core", "config", "config/yaml", "dcs"}},
    {"ctl/doctor",
     {"core", "config", "config/keys", "config/sections", "dcs", "postgres", "postgres/parameters"}},
    {"ctl/explain",
     {"core", "json", "net", "config", "config/keys", "config/sections", "dcs", "ctl", "ha/model",
      "ha/policy"}},
    {"ctl/top", {"core", "json", "async", "net", "process", "config", "dcs", "ctl", "ctl/show"}},
    {"ctl/commands",
     {"core", "cli", "net", "process", "config", "config/keys", "config/read", "config/sections",
      "config/yaml", "dcs", "postgres", "postgres/client", "postgres/parameters", "ctl", "ctl/doctor",
      "ctl/explain", "ctl/show", "ctl/top"}},
    {"ctl",
     {"core", "json", "log", "async", "cli", "net", "process", "config", "config/read", "config/sections",
      "config/stores", "config/yaml", "dcs", "stores", "postgres", "postgres/client", "postgres/on_demand",
      "ctl/show", "ctl/commands"}},
    {"setup",
     {"core", "async", "net", "process", "config", "config/keys", "config/read", "config/sections",
      "config/yaml", "postgres", "postgres/client", "postgres/parameters", "postgres/files"}},
    {"member",
     {"core",     "json",           "log",         "async",           "guard",         "fence", "net",
      "process",  "config",         "config/read", "config/sections", "config/stores", "dcs",   "stores",
      "postgres", "postgres/whole", "ha",          "ha/model",        "ha/engine",     "api",   "watchdog"}},
    {"apps",
     {"core", "log", "async", "cli", "guard", "net", "process", "config", "config/read", "dcs", "ctl",
      "ctl/commands", "member", "setup"}},
};

std::string folder_of(const std::string& include) {
  const auto slash = include.rfind('/');
  return slash == std::string::npos ? "" : include.substr(0, slash);
}

Complaints wrong_arrows(const std::vector<SourceFile>& files) {
  Complaints complaints;
  for (const auto& file : files) {
    if (!file.in("src/")) continue;
    const auto folder = file.folder();
    const auto rule = kMayInclude.find(folder);
    if (rule == kMayInclude.end()) {
      complaints.push_back(file.path + ": a folder without a place in the table of layers");
      continue;
    }
    for (const auto& include : file.own_includes()) {
      const auto target = folder_of(include);
      if (target == folder || rule->second.contains(target)) continue;
      complaints.push_back(file.path + ": " + folder + " may not include \"" + include + "\"" +
                           (target.empty() ? " (write the path from src/)" : ""));
    }
  }
  return complaints;
}

TEST(layering, each_folder_of_the_table_is_there) {
  std::set<std::string> folders;
  for (const auto& file : sources()) folders.insert(file.folder());
  for (const auto& [folder, may_include] : kMayInclude) {
    EXPECT_TRUE(folders.contains(folder)) << folder;
    for (const auto& other : may_include) EXPECT_TRUE(kMayInclude.contains(other)) << folder << ": " << other;
  }
}

TEST(layering, includes_point_downward) {
  const auto complaints = wrong_arrows(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(layering, an_upward_include_is_found) {
  EXPECT_EQ(wrong_arrows({make_file("src/dcs/x.cc", "#include \"ha/model/view.h\"\n")}).size(), 1u);
  EXPECT_EQ(wrong_arrows({make_file("src/postgres/x.h", "#include \"dcs/model.h\"\n")}).size(), 1u);
  EXPECT_EQ(wrong_arrows({make_file("src/ha/x.h", "#include \"dcs/etcd3/store.h\"\n")}).size(), 1u);
  EXPECT_EQ(wrong_arrows({make_file("src/core/x.h", "#include \"clock.h\"\n")}).size(), 1u);
  EXPECT_TRUE(wrong_arrows({make_file("src/ha/x.cc", "#include \"async/clock.h\"\n")}).empty());
}

/// decide() and the policies: values in, values out.
bool is_pure(const SourceFile& file) {
  return file.in("src/ha/policy/");
}

const std::set<std::string> kValueHeaders = {
    // of settings only what ha/model/policy_settings.h has, which is what the journal records
    "dcs/model.h", "dcs/values.h", "dcs/system_id.h", "postgres/logical_slots.h", "postgres/slot_steps.h",
    "postgres/standby_names.h", "postgres/types.h", "ha/model/view.h", "ha/model/decision.h",
    "ha/model/lease.h", "ha/model/branch.h", "ha/model/failsafe.h", "ha/model/reasons.inc",
    // core's values: what waits, runs or reads a clock is not among them
    "core/document.h", "core/format.h", "log/level.h", "core/history.h", "core/lsn.h", "core/names.h",
    "core/secret.h", "core/text.h", "core/time.h"};

Complaints impurities(const std::vector<SourceFile>& files) {
  Complaints complaints;
  for (const auto& file : files) {
    if (!is_pure(file)) continue;
    for (const auto& include : file.own_includes()) {
      if (kValueHeaders.contains(include) || include.starts_with("ha/policy/")) continue;
      complaints.push_back(file.path + ": decisions see values only, not \"" + include + "\"");
    }
    static const std::regex effect(R"(\bco_(await|return|yield)\b|\blog::[a-z]\w*|::now\(|\bgetenv\b)");
    for (std::sregex_iterator it(file.code.begin(), file.code.end(), effect), end; it != end; ++it) {
      complaints.push_back(
          at(file, static_cast<std::size_t>(it->position()), "decisions are pure: no " + it->str()));
    }
  }
  return complaints;
}

TEST(layering, decisions_see_values_and_do_nothing_else) {
  const auto complaints = impurities(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(layering, a_decision_that_logs_is_found) {
  EXPECT_EQ(impurities({make_file("src/ha/policy/decide.cc",
                                  "#include \"async/clock.h\"\nvoid f() { log::info(\"x\"); }\n")})
                .size(),
            2u);
}

/// The API reads what the engine publishes and posts requests; it never reaches into the cycle.
const std::set<std::string> kPublished = {
    "ha/model/snapshot.h", "ha/model/view.h",          "ha/model/lease.h",
    "ha/model/decision.h", "ha/model/orders.h",        "ha/mailbox.h",
    "ha/snapshot_board.h", "ha/model/journal_codec.h", "ha/model/failsafe.h"};

TEST(layering, each_header_that_may_be_seen_is_there) {
  std::set<std::string> there;
  for (const auto& file : sources()) there.insert(file.path);
  for (const auto& headers : {kValueHeaders, kPublished})
    for (const auto& header : headers) EXPECT_TRUE(there.contains("src/" + header)) << header;
}

TEST(layering, the_api_sees_only_what_the_engine_publishes) {
  for (const auto& file : sources()) {
    if (!file.in("src/api/")) continue;
    for (const auto& include : file.own_includes()) {
      if (include.starts_with("ha/")) {
        EXPECT_TRUE(kPublished.contains(include)) << file.path << " includes " << include;
      }
    }
  }
}

/// What waits, runs or reaches outside: no part of a value, by whatever chain of headers it would come.
bool acts(const std::string& include) {
  for (const auto* prefix : {"async/", "process/", "net/", "boost/asio"})
    if (include.starts_with(prefix)) return true;
  return include == "dcs/store.h" || include == "postgres/server.h" || include == "ha/ports.h";
}

/// The chains of includes that lead from the model, the policies, or what the API sees of ha, to what acts.
Complaints impure_chains(const std::vector<SourceFile>& files) {
  std::map<std::string, const SourceFile*> by_name;
  for (const auto& file : files)
    if (file.in("src/")) by_name[file.path.substr(4)] = &file;

  std::set<std::string> roots;
  for (const auto& [name, file] : by_name) {
    if (file->in("src/ha/model/") || file->in("src/ha/policy/")) roots.insert(name);
    if (!file->in("src/api/")) continue;
    // The mailbox and the board are the doors between the threads: what goes through them are values.
    for (const auto& include : file->own_includes())
      if (include.starts_with("ha/") && include != "ha/mailbox.h" && include != "ha/snapshot_board.h")
        roots.insert(include);
  }

  Complaints complaints;
  for (const auto& root : roots) {
    std::map<std::string, std::string> chain_to{{root, "src/" + root}};
    std::vector<std::string> todo{root};
    while (!todo.empty()) {
      const auto name = todo.back();
      todo.pop_back();
      const auto found = by_name.find(name);
      if (found == by_name.end()) continue;
      auto includes = found->second->own_includes();
      for (auto& library : found->second->library_includes()) includes.push_back(std::move(library));
      for (const auto& include : includes) {
        if (!chain_to.emplace(include, chain_to[name] + " -> " + include).second) continue;
        if (acts(include))
          complaints.push_back(chain_to[include] + ": values know nothing of what acts");
        else
          todo.push_back(include);
      }
    }
  }
  return complaints;
}

TEST(layering, values_reach_nothing_that_acts) {
  const auto complaints = impure_chains(sources());
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

TEST(layering, a_port_behind_two_headers_is_found) {
  const auto policy = make_file("src/ha/policy/x.cc", "#include \"ha/model/x.h\"\n");
  const auto model = make_file("src/ha/model/x.h", "#include \"dcs/x.h\"\n");
  const auto api = make_file("src/api/x.h", "#include \"ha/seen.h\"\n#include \"async/task.h\"\n");
  EXPECT_EQ(impure_chains({policy, model, make_file("src/dcs/x.h", "#include \"dcs/store.h\"\n")}).size(),
            2u);
  EXPECT_EQ(impure_chains({model, make_file("src/dcs/x.h", "#include <boost/asio/awaitable.hpp>\n")}).size(),
            1u);
  EXPECT_EQ(impure_chains({api, make_file("src/ha/seen.h", "#include \"async/event.h\"\n")}).size(), 1u);
  EXPECT_TRUE(impure_chains({policy, model, api, make_file("src/dcs/x.h", "#include <string>\n")}).empty());
}

struct Library {
  std::string prefix;
  std::vector<std::string> allowed;  // path prefixes
};

const std::vector<Library> kLibraries = {
    {"boost/beast", {"src/net/"}}, {"openssl/", {"src/net/"}},     {"boost/asio/ssl", {"src/net/"}},
    {"boost/json", {"src/json/"}}, {"boost/url", {"src/net/"}},    {"yaml.h", {"src/config/"}},
    {"libpq", {"src/postgres/"}},  {"CLI/", {"src/cli/parse.cc"}},
};

TEST(layering, libraries_stay_where_they_belong) {
  Complaints complaints;
  std::set<std::string> used;
  for (const auto& file : sources()) {
    if (!file.in("src/")) continue;
    for (const auto& include : file.library_includes()) {
      for (const auto& library : kLibraries) {
        if (!include.starts_with(library.prefix)) continue;
        const auto place =
            std::ranges::find_if(library.allowed, [&](const auto& prefix) { return file.in(prefix); });
        const bool allowed = place != library.allowed.end();
        if (allowed) used.insert(library.prefix + (" in " + *place));
        if (!allowed) complaints.push_back(file.path + ": <" + include + "> belongs elsewhere");
      }
    }
  }
  EXPECT_TRUE(complaints.empty()) << told(complaints);
  for (const auto& library : kLibraries)
    for (const auto& place : library.allowed)
      EXPECT_TRUE(used.contains(library.prefix + (" in " + place))) << library.prefix << " in " << place;
}

TEST(layering, heavy_headers_stay_out_of_headers) {
  Complaints complaints;
  for (const auto& file : sources()) {
    if (!file.in("src/") || !file.is_header()) continue;
    for (const auto& include : file.library_includes()) {
      if (include.starts_with("boost/beast") || include.starts_with("boost/asio/experimental") ||
          include == "boost/asio.hpp" || include == "boost/json.hpp") {
        complaints.push_back(file.path + ": <" + include +
                             "> costs every file that includes this header half a minute");
      }
    }
  }
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

/// What core/format.h leaves out: builds with the precompiled headers do not miss it, those of sanitizers do.
TEST(layering, who_joins_includes_what_joins) {
  Complaints complaints;
  for (const auto& file : sources()) {
    if (file.code.find("fmt::join") == std::string::npos) continue;
    const auto includes = file.library_includes();
    if (std::ranges::find(includes, "fmt/format.h") == includes.end())
      complaints.push_back(file.path + ": fmt::join is in <fmt/format.h>");
  }
  EXPECT_TRUE(complaints.empty()) << told(complaints);
}

}  // namespace
}  // namespace tanist::tidy
