#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/errors.h"
#include "config/stores.h"
#include "core/document.h"
#include "net/http.h"

/// Between a document and the options of its store.
namespace tanist::config {

/// The store that a document chooses: the first of the table that this build speaks to and whose section is
/// there with something in it. nullptr: none.
const KnownStore* chosen_store(const Document& document);

/// What the section of the chosen store says; monostate: none is chosen. `file` names the source. What cannot
/// be used becomes an error, what has no effect a warning.
StoreOptions build_store(const Document& document, std::string_view file, Problems& problems);

/// A store that a document has a section of, and that this build does not speak to; nullptr: none. Of several
/// the one for which there is something else to do than to choose another.
const KnownStore* configured_in_vain(const Document& document);

/// How the certificates of the connections to the store are loaded; nullopt: it has none.
std::optional<net::TlsOptions> store_tls(const StoreOptions& options);

}  // namespace tanist::config
