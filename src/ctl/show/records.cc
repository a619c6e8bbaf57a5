#include "ctl/show/records.h"

#include <algorithm>

#include "ctl/show/yaml_writer.h"

namespace tanist::ctl {

namespace {

std::vector<std::string> texts(const std::vector<Document>& row) {
  std::vector<std::string> out;
  for (const auto& value : row) out.push_back(value.text());
  return out;
}

std::string joined_line(const std::vector<std::string>& cells, const std::string& delimiter) {
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) out += (i == 0 ? "" : delimiter) + cells[i];
  return out + "\n";
}

std::string delimited(const Records& records, const std::string& delimiter) {
  std::string out;
  if (!records.columns.empty()) {
    std::vector<std::string> names;
    for (const auto& column : records.columns) names.push_back(column.header);
    out = joined_line(names, delimiter);
  }
  for (const auto& row : records.rows) out += joined_line(texts(row), delimiter);
  return out;
}

Document as_objects(const Records& records) {
  Document out = Document::list();
  for (const auto& row : records.rows) {
    Document item = Document::map();
    const auto known = std::min(row.size(), records.columns.size());
    for (std::size_t i = 0; i < known; ++i) item.set(records.columns[i].header, row[i]);
    out.push_back(std::move(item));
  }
  return out;
}

std::string grid(const Records& records) {
  std::vector<Column> columns = records.columns;
  // As the original's library names what has no name.
  if (columns.empty() && !records.rows.empty())
    for (std::size_t i = 1; i <= records.rows.front().size(); ++i)
      columns.push_back({"Field " + std::to_string(i)});
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : records.rows) rows.push_back(texts(row));
  return draw_table(columns, rows);
}

}  // namespace

std::string format_records(const Records& records, Format format, const std::string& delimiter) {
  switch (format) {
    case Format::pretty:
    case Format::topology: return grid(records);
    case Format::tsv: return delimited(records, delimiter);
    case Format::json: return to_spaced_json(as_objects(records)) + "\n";
    case Format::yaml: return to_yaml(as_objects(records)) + "\n";
  }
  return {};
}

}  // namespace tanist::ctl
