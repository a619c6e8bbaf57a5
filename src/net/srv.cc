#include "net/srv.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <tuple>

namespace tanist::net {

namespace {

/// Reads a DNS packet from its beginning; every step checks the bounds.
class PacketReader {
 public:
  explicit PacketReader(std::string_view packet) : packet_(packet) {}

  bool good() const { return good_; }
  int number16() {
    if (!has(2)) return 0;
    const int out = (byte(at_) << 8) | byte(at_ + 1);
    at_ += 2;
    return out;
  }
  void skip(std::size_t bytes) {
    if (has(bytes)) at_ += bytes;
  }
  std::string name() {
    char text[NS_MAXDNAME];
    const auto* begin = reinterpret_cast<const unsigned char*>(packet_.data());
    const int taken = good_ ? ::dn_expand(begin, begin + packet_.size(), begin + at_, text, sizeof text) : -1;
    if (taken < 0) {
      good_ = false;
      return {};
    }
    at_ += static_cast<std::size_t>(taken);
    return text;
  }
  std::size_t position() const { return at_; }
  void move_to(std::size_t position) {
    if (position > packet_.size()) good_ = false;
    at_ = std::min(position, packet_.size());
  }

 private:
  int byte(std::size_t i) const { return static_cast<unsigned char>(packet_[i]); }
  bool has(std::size_t bytes) {
    good_ = good_ && packet_.size() - at_ >= bytes;
    return good_;
  }
  std::string_view packet_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace

std::optional<std::vector<SrvTarget>> parse_srv_answer(std::string_view packet) {
  PacketReader reader(packet);
  reader.skip(4);  // id and flags
  const int questions = reader.number16();
  const int answers = reader.number16();
  reader.skip(4);  // authorities and additional records
  for (int i = 0; i < questions && reader.good(); ++i) {
    reader.name();
    reader.skip(4);
  }
  std::vector<SrvTarget> out;
  for (int i = 0; i < answers && reader.good(); ++i) {
    reader.name();
    const int type = reader.number16();
    reader.skip(6);  // class and time to live
    const int length = reader.number16();
    const std::size_t end = reader.position() + static_cast<std::size_t>(length);
    if (type == ns_t_srv) {
      SrvTarget target;
      target.priority = reader.number16();
      target.weight = reader.number16();
      target.port = reader.number16();
      target.host = reader.name();
      if (reader.good() && !target.host.empty()) out.push_back(std::move(target));
    }
    reader.move_to(end);
  }
  if (!reader.good()) return std::nullopt;
  std::ranges::sort(out, [](const SrvTarget& a, const SrvTarget& b) {
    return std::tie(a.priority, b.weight, a.host, a.port) < std::tie(b.priority, a.weight, b.host, b.port);
  });
  return out;
}

std::expected<std::vector<SrvTarget>, std::string> look_up_srv(const std::string& name) {
  struct __res_state state{};
  if (::res_ninit(&state) != 0) return std::unexpected(std::string("the resolver has no configuration"));
  std::vector<unsigned char> packet(64 * 1024);
  const int size =
      ::res_nquery(&state, name.c_str(), ns_c_in, ns_t_srv, packet.data(), static_cast<int>(packet.size()));
  const int why = state.res_h_errno;
  ::res_nclose(&state);
  if (size < 0) {
    if (why == HOST_NOT_FOUND || why == NO_DATA) return std::vector<SrvTarget>();
    return std::unexpected(std::string(::hstrerror(why)));
  }
  const auto used = std::min(static_cast<std::size_t>(size), packet.size());
  auto parsed = parse_srv_answer({reinterpret_cast<const char*>(packet.data()), used});
  if (!parsed) return std::unexpected(std::string("a damaged answer"));
  return std::move(*parsed);
}

}  // namespace tanist::net
