#include "ctl/show/table.h"

#include <algorithm>

#include "ctl/show/unicode.h"

namespace tanist::ctl {

namespace {

std::vector<std::string> lines_of(const std::string& cell) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (;;) {
    const auto end = cell.find('\n', begin);
    out.push_back(cell.substr(begin, end == std::string::npos ? end : end - begin));
    if (end == std::string::npos) return out;
    begin = end + 1;
  }
}

/// The rule with the title over it: as many columns of the rule vanish as the title fills.
std::string titled(const std::string& rule, const std::string& title) {
  if (title.empty() || rule.size() < 2) return rule;
  const std::size_t room = rule.size() - 2;
  std::string shown = title;
  while (display_width(shown) > room) {
    do {
      shown.pop_back();
    } while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0xc0) == 0x80);
    // The lead byte of a cut character.
    if (!shown.empty() && static_cast<unsigned char>(shown.back()) >= 0xc0) shown.pop_back();
  }
  return rule.substr(0, 1) + shown + rule.substr(1 + display_width(shown));
}

}  // namespace

std::string draw_table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows,
                       const std::string& title) {
  std::vector<std::size_t> widths;
  for (const auto& column : columns) widths.push_back(display_width(column.header));
  bool tall = false;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto lines = lines_of(row[i]);
      tall |= lines.size() > 1;
      for (const auto& line : lines) widths[i] = std::max(widths[i], display_width(line));
    }
  }

  std::string rule = "+";
  for (const std::size_t width : widths) rule += std::string(width + 2, '-') + "+";

  std::string out;
  const auto draw_row = [&](const std::vector<std::string>& cells) {
    std::vector<std::vector<std::string>> split;
    std::size_t height = 1;
    for (const auto& cell : cells) {
      split.push_back(lines_of(cell));
      height = std::max(height, split.back().size());
    }
    for (std::size_t line = 0; line < height; ++line) {
      out += '|';
      for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string text = line < split[i].size() ? split[i][line] : std::string();
        const std::string padding(widths[i] - display_width(text), ' ');
        out += ' ';
        out += columns[i].right_aligned ? padding + text : text + padding;
        out += " |";
      }
      out += '\n';
    }
  };

  out += titled(rule, title) + '\n';
  std::vector<std::string> headers;
  for (const auto& column : columns) headers.push_back(column.header);
  draw_row(headers);
  out += rule + '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    draw_row(rows[i]);
    if (tall && i + 1 < rows.size()) out += rule + '\n';
  }
  out += rule + '\n';
  return out;
}

}  // namespace tanist::ctl
