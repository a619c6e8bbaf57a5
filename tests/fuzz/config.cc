// Everything that reads a configuration: YAML files, environment variables, the dynamic configuration as
// JSON. The first byte chooses; no input may crash, hang or use memory without bound.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/build.h"
#include "config/read/load.h"
#include "config/sections/dynamic.h"
#include "config/yaml/yaml.h"
#include "json/parse.h"

namespace {

using namespace tanist;

/// Loads, and builds what can be built; a refusal without an error would let a broken file start a daemon.
void load_and_build(const std::vector<config::SourceFile>& files, const config::Environment& environment,
                    const Document& dynamic) {
  const auto local = config::load_from(files, "fuzz", environment);
  if (!local) {
    if (!config::has_errors(local.error())) std::abort();
    return;
  }
  config::Problems problems;
  (void)config::build(*local, dynamic, problems);
  // What a new cluster would begin with.
  const Document* dcs = local->document.find_path("bootstrap.dcs");
  if (!dcs || !dcs->is_map()) return;
  const auto accepted = config::accept_dynamic(*dcs, problems);
  // load() has refused what cannot be accepted.
  if (!accepted) std::abort();
  (void)config::build(*local, *accepted, problems);
}

const std::string kMinimal =
    "scope: s\nname: n\nrestapi: {listen: 'h:1'}\netcd3: {host: h}\n"
    "postgresql:\n  listen: h\n  data_dir: /d\n  authentication: {replication: {username: r}}\n";

void environment_of(std::string_view text, config::Environment& out) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = line.find('=');
    if (equals != std::string_view::npos)
      out["PATRONI_" + std::string(line.substr(0, equals))] = std::string(line.substr(equals + 1));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  // A high first byte: a file, a zero byte, a dynamic configuration.
  if (data[0] >= 0x80) {
    const auto cut = text.find('\0');
    const auto dynamic =
        parse_json(cut == std::string::npos ? std::string_view() : std::string_view(text).substr(cut + 1));
    config::Problems notes;
    const auto accepted = dynamic ? config::accept_dynamic(*dynamic, notes)
                                  : std::expected<Document, std::string>(Document::map());
    if (accepted) load_and_build({{"a.yml", kMinimal}, {"b.yml", text.substr(0, cut)}}, {}, *accepted);
    return 0;
  }
  switch (data[0] % 4) {
    case 0: load_and_build({{"f.yml", text}}, {}, Document::map()); break;
    case 1: load_and_build({{"a.yml", kMinimal}, {"b.yml", text}}, {}, Document::map()); break;
    case 2: {
      config::Environment environment;
      environment_of(text, environment);
      load_and_build({{"a.yml", kMinimal}}, environment, Document::map());
      break;
    }
    case 3: {
      const auto parsed = parse_json(text);
      if (!parsed) break;
      load_and_build({{"a.yml", kMinimal}}, {}, *parsed);
      const auto accepted = config::accept_dynamic(*parsed);
      if (!accepted) break;
      const auto again = config::accept_dynamic(*accepted);
      if (!again || !(*again == *accepted)) std::abort();
      break;
    }
  }
  return 0;
}
