#include "postgres/client/dsn.h"

#include <libpq-fe.h>

#include <memory>

namespace tanist::postgres {

std::optional<ConnectionParameters> parse_dsn(const std::string& text) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(text.c_str(), &complaint), &PQconninfoFree);
  // The complaint may quote what was given, a password included.
  if (complaint) PQfreemem(complaint);
  if (!options) return std::nullopt;
  ConnectionParameters out;
  for (const PQconninfoOption* option = options.get(); option->keyword; ++option)
    if (option->val) out[option->keyword] = option->val;
  return out;
}

}  // namespace tanist::postgres
