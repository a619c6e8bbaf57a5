// Every value below a cluster's path: a member must live with whatever others left there. Input: lines of
// `key`, then the value up to a byte 0.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dcs/codec.h"
#include "dcs/overview.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tanist;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  dcs::Tree tree;
  int version = 0;
  while (!text.empty()) {
    const auto end = text.find('\0');
    const std::string_view record = text.substr(0, end);
    const auto line = record.find('\n');
    dcs::KeyValue kv;
    if (line != std::string_view::npos) kv.value = record.substr(line + 1);
    kv.version = dcs::Version(std::to_string(++version));
    tree[std::string(record.substr(0, line))] = kv;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const dcs::Decoded decoded = dcs::decode(tree);
  const auto modes = config::modes_of(decoded.cluster.config.data);
  (void)dcs::member_overviews(decoded.cluster, modes);
  (void)to_json(dcs::cluster_document(decoded.cluster, decoded.cluster.config.data, "scope"));
  (void)to_json(dcs::history_document(decoded.cluster.history));
  // What was read can be written again.
  (void)dcs::encode_status(decoded.cluster.status);
  return 0;
}
