#include "ha/model/journal_codec.h"

#include "ha/model/journal_archive.h"
#include "ha/model/recorded.h"

namespace tanist::ha {

using journal::Reader;
using journal::Writer;

namespace {

Document written(const OrderedDuty& ordered) {
  Document d = Writer::write(ordered.duty);
  if (ordered.on_failure != OnFailure::go_on) d.set("on_failure", Writer::write(ordered.on_failure));
  return d;
}

}  // namespace

Document encode(const Check& v) {
  Document d = Document::map({{"rule", rule_name(v.rule)}, {"passed", v.passed}});
  if (!v.about.empty()) d.set("about", v.about);
  if (v.numbers.size() > 0) d.set("numbers", v.numbers);
  d.set("text", v.text());
  return d;
}

Document encode(const View& v) {
  Writer w;
  w("version", kJournalVersion);
  View::fields(w, v);
  return std::move(w.document);
}

Document encode(const Decision& v) {
  Document reason = Document::map({{"code", code_name(v.reason.code)}, {"text", v.reason.text()}});
  if (v.reason.numbers.size() > 0) reason.set("numbers", v.reason.numbers);
  Document checks = Document::list();
  for (const auto& check : v.checks) checks.push_back(encode(check));
  Document duties = Document::list();
  for (const auto& duty : v.duties) duties.push_back(written(duty));
  Writer w;
  w("reason", reason), w("checks", checks), w("mandate", v.mandate), w("intent", v.intent);
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
