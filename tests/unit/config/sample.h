#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/read/load.h"
#include "json/parse.h"

namespace tanist::config {

/// The least that a member needs.
inline const std::string kMinimal = R"(scope: orders
name: db-a
restapi: {listen: "0.0.0.0:8008", connect_address: "10.20.0.11:8008"}
etcd3: {hosts: ["10.20.0.1:2379", "10.20.0.2"]}
postgresql:
  listen: "0.0.0.0:5432"
  connect_address: "10.20.0.11:5432"
  data_dir: /srv/pg/orders
  authentication:
    replication: {username: repl, password: s2}
)";

inline std::expected<LocalConfig, Problems> load_text(const std::string& text,
                                                      const Environment& environment = {}) {
  return load_from({{"f.yml", text}}, "f.yml", environment);
}

inline Document json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Document();
}

inline std::vector<std::string> texts(const Problems& problems) {
  std::vector<std::string> out;
  for (const auto& p : problems) out.push_back(to_string(p));
  return out;
}

/// Errors and warnings of a text after the minimal configuration; `lines` of it are already used.
inline std::vector<std::string> findings(const std::string& more, const Environment& environment = {}) {
  const auto loaded = load_text(kMinimal + more, environment);
  return texts(loaded ? loaded->warnings : loaded.error());
}

inline constexpr int kMinimalLines = 10;

}  // namespace tanist::config
