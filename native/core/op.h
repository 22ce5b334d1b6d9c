// An op as data: what one entry of the grammar of lib/ops/schema.ts says, parsed once. This parser is the authority.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/signature.h"

namespace lophi {

enum class Op : uint16_t;  // the schema's ops by number: core/ops.gen.h

struct Operand {
  std::string name;
  Signature signature;
  bool is_weight = false;
  size_t slot = 0;  // where it stands in Call::in or Call::weights; a variadic one takes the rest
  // Its dtype: one of a set (bit d: DType d), that of the tensor at a slot, or for outputs that of an attribute.
  uint16_t dtypes = 0;
  int like = -1, attribute = -1;
};

struct AttributeSpec {
  enum class Kind { kInt, kFloat, kBool, kDType, kInts, kChoice };
  std::string name;
  Kind kind = Kind::kInt;
  std::vector<std::string> words;      // of a choice
  std::string dtypes = "any";          // of a dtype: the class that it must be in
  std::optional<std::string> initial;  // absent: it must be given
};

struct Binding {
  std::string from;  // operand or output of the replaced op
  std::string to;    // operand, output or intermediate of the fused op
};
struct FuseStep {
  Op op;
  std::vector<Binding> in, out;
};

struct OpInfo {
  std::string name;
  std::vector<Operand> in, out;
  std::vector<AttributeSpec> attributes;
  std::vector<Comparison> requirements;
  bool in_place = false;
  std::vector<FuseStep> fuses;
  int id = -1;  // index in the schema; -1: not one of its ops

  bool is(Op op) const { return id == static_cast<int>(op); }
  Op kind() const { return static_cast<Op>(id); }  // of the schema's ops
};

// The strings of an entry, in the schema's grammar.
struct OpText {
  struct Named {
    std::string_view name, spec;
  };
  struct Pair {
    std::string_view from, to;
  };
  struct Step {
    std::string_view op;
    std::vector<Pair> in, out;
  };
  std::string_view name;
  std::vector<Named> in, attributes, out;
  std::vector<std::string_view> requirements;
  bool in_place = false;
  std::vector<Step> fuses;
};
// The schema, in the order of Op (core/ops.gen.cpp).
const std::vector<OpText>& schema_text();

// Throws ERR_ARGUMENT where the grammar is broken.
std::shared_ptr<const OpInfo> parse_op(const OpText& text);

std::span<const OpInfo> schema();
const OpInfo& info_of(Op op);

// Whether a dtype is what `word` names: a dtype or a class. False for words that name neither.
bool admits(std::string_view word, DType dtype);
// "float32, float16 or bfloat16" for "float"; other words stand for themselves.
std::string dtypes_of(std::string_view word);

}  // namespace lophi
