#pragma once

#include <string>
#include <vector>

#include "config/keys/keys.h"
#include "unit/config/sample.h"

namespace tanist::config {

/// A configuration in which something is wrong.
struct Broken {
  std::string name;
  std::string text;
  /// Starts all the same, with a warning.
  bool starts = false;
};

inline std::string repeated(const std::string& part, std::size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += part;
  return out;
}

/// What YAML itself cannot make sense of, and what is too much of a good thing.
inline std::vector<Broken> broken_texts() {
  std::vector<Broken> out;
  const auto after = [&](const char* name, const std::string& text) {
    out.push_back({name, kMinimal + text});
  };
  const auto whole = [&](const char* name, const std::string& text) { out.push_back({name, text}); };
  whole("nothing", "");
  whole("blanks", "   \n\n  \n");
  whole("a comment", "# nothing\n");
  whole("a scalar", "just text\n");
  whole("a number", "42\n");
  whole("a list", "- scope\n- name\n");
  whole("null", "~\n");
  whole("an empty mapping", "{}\n");
  whole("JSON cut off", R"({"scope": "a", "name")");
  whole("XML", "<config><scope>a</scope></config>\n");
  whole("INI", "[tanist]\nscope = a\nname = b\n");
  whole("a shell script", "#!/bin/sh\nexport SCOPE=a\necho $SCOPE\n");
  whole("only NULs", std::string(1000, '\0'));
  whole("UTF-16 without a mark", std::string("s\0c\0o\0p\0e\0:\0 \0a\0", 16));
  whole("UTF-16 cut off", std::string("\xff\xfes\0c\0o", 7));
  whole("ELF", std::string("\x7f"
                           "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
                           16));
  whole("gzip", std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
  after("a tab for indentation", "log:\n\tlevel: INFO\n");
  after("a tab after the key", "log:\n  level:\n\t- x\n");
  after("a quote that is not closed", "namespace: \"abc\n");
  after("a single quote that is not closed", "namespace: 'abc\n");
  after("a bracket that is not closed", "tags: {a: 1\n");
  after("a list that is not closed", "tags: [a, b\n");
  after("brackets crossed", "tags: {a: [1}]\n");
  after("a colon too many", "namespace: a: b\n");
  after("no blank after the colon", "namespace:abc\n");
  after("bad indentation", "log:\n   level: INFO\n  type: plain\n");
  after("a value and a mapping", "log: INFO\n  level: INFO\n");
  after("a list among keys", "- x\n");
  after("an anchor that does not exist", "tags: *nowhere\n");
  after("an anchor in itself", "tags: &a {b: *a}\n");
  after("an anchor twice", "tags: {a: &x 1, b: &x 2}\n");
  after("a tag of Python", "tags: {a: !!python/object:os.system x}\n");
  after("an own tag", "tags: {a: !secret x}\n");
  after("a tag for a list on a mapping", "tags: !!seq {a: 1}\n");
  after("a number that is none", "log: {max_queue_size: !!int abc}\n");
  after("a merge of nothing", "tags: {<<: 5}\n");
  after("a merge of a list of scalars", "tags: {<<: [1, 2]}\n");
  after("a list as a key", "tags: {[a, b]: c}\n");
  after("a mapping as a key", "? {a: b}\n: c\n");
  after("a second document", "---\nscope: other\n");
  after("an unknown directive", "--- \n%FOO\n");
  after("a stray end", "...\nscope: x\n");
  after("a reserved character", "namespace: @abc\n");
  after("a backtick", "namespace: `abc`\n");
  after("an unknown escape", "namespace: \"\\q\"\n");
  after("half an escape", "namespace: \"\\x4\"\n");
  after("a lone surrogate", "namespace: \"\\ud800\"\n");
  after("a control character",
        "namespace: a\x01"
        "b\n");
  after("a NUL inside", "namespace: a" + std::string(1, '\0') + "b\n");
  after("an escape character", "namespace: \x1b[31mred\n");
  after("invalid UTF-8", "namespace: \xff\xfe\n");
  after("UTF-8 cut off", "namespace: \xe2\x82");
  after("UTF-8 too long", "namespace: \xc0\xaf\n");
  after("Latin-1", "namespace: caf\xe9\n");
  after("a huge integer", "log: {max_queue_size: " + std::string(400, '9') + "}\n");
  after("a huge negative integer", "log: {max_queue_size: -" + std::string(400, '9') + "}\n");
  after("a huge hexadecimal", "log: {max_queue_size: 0x" + std::string(400, 'f') + "}\n");
  after("infinity", "log: {max_queue_size: .inf}\n");
  after("not a number", "log: {max_queue_size: .nan}\n");
  after("a huge decimal", "log: {max_queue_size: 1.0e+400}\n");
  after("base 60", "log: {max_queue_size: 99999999:59:59}\n");
  after("a date for a number", "log: {max_queue_size: 2024-01-02}\n");
  after("nested lists", "tags: " + std::string(5000, '[') + "\n");
  after("nested mappings", "tags: " + repeated("{a: ", 5000) + "\n");
  after("nested blocks", "tags: " + repeated("- ", 20000) + "a\n");
  after("a hundred thousand brackets", "tags: " + std::string(100000, '[') + "\n");
  after(
      "many keys", "tags:\n" + [] {
        std::string keys;
        for (int i = 0; i < 20000; ++i) keys += "  k" + std::to_string(i) + ": v\n";
        return keys;
      }());
  after("many values", "tags: {a: [" + repeated("1,", 300000) + "1]}\n");
  whole("ten megabytes of letters", std::string(10 << 20, 'a'));
  whole("ten megabytes of keys", repeated("a: b\n", 2 << 20));
  whole("ten megabytes of colons", std::string(10 << 20, ':'));
  whole("three megabytes of garbage", [] {
    std::string noise;
    std::uint32_t state = 12345;
    for (int i = 0; i < 3 << 20; ++i)
      noise += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return noise;
  }());
  // Each line repeats the one above ten times: a billion values in a few hundred bytes.
  std::string bomb = "tags:\n  a0: &a0 [x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "  a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + repeated(before + ", ", 9) +
            before + "]\n";
  }
  after("a bomb of aliases", bomb);
  std::string merges = "tags:\n  m0: &m0 {a: 1}\n";
  for (int i = 1; i < 30; ++i)
    merges += "  m" + std::to_string(i) + ": &m" + std::to_string(i) + " {x: *m" + std::to_string(i - 1) +
              ", y: *m" + std::to_string(i - 1) + "}\n";
  after("a bomb of mappings", merges);
  after("a key said twice", "log: {level: INFO}\nlog: {level: DEBUG}\n");
  out.back().starts = true;
  after("a key said twice inside", "log: {level: INFO, level: DEBUG}\n");
  out.back().starts = true;
  after("an unknown section", "postgresq: {listen: a}\n");
  out.back().starts = true;
  after("a boolean as a key", "on: 1\n");
  out.back().starts = true;
  after("no such level of logging", "log: {level: info}\n");
  after("a port without a number", "ctl: {authentication: {username: a, password: }}\n");
  after("half a user of the API", "ctl: {authentication: {username: a}}\n");
  after("a TTL in words", "bootstrap: {dcs: {ttl: half a minute}}\n");
  after("parameters as a list", "bootstrap: {dcs: {postgresql: {parameters: [max_connections]}}}\n");
  after("an option of initdb that is not allowed", "bootstrap: {dcs: {}, initdb: [pwfile]}\n");
  after("a driver of the watchdog that nobody knows", "watchdog: {driver: pipe}\n");
  after("a role's parameters as a list", "  parameters_primary: [a]\n");
  after("an address without a port number", "  proxy_address: 'h:x'\n");
  for (const char* key : {"scope", "name", "restapi", "etcd3", "postgresql"}) {
    const auto line = kMinimal.find(std::string(key) + ":");
    std::string text = kMinimal;
    out.push_back({std::string("no ") + key, text.insert(line, "x_")});
    text = kMinimal;
    const auto end = text.find(':', line) + 1;
    out.push_back(
        {std::string("nothing in ") + key,
         kMinimal.substr(0, end) + "\n" +
             (key == std::string("postgresql") ? "" : kMinimal.substr(kMinimal.find('\n', end) + 1))});
  }
  return out;
}

/// A value that no key of this type can mean.
inline std::string impossible_value(const Key& key) {
  switch (key.type) {
    case Type::section:
    case Type::map:
    case Type::dynamic:
    case Type::scalar_map: return "[wrong]";
    case Type::texts: return "5";  // a mapping names methods
    case Type::any: return "";
    default: return "{wrong: [value]}";
  }
}

/// One for every key that may stand in a file: a value of the wrong type in its place.
inline std::vector<Broken> broken_values() {
  std::vector<Broken> out;
  for (const auto& key : keys()) {
    const std::string value = impossible_value(key);
    const bool local = key.scope != Scope::dynamic;
    if (value.empty() || (key.effect == Effect::none && !key.judge)) continue;
    // Options of tools are left out one by one; a citus section that is none means nothing.
    const bool starts =
        key.lenient || key.path == "citus" || (key.type == Type::options && key.path != "bootstrap.initdb");
    std::string flow = value;
    std::string path = local ? key.path : "bootstrap.dcs." + key.path;
    while (true) {
      const auto dot = path.rfind('.');
      if (dot == std::string::npos) break;
      flow = "{" + path.substr(dot + 1) + ": " + flow + "}";
      path.resize(dot);
    }
    // A later file is patched on the minimal one, so that one thing is wrong and everything else is right.
    out.push_back({"wrong type of " + (local ? key.path : "bootstrap.dcs." + key.path),
                   path + ": " + flow + "\n", starts});
  }
  return out;
}

}  // namespace tanist::config
