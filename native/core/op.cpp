#include "core/op.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <locale>
#include <sstream>

#include "core/error.h"

namespace lophi {
namespace {

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
    end = text.find(at);
    parts.emplace_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) break;
  }
  return parts;
}

struct Class {
  std::string_view word;
  std::string_view dtypes;
  bool (*admits)(DType);
};
constexpr Class kClasses[] = {
    {"float", "float32, float16 or bfloat16", [](DType dtype) { return is_float(dtype); }},
    {"number", "float32, float16, bfloat16 or int32",
     [](DType dtype) { return is_float(dtype) || dtype == DType::kInt32; }},
    {"cache", "float32, float16, bfloat16 or int8",
     [](DType dtype) { return is_float(dtype) || dtype == DType::kInt8; }},
    {"any", "any dtype", [](DType) { return true; }},
};

const Class* class_of(std::string_view word) {
  const auto found = std::ranges::find(kClasses, word, &Class::word);
  return found == std::end(kClasses) ? nullptr : found;
}

bool is_dtype(std::string_view word) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (word == name_of(static_cast<DType>(i))) return true;
  return false;
}

uint16_t dtypes_in(std::string_view word) {
  uint16_t set = 0;
  for (int i = 0; i < kDTypeCount; ++i)
    if (admits(word, static_cast<DType>(i))) set |= static_cast<uint16_t>(1u << i);
  return set;
}

// Whether the default is a value of the attribute's type.
bool fits(const AttributeSpec& spec, const std::string& text) {
  switch (spec.kind) {
    case AttributeSpec::Kind::kInt:
    case AttributeSpec::Kind::kFloat: {
      // from_chars for double is missing from older libraries
      std::istringstream stream(text);
      stream.imbue(std::locale::classic());
      double number = 0;
      stream >> number;
      return !stream.fail() && stream.peek() == std::char_traits<char>::eof() && std::isfinite(number) &&
             (spec.kind == AttributeSpec::Kind::kFloat || number == std::trunc(number));
    }
    case AttributeSpec::Kind::kBool:
      return text == "true" || text == "false";
    case AttributeSpec::Kind::kDType:
      return is_dtype(text) && dtypes_in(spec.dtypes) & dtypes_in(text);
    default:
      return false;  // ints have none
  }
}

AttributeSpec parse_attribute(std::string_view op, const OpText::Named& text) {
  using Kind = AttributeSpec::Kind;
  static constexpr std::pair<std::string_view, Kind> kKinds[] = {{"int", Kind::kInt},
                                                                 {"float", Kind::kFloat},
                                                                 {"bool", Kind::kBool},
                                                                 {"dtype", Kind::kDType},
                                                                 {"ints", Kind::kInts}};
  AttributeSpec spec;
  spec.name = text.name;
  const size_t equals = text.spec.find('=');
  if (equals != std::string_view::npos) spec.initial = trim(text.spec.substr(equals + 1));
  const std::string_view type = trim(text.spec.substr(0, equals));
  const auto broken = [&](const std::string& why) {
    return argument_error(std::string(op) + ": " + spec.name + ": " + why + ", but it is \"" + std::string(text.spec) +
                          "\"");
  };
  if (type.find('|') != std::string_view::npos) {
    spec.kind = Kind::kChoice;
    spec.words = split(type, '|');
    if (std::ranges::find(spec.words, "") != spec.words.end()) throw broken("a choice must be of words");
    if (spec.initial && std::ranges::find(spec.words, *spec.initial) == spec.words.end())
      throw broken("the default must be one of the words");
    return spec;
  }
  const size_t space = type.find(' ');
  const auto kind = std::ranges::find(kKinds, type.substr(0, space), &std::pair<std::string_view, Kind>::first);
  if (kind == std::end(kKinds)) throw broken("an attribute must be int, float, bool, dtype, ints or words split by |");
  spec.kind = kind->second;
  if (space != std::string_view::npos) {
    spec.dtypes = trim(type.substr(space));
    if (spec.kind != Kind::kDType || !(class_of(spec.dtypes) || is_dtype(spec.dtypes)))
      throw broken("only dtype takes a second word, a class or a dtype");
  }
  if (spec.initial && !fits(spec, *spec.initial)) throw broken("the default must be a value of its type");
  return spec;
}

std::vector<Operand> parse_operands(const std::vector<OpText::Named>& list) {
  std::vector<Operand> operands;
  size_t tensors = 0, weights = 0;
  for (const auto& [name, spec] : list) {
    Operand operand{std::string(name), parse_signature(spec)};
    operand.is_weight = operand.signature.dtype == "weight";
    operand.slot = operand.is_weight ? weights++ : tensors++;
    operands.push_back(std::move(operand));
  }
  return operands;
}

// What the word in front of the dims names.
void settle_dtype(const OpInfo& op, Operand& operand, bool output) {
  const std::string& word = operand.signature.dtype;
  if (operand.is_weight) return;
  operand.dtypes = dtypes_in(word);
  if (operand.dtypes && !(output && std::popcount(operand.dtypes) > 1)) return;
  for (const Operand& other : op.in)
    if (!other.is_weight && &other != &operand && other.name == word) operand.like = static_cast<int>(other.slot);
  for (size_t i = 0; output && i < op.attributes.size(); ++i)
    if (op.attributes[i].name == word && op.attributes[i].kind == AttributeSpec::Kind::kDType)
      operand.attribute = static_cast<int>(i);
  if (operand.like < 0 && operand.attribute < 0)
    throw argument_error(op.name + ": " + operand.name + ": " + word +
                         (output ? " must be a dtype, an operand or an attribute of dtype, but it is none"
                                 : " must be a dtype, a class, weight or another operand, but it is none"));
}

std::vector<Binding> parse_bindings(const std::vector<OpText::Pair>& list) {
  std::vector<Binding> bindings;
  for (const auto& [from, to] : list) bindings.push_back({std::string(from), std::string(to)});
  return bindings;
}

Op op_named(std::string_view name) {
  const auto& text = schema_text();
  const auto found = std::ranges::find(text, name, &OpText::name);
  if (found == text.end()) throw argument_error("fuses: must name an op of the schema, but it is " + std::string(name));
  return static_cast<Op>(found - text.begin());
}

OpInfo parse(const OpText& text) {
  OpInfo op;
  op.name = text.name;
  op.in = parse_operands(text.in);
  op.out = parse_operands(text.out);
  for (const OpText::Named& attribute : text.attributes) op.attributes.push_back(parse_attribute(op.name, attribute));
  for (Operand& operand : op.in) settle_dtype(op, operand, false);
  for (Operand& operand : op.out) settle_dtype(op, operand, true);
  for (const std::string_view requirement : text.requirements) op.requirements.push_back(parse_comparison(requirement));
  op.in_place = text.in_place;
  for (const OpText::Step& step : text.fuses) {
    op.fuses.push_back({op_named(step.op), parse_bindings(step.in), parse_bindings(step.out)});
    const OpText& replaced = schema_text()[static_cast<size_t>(op.fuses.back().op)];
    const auto known = [&](const std::vector<OpText::Named>& list, std::string_view name) {
      return std::ranges::find(list, name, &OpText::Named::name) != list.end();
    };
    for (const auto& [from, to] : step.in)
      if (!known(replaced.in, from)) throw argument_error(op.name + ": fuses: no operand " + std::string(from));
    for (const auto& [from, to] : step.out)
      if (!known(replaced.out, from)) throw argument_error(op.name + ": fuses: no output " + std::string(from));
  }
  return op;
}

std::vector<OpInfo> parse_schema() {
  std::vector<OpInfo> ops;
  for (const OpText& text : schema_text()) {
    ops.push_back(parse(text));
    ops.back().id = static_cast<int>(ops.size()) - 1;
  }
  return ops;
}

}  // namespace

std::shared_ptr<const OpInfo> parse_op(const OpText& text) { return std::make_shared<const OpInfo>(parse(text)); }

std::span<const OpInfo> schema() {
  static const std::vector<OpInfo> ops = parse_schema();
  return ops;
}

const OpInfo& info_of(Op op) { return schema()[static_cast<size_t>(op)]; }

bool admits(std::string_view word, DType dtype) {
  const Class* known = class_of(word);
  return known ? known->admits(dtype) : word == name_of(dtype);
}

std::string dtypes_of(std::string_view word) {
  const Class* known = class_of(word);
  return std::string(known ? known->dtypes : word);
}

}  // namespace lophi
