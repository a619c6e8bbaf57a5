#include "net/chunked.h"

#include <algorithm>

namespace tanist::net {

namespace {

/// No chunk has a size that needs more: 16 would fit 64 bits, and sums of such sizes would not.
constexpr int kMaxSizeDigits = 15;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::expected<std::size_t, ChunkedBody::Trouble> ChunkedBody::put(std::string_view bytes, std::string& body) {
  std::size_t taken = 0;
  while (taken < bytes.size() && at_ != At::end) {
    if (at_ == At::data) {
      const std::size_t part = std::min<std::uint64_t>(size_, bytes.size() - taken);
      body.append(bytes.substr(taken, part));
      taken += part;
      size_ -= part;
      if (size_ == 0) at_ = At::data_cr;
      continue;
    }
    if (++line_bytes_ > limits_.line_bytes) return std::unexpected(Trouble::head_too_large);
    if (!step(bytes[taken])) return std::unexpected(Trouble::broken);
    ++taken;
    if (at_ != At::data) continue;
    body_bytes_ += size_;
    if (limits_.body_bytes != 0 && body_bytes_ > limits_.body_bytes)
      return std::unexpected(Trouble::body_too_large);
  }
  return taken;
}

bool ChunkedBody::step(char c) {
  switch (at_) {
    case At::size: {
      const int value = hex_value(c);
      if (value >= 0) {
        size_ = size_ * 16 + static_cast<std::uint64_t>(value);
        return ++digits_ <= kMaxSizeDigits;
      }
      at_ = c == '\r' ? At::size_lf : At::extension;
      return digits_ > 0 && (c == '\r' || c == ';' || c == ' ' || c == '\t');
    }
    case At::extension:
      if (c == '\r') at_ = At::size_lf;
      return c != '\n';
    case At::size_lf:
      at_ = size_ == 0 ? At::trailer : At::data;
      line_bytes_ = 0;
      digits_ = 0;
      return c == '\n';
    case At::data_cr: at_ = At::data_lf; return c == '\r';
    case At::data_lf:
      at_ = At::size;
      line_bytes_ = 0;
      return c == '\n';
    case At::trailer: at_ = c == '\r' ? At::last_lf : At::trailer_rest; return c != '\n';
    case At::trailer_rest:
      if (c == '\r') at_ = At::trailer_lf;
      return c != '\n';
    case At::trailer_lf: at_ = At::trailer; return c == '\n';
    case At::last_lf: at_ = At::end; return c == '\n';
    case At::data:
    case At::end: break;
  }
  return false;
}

}  // namespace tanist::net
