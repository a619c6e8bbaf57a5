#include <gtest/gtest.h>

#include "config/yaml/yaml.h"

namespace tanist::config {
namespace {

struct Expected {
  const char* text;
  const char* type;
  const char* value;
};

/// What PyYAML 6.0 safe_load makes of plain scalars: type and str() of the value.
constexpr Expected kExpected[] = {
    {"yes", "bool", "True"},
    {"Yes", "bool", "True"},
    {"YES", "bool", "True"},
    {"no", "bool", "False"},
    {"No", "bool", "False"},
    {"NO", "bool", "False"},
    {"true", "bool", "True"},
    {"True", "bool", "True"},
    {"TRUE", "bool", "True"},
    {"false", "bool", "False"},
    {"False", "bool", "False"},
    {"FALSE", "bool", "False"},
    {"on", "bool", "True"},
    {"On", "bool", "True"},
    {"ON", "bool", "True"},
    {"off", "bool", "False"},
    {"Off", "bool", "False"},
    {"OFF", "bool", "False"},
    {"y", "str", "y"},
    {"Y", "str", "Y"},
    {"n", "str", "n"},
    {"N", "str", "N"},
    {"yEs", "str", "yEs"},
    {"tRUE", "str", "tRUE"},
    {"oN", "str", "oN"},
    {"~", "null", "None"},
    {"null", "null", "None"},
    {"Null", "null", "None"},
    {"NULL", "null", "None"},
    {"nULL", "str", "nULL"},
    {"0", "int", "0"},
    {"00", "int", "0"},
    {"01", "int", "1"},
    {"0644", "int", "420"},
    {"-017", "int", "-15"},
    {"+017", "int", "15"},
    {"08", "str", "08"},
    {"09", "str", "09"},
    {"0o17", "str", "0o17"},
    {"0x1F", "int", "31"},
    {"0X1F", "str", "0X1F"},
    {"-0x10", "int", "-16"},
    {"+0xff", "int", "255"},
    {"0x_1", "int", "1"},
    {"0b101", "int", "5"},
    {"-0b11", "int", "-3"},
    {"0b2", "str", "0b2"},
    {"0b_1", "int", "1"},
    {"1_000", "int", "1000"},
    {"+5", "int", "5"},
    {"-5", "int", "-5"},
    {"5", "int", "5"},
    {"_5", "str", "_5"},
    {"5_", "int", "5"},
    {"1__0", "int", "10"},
    {"0_7", "int", "7"},
    {"0_", "int", "0"},
    {"0__", "int", "0"},
    {"+0", "int", "0"},
    {"-0", "int", "0"},
    {"12345678901", "int", "12345678901"},
    {"9223372036854775807", "int", "9223372036854775807"},
    {"-9223372036854775808", "int", "-9223372036854775808"},
    {"1:30", "int", "90"},
    {"190:20:30", "int", "685230"},
    {"1:60", "str", "1:60"},
    {"0:30", "str", "0:30"},
    {"01:30", "str", "01:30"},
    {"1:3", "int", "63"},
    {"1:0:0", "int", "3600"},
    {"-1:30", "int", "-90"},
    {"+1:30", "int", "90"},
    {"1_0:30", "int", "630"},
    {"1:5:60", "str", "1:5:60"},
    {"1::2", "str", "1::2"},
    {"1.5", "float", "1.5"},
    {".5", "float", "0.5"},
    {"-.5", "str", "-.5"},
    {"+.5", "str", "+.5"},
    {"1.", "float", "1.0"},
    {"1.e", "str", "1.e"},
    {"1e3", "str", "1e3"},
    {"1.0e3", "str", "1.0e3"},
    {"1.0e+3", "float", "1000.0"},
    {"1.0E-3", "float", "0.001"},
    {"1.5e+03", "float", "1500.0"},
    {".5e+1", "float", "5.0"},
    {"1_0.5", "float", "10.5"},
    {"1._5", "float", "1.5"},
    {"._5", "str", "._5"},
    {"1:30.5", "float", "90.5"},
    {"-1:30.5", "float", "-90.5"},
    {"1:30.", "float", "90.0"},
    {"01.5", "float", "1.5"},
    {"00.5", "float", "0.5"},
    {"1.5.2", "str", "1.5.2"},
    {"-", "str", "-"},
    {"+", "str", "+"},
    {".", "str", "."},
    {"..", "str", ".."},
    {"-.", "str", "-."},
    {"1.0e+", "str", "1.0e+"},
    {"1.2_3", "float", "1.23"},
    {".inf", "float", "inf"},
    {".Inf", "float", "inf"},
    {".INF", "float", "inf"},
    {"-.inf", "float", "-inf"},
    {"+.inf", "float", "inf"},
    {".iNF", "str", ".iNF"},
    {".nan", "float", "nan"},
    {".NaN", "float", "nan"},
    {".NAN", "float", "nan"},
    {"-.nan", "str", "-.nan"},
    {"inf", "str", "inf"},
    {"nan", "str", "nan"},
    {"2024-01-02", "str", "2024-01-02"},
    {"2024-1-2", "str", "2024-1-2"},
    {"127.0.0.1", "str", "127.0.0.1"},
    {"127.0.0.1:5432", "str", "127.0.0.1:5432"},
    {"10:5432", "str", "10:5432"},
    {"a:b", "str", "a:b"},
    {"5432:5432", "str", "5432:5432"},
    {"1.2.3", "str", "1.2.3"},
    {"16MB", "str", "16MB"},
    {"0x", "str", "0x"},
    {"0b", "str", "0b"},
    {"1e+3", "str", "1e+3"},
    {"12e03", "str", "12e03"},
    {"685_230.15", "float", "685230.15"},
    {"0.1", "float", "0.1"},
    {"100000000000000000000.0", "float", "1e+20"},
    {"1e400", "str", "1e400"},
    {"5e-324", "str", "5e-324"},
    {"0.30000000000000004", "float", "0.30000000000000004"},
    {"123abc", "str", "123abc"},
    {"$x", "str", "$x"},
    {"-x", "str", "-x"},
    {"+x", "str", "+x"},
    {".x", "str", ".x"},
    {"._", "str", "._"},
    {"0.0", "float", "0.0"},
    {"-0.0", "float", "-0.0"},
    {"1_", "int", "1"},
    {"0x1_F", "int", "31"},
};

std::string type_of(const Document& d) {
  if (d.is_null()) return "null";
  if (d.is_bool()) return "bool";
  if (d.is_int()) return "int";
  return d.is_double() ? "float" : "str";
}

TEST(YamlScalar, plain_scalars_mean_what_pyyaml_reads) {
  for (const auto& [text, type, value] : kExpected) {
    const auto resolved = resolve_plain_scalar(text);
    ASSERT_TRUE(resolved) << text;
    EXPECT_EQ(type_of(*resolved), type) << text;
    EXPECT_EQ(resolved->text(), value) << text;
  }
}

TEST(YamlScalar, a_number_without_digits_is_an_error) {
  EXPECT_FALSE(resolve_plain_scalar("0x_"));
  EXPECT_FALSE(resolve_plain_scalar("0b__"));
  EXPECT_EQ(resolve_plain_scalar("0x_").error(), "the text that begins here is not an integer");
}

TEST(YamlScalar, an_integer_beyond_64_bits_keeps_its_text) {
  EXPECT_EQ(*resolve_plain_scalar("9223372036854775808"), Document("9223372036854775808"));
  EXPECT_EQ(*resolve_plain_scalar("-9223372036854775808"),
            Document(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(*resolve_plain_scalar("99999999999999:30:30:30"), Document("99999999999999:30:30:30"));
}

TEST(YamlScalar, base60_numbers_are_recognised) {
  EXPECT_TRUE(is_base60("1:30"));
  EXPECT_TRUE(is_base60("1:30.5"));
  EXPECT_FALSE(is_base60("0:30"));
  EXPECT_FALSE(is_base60("127.0.0.1:5432"));
}

}  // namespace
}  // namespace tanist::config
