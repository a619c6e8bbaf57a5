#include "config/yaml/yaml.h"

#include <yaml.h>

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/format.h"

namespace tanist::config {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";
/// Words are not repeated in messages: a password may begin like them.
constexpr const char* kQuoteIt = "put a text that begins with ! & or * in quotes";

struct Position {
  int line = 0;
  int column = 0;
};

Position at(const yaml_mark_t& mark) {
  return {static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
}

class Event {
 public:
  Event() : event_() {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { yaml_event_delete(&event_); }
  yaml_event_t* raw() { return &event_; }
  yaml_event_type_t type() const { return event_.type; }
  const yaml_event_t* operator->() const { return &event_; }
  Position position() const { return at(event_.start_mark); }

 private:
  yaml_event_t event_;
};

std::string_view view(const yaml_char_t* text) {
  return text ? std::string_view(reinterpret_cast<const char*>(text)) : std::string_view();
}

/// A value together with what its size is when an alias repeats it.
struct Node {
  Document value;
  std::size_t values = 1;
  Position position;
  /// A plain `<<` or `=`, which mean something only as keys.
  bool merge = false;
  bool value_key = false;
};

struct Failure {
  Position position;
  std::string text;
  std::string hint;
};

/// The text a key gets in a Document: what Python's json module writes for it.
std::optional<std::string> key_text(const Document& key) {
  if (key.is_string()) return key.as_string();
  if (key.is_null()) return "null";
  if (key.is_bool()) return key.as_bool() ? "true" : "false";
  if (key.is_scalar()) return key.text();
  return std::nullopt;
}

/// Builds the tree from libyaml's events. Throws Failure, caught in parse_yaml.
class Builder {
 public:
  Builder(std::string_view text, std::string_view file, Problems& warnings)
      : text_(text), file_(file), warnings_(warnings) {
    if (!yaml_parser_initialize(&parser_)) throw std::bad_alloc();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() { yaml_parser_delete(&parser_); }

  Document document() {
    expect(YAML_STREAM_START_EVENT);
    Event start;
    next(start);
    if (start.type() == YAML_STREAM_END_EVENT) return {};
    Event first;
    next(first);
    Node root = node(first, 0);
    reject_stray_key(root);
    expect(YAML_DOCUMENT_END_EVENT);
    Event end;
    next(end);
    if (end.type() != YAML_STREAM_END_EVENT)
      throw Failure{end.position(), "a second document begins here, one is expected",
                    "remove the line \"---\""};
    return std::move(root.value);
  }

 private:
  void next(Event& event) {
    if (!yaml_parser_parse(&parser_, event.raw())) fail_in_parser();
  }

  void expect(yaml_event_type_t type) {
    Event event;
    next(event);
    if (event.type() != type) throw Failure{event.position(), "unexpected structure", ""};
  }

  [[noreturn]] void fail_in_parser() {
    Failure failure;
    failure.text = parser_.problem ? parser_.problem : "cannot be read";
    if (parser_.error == YAML_READER_ERROR) {
      failure.position = locate(parser_.problem_offset);
      if (parser_.problem_value > 0) failure.text += fmt::format(" (#x{:X})", parser_.problem_value);
    } else {
      failure.position = at(parser_.problem_mark);
      if (parser_.context)
        failure.text += fmt::format(", {} at line {}", parser_.context, parser_.context_mark.line + 1);
      const std::size_t index = offset(parser_.problem_mark.index);
      if (index < text_.size() && text_[index] == '\t')
        failure.hint = "indent with blanks, tabs are not allowed";
    }
    throw failure;
  }

  /// libyaml counts characters, the text has bytes.
  std::size_t offset(std::size_t characters) const {
    std::size_t i = 0;
    for (; i < text_.size() && characters > 0; --characters) {
      ++i;
      while (i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80) ++i;
    }
    return i;
  }

  Position locate(std::size_t byte) const {
    Position p{1, 1};
    for (std::size_t i = 0; i < byte && i < text_.size(); ++i) {
      p.column = text_[i] == '\n' ? 1 : p.column + 1;
      p.line += text_[i] == '\n' ? 1 : 0;
    }
    return p;
  }

  void warn(Position where, std::string key, std::string text, std::string hint = {}) {
    if (warnings_.size() >= kMaxWarnings) return;
    warnings_.push_back(Problem{.severity = Severity::warning,
                                .file = std::string(file_),
                                .line = where.line,
                                .column = where.column,
                                .key = std::move(key),
                                .text = std::move(text),
                                .hint = std::move(hint)});
  }

  void count(std::size_t values, Position where) {
    total_ += values;
    if (total_ > kMaxYamlValues)
      throw Failure{
          where, fmt::format("more than {} values (aliases counted as often as used)", kMaxYamlValues), ""};
  }

  static void reject_stray_key(const Node& node) {
    if (node.merge || node.value_key)
      throw Failure{node.position, fmt::format("\"{}\" is allowed only as a key", node.merge ? "<<" : "="),
                    "put it in quotes if the text is meant"};
  }

  Node node(const Event& event, int depth) {
    if (depth > kMaxYamlDepth)
      throw Failure{event.position(), fmt::format("nested deeper than {} levels", kMaxYamlDepth), ""};
    Node out;
    switch (event.type()) {
      case YAML_ALIAS_EVENT: return alias(event);
      case YAML_SCALAR_EVENT: {
        const std::string anchor = open_anchor(event, event->data.scalar.anchor);
        out = scalar(event);
        count(1, out.position);
        close_anchor(anchor, out);
        return out;
      }
      case YAML_SEQUENCE_START_EVENT: {
        const std::string anchor = open_anchor(event, event->data.sequence_start.anchor);
        check_collection_tag(event, view(event->data.sequence_start.tag), "seq");
        out = sequence(event, depth);
        close_anchor(anchor, out);
        return out;
      }
      case YAML_MAPPING_START_EVENT: {
        const std::string anchor = open_anchor(event, event->data.mapping_start.anchor);
        check_collection_tag(event, view(event->data.mapping_start.tag), "map");
        out = mapping(event, depth);
        close_anchor(anchor, out);
        return out;
      }
      default: throw Failure{event.position(), "unexpected structure", ""};
    }
  }

  Node alias(const Event& event) {
    const std::string name(view(event->data.alias.anchor));
    const auto found = anchors_.find(name);
    if (found == anchors_.end())
      throw Failure{event.position(), "the alias that begins here has no anchor before it", kQuoteIt};
    if (!found->second)
      throw Failure{event.position(), "the alias that begins here stands inside the value it refers to",
                    kQuoteIt};
    count(found->second->values, event.position());
    Node copy = *found->second;
    copy.position = event.position();
    return copy;
  }

  /// Registers an anchor as open: an alias to it before close_anchor would be recursive.
  std::string open_anchor(const Event& event, const yaml_char_t* anchor) {
    const std::string name(view(anchor));
    if (!name.empty() && !anchors_.emplace(name, std::nullopt).second)
      throw Failure{event.position(), "the anchor that begins here is defined twice", kQuoteIt};
    return name;
  }

  void close_anchor(const std::string& name, const Node& node) {
    if (!name.empty()) anchors_[name] = node;
  }

  static void check_collection_tag(const Event& event, std::string_view tag, std::string_view allowed) {
    if (tag.empty() || tag == "!" || tag == std::string(kTagPrefix) + std::string(allowed)) return;
    fail_tag(event);
  }

  [[noreturn]] static void fail_tag(const Event& event) {
    throw Failure{event.position(), "the tag that begins here is not supported", kQuoteIt};
  }

  Node scalar(const Event& event) {
    const auto& data = event->data.scalar;
    const std::string_view text(reinterpret_cast<const char*>(data.value), data.length);
    std::string_view tag = view(data.tag);
    Node out;
    out.position = event.position();
    std::expected<Document, std::string> value = Document(text);
    if (tag.empty() || tag == "!") {
      if (data.plain_implicit && text == "<<") {
        out.merge = true;
      } else if (data.plain_implicit && text == "=") {
        out.value_key = true;
      } else if (data.plain_implicit) {
        value = resolve_plain_scalar(text);
        if (is_base60(text))
          warn(out.position, "", "the text that begins here is a number in base 60",
               "put it in quotes if the text is meant");
      }
    } else if (!tag.starts_with(kTagPrefix)) {
      fail_tag(event);
    } else {
      tag.remove_prefix(kTagPrefix.size());
      if (tag == "merge") {
        out.merge = true;
      } else if (tag == "value") {
        out.value_key = true;
      } else if (tag == "null") {
        value = Document();
      } else if (tag == "int") {
        value = detail::construct_int(text);
      } else if (tag == "float") {
        value = detail::construct_float(text);
      } else if (tag == "bool") {
        value = detail::construct_bool(text);
      } else if (tag != "str" && tag != "timestamp") {
        fail_tag(event);
      }
    }
    if (!value) throw Failure{out.position, value.error(), ""};
    out.value = std::move(*value);
    out.value.line = out.position.line;
    return out;
  }

  Node sequence(const Event& start, int depth) {
    Node out;
    out.position = start.position();
    count(1, out.position);
    out.value = Document::list();
    out.value.line = out.position.line;
    while (true) {
      Event event;
      next(event);
      if (event.type() == YAML_SEQUENCE_END_EVENT) return out;
      Node item = node(event, depth + 1);
      reject_stray_key(item);
      out.values += item.values;
      out.value.push_back(std::move(item.value));
    }
  }

  /// Entries by key, in the order of their first appearance.
  struct Fields {
    Document::Entries entries;
    std::unordered_map<std::string, std::size_t> index;

    /// Returns the line of the entry that was replaced, 0 if none.
    int put(Document::Entry entry) {
      const auto [at, fresh] = index.emplace(entry.key, entries.size());
      if (fresh) {
        entries.push_back(std::move(entry));
        return 0;
      }
      const int line = entries[at->second].line;
      entries[at->second] = std::move(entry);
      return line;
    }
  };

  Node mapping(const Event& start, int depth) {
    Node out;
    out.position = start.position();
    count(1, out.position);
    Fields merged;
    Fields own;
    while (true) {
      Event event;
      next(event);
      if (event.type() == YAML_MAPPING_END_EVENT) break;
      // Lookups in a Document are linear: a mapping has to stay small.
      if (own.entries.size() + merged.entries.size() > kMaxYamlKeys)
        throw Failure{event.position(), fmt::format("more than {} keys in one mapping", kMaxYamlKeys), ""};
      Node key = node(event, depth + 1);
      Event value_event;
      next(value_event);
      Node value = node(value_event, depth + 1);
      reject_stray_key(value);
      out.values += value.values + 1;
      if (key.merge) {
        merge_into(merged, value);
        continue;
      }
      if (key.value_key) key.value = Document("=");
      const auto name = key_text(key.value);
      if (!name) throw Failure{key.position, "a key must be a scalar, not a list or a mapping", ""};
      if (key.value.is_bool() || key.value.is_null())
        warn(key.position, *name, fmt::format("this key is read as {}, not as text", *name),
             "put the key in quotes");
      const int before = own.put(Document::Entry{*name, std::move(value.value), key.position.line});
      if (before > 0)
        warn(key.position, *name,
             fmt::format("repeated key, first given in line {}; the last one counts", before));
    }
    // Keys of the mapping itself win over merged ones, wherever `<<` stands.
    for (auto& entry : own.entries) merged.put(std::move(entry));
    out.value = Document::map();
    out.value.entries() = std::move(merged.entries);
    out.value.line = out.position.line;
    return out;
  }

  static void merge_into(Fields& target, const Node& node) {
    const auto put_all = [&](const Document& map) {
      for (const auto& entry : map.entries()) target.put(entry);
    };
    if (node.value.is_map()) return put_all(node.value);
    if (!node.value.is_list())
      throw Failure{node.position, "\"<<\" needs a mapping or a list of mappings", ""};
    for (const auto& item : node.value.as_list())
      if (!item.is_map()) throw Failure{node.position, "\"<<\" needs a list of mappings only", ""};
    // The first of the list has precedence.
    for (auto item = node.value.as_list().rbegin(); item != node.value.as_list().rend(); ++item)
      put_all(*item);
  }

  static constexpr std::size_t kMaxWarnings = 100;

  yaml_parser_t parser_{};
  std::string_view text_;
  std::string_view file_;
  Problems& warnings_;
  std::unordered_map<std::string, std::optional<Node>> anchors_;
  std::size_t total_ = 0;
};

}  // namespace

std::expected<Document, Problem> parse_yaml(std::string_view text, std::string_view file,
                                            Problems& warnings) {
  const auto failed = [&](Position where, std::string what, std::string hint) {
    return std::unexpected(Problem{.severity = Severity::error,
                                   .file = std::string(file),
                                   .line = where.line,
                                   .column = where.column,
                                   .key = {},
                                   .text = std::move(what),
                                   .hint = std::move(hint)});
  };
  if (text.size() > kMaxYamlBytes)
    return failed(
        {}, fmt::format("{} bytes are no configuration, {} are the limit", text.size(), kMaxYamlBytes), "");
  try {
    Builder builder(text, file, warnings);
    return builder.document();
  } catch (const Failure& failure) {
    return failed(failure.position, "invalid YAML: " + failure.text, failure.hint);
  }
}

}  // namespace tanist::config
