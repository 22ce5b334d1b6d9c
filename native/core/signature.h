// The grammar of lib/ops/schema.ts: operand specs and comparisons, parsed once per op.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lophi {

// A dim: number, name, a+b, a-b, a*b, a/b (exact) or ceil(a/b).
struct Expr {
  enum class Kind { kNumber, kName, kAdd, kSub, kMul, kDiv, kCeilDiv };
  Kind kind;
  int64_t number = 0;
  std::string name;
  std::shared_ptr<const Expr> a, b;
  std::string text;  // as the schema has it
};

using Dims = std::map<std::string, int64_t, std::less<>>;

// The value of an expression; nothing while a name in it is unbound or a quotient is not exact.
std::optional<int64_t> evaluate(const Expr& expr, const Dims& dims);

// Binds the one unbound name of `expr` so that it equals `value`; false when several are unbound or no whole number fits.
bool solve(const Expr& expr, int64_t value, Dims& dims);

struct Signature {
  bool in_out = false;
  bool optional = false;
  bool variadic = false;
  std::string dtype;  // a dtype, a class, an operand's name, "weight" or "dtype"
  bool has_dims = false;
  bool ellipsis = false;  // a leading "..."
  std::vector<Expr> dims;
  std::string dims_text;  // "[N, ceil(K/blockSize)]"
  std::string rule;       // "broadcast", "reduce": see core/shape.cpp
  std::vector<std::string> rule_args;
};
Signature parse_signature(std::string_view spec);

struct Comparison {
  Expr left, right;
  std::string op;  // "<=", ">="
  std::string text;
};
Comparison parse_comparison(std::string_view text);

}  // namespace lophi
