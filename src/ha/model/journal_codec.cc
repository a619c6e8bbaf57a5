#include "ha/model/journal_codec.h"

#include "ha/model/journal_archive.h"
#include "ha/model/recorded.h"

namespace tanist::ha {

using journal::Reader;
using journal::Writer;

namespace {

/// An intent or a duty: its name beside its fields.
template <class... Kinds>
Document written_kind(const std::variant<Kinds...>& what) {
  return std::visit(
      [](const auto& one) {
        Writer w;
        w.document.set("kind", one.kName);
        one.fields(w, one);
        return std::move(w.document);
      },
      what);
}

Document written(const OrderedDuty& ordered) {
  Document d = written_kind(ordered.duty);
  if (ordered.on_failure != OnFailure::go_on) d.set("on_failure", Writer::write(ordered.on_failure));
  return d;
}

}  // namespace

Document encode(const View& v) {
  Writer w;
  w("version", kJournalVersion);
  View::fields(w, v);
  return std::move(w.document);
}

Document encode(const Decision& v) {
  Document reason = Document::map({{"code", code_name(v.reason.code)}, {"text", v.reason.text()}});
  if (v.reason.numbers.size() > 0) reason.set("numbers", v.reason.numbers);
  Document duties = Document::list();
  for (const auto& duty : v.duties) duties.push_back(written(duty));
  Writer w;
  w("reason", reason), w("mandate", v.mandate), w("intent", written_kind(v.intent));
  w.document.set("duties", std::move(duties));
  if (v.needs.any()) w("needs", v.needs);
  w("memory", v.memory), w("wake_at", v.wake_at);
  return std::move(w.document);
}

std::expected<View, std::string> decode_view(const Document& d) {
  try {
    Reader a(d);
    int version = 0;
    a("version", version);
    if (version != kJournalVersion)
      return std::unexpected("version " + std::to_string(version) + " of the journal is not known");
    View v;
    View::fields(a, v);
    return v;
  } catch (const journal::Unreadable& e) {
    return std::unexpected(std::string("a recorded view cannot be read: ") + e.what());
  }
}

}  // namespace tanist::ha
