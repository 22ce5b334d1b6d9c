#include "core/signature.h"

#include <cctype>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace lophi {
namespace {

using Kind = Expr::Kind;

// Recursive descent over one spec. The text may be a user's: its errors are typed, and its depth has a bound.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text.size() > 1000) throw argument_error("op grammar: a spec must have at most 1000 characters");
  }

  bool accept(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) broken("must have " + std::string(token));
  }
  std::string word() {
    skip_space();
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    if (at_ == start) broken("must have a word");
    return std::string(text_.substr(start, at_ - start));
  }
  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }
  [[noreturn]] void broken(const std::string& what) const {
    throw argument_error("op grammar: \"" + std::string(text_) + "\": " + what + " at character " +
                         std::to_string(at_));
  }
  size_t position() const { return at_; }
  std::string since(size_t start) const { return std::string(text_.substr(start, at_ - start)); }

  Expr sum() {
    skip_space();
    const size_t start = at_;
    Expr left = product();
    for (;;) {
      if (accept("+"))
        left = binary(Kind::kAdd, std::move(left), product(), start);
      else if (accept("-"))
        left = binary(Kind::kSub, std::move(left), product(), start);
      else
        return left;
    }
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  Expr binary(Kind kind, Expr a, Expr b, size_t start) {
    Expr e{kind, 0, "", std::make_shared<const Expr>(std::move(a)), std::make_shared<const Expr>(std::move(b)), ""};
    e.text = since(start);
    return e;
  }
  Expr product() {
    skip_space();
    const size_t start = at_;
    Expr left = atom();
    for (;;) {
      if (accept("*"))
        left = binary(Kind::kMul, std::move(left), atom(), start);
      else if (accept("/"))
        left = binary(Kind::kDiv, std::move(left), atom(), start);
      else
        return left;
    }
  }
  Expr atom() {
    skip_space();
    const size_t start = at_;
    if (accept("(")) {
      if (++depth_ > kMaxDepth) broken("must not nest so deeply");
      Expr inner = sum();
      --depth_;
      expect(")");
      inner.text = since(start);
      return inner;
    }
    const std::string token = word();
    if (std::isdigit(static_cast<unsigned char>(token[0]))) return {Kind::kNumber, number(token), "", {}, {}, token};
    if (token != "ceil") return {Kind::kName, 0, token, {}, {}, token};
    expect("(");
    if (++depth_ > kMaxDepth) broken("must not nest so deeply");
    Expr inner = sum();
    --depth_;
    expect(")");
    if (inner.kind != Kind::kDiv) broken("ceil must be of a quotient");
    inner.kind = Kind::kCeilDiv;
    inner.text = since(start);
    return inner;
  }

  int64_t number(const std::string& digits) const {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value > 9007199254740991)
      broken("must hold whole numbers below 2^53");
    return value;
  }

  static constexpr int kMaxDepth = 32;
  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

namespace {
constexpr double kMaxDim =
    9007199254740991;  // 2^53 - 1: what a JavaScript number counts exactly; so int64 never overflows here
std::optional<int64_t> bounded(int64_t value) {
  return std::abs(static_cast<double>(value)) > kMaxDim ? std::nullopt : std::optional(value);
}
}  // namespace

std::optional<int64_t> evaluate(const Expr& expr, const Dims& dims) {
  if (expr.kind == Kind::kNumber) return expr.number;
  if (expr.kind == Kind::kName) {
    const auto found = dims.find(expr.name);
    return found == dims.end() ? std::nullopt : std::optional(found->second);
  }
  const auto a = evaluate(*expr.a, dims), b = evaluate(*expr.b, dims);
  if (!a || !b) return std::nullopt;
  switch (expr.kind) {
    case Kind::kAdd:
      return bounded(*a + *b);
    case Kind::kSub:
      return bounded(*a - *b);
    case Kind::kMul:
      return std::abs(static_cast<double>(*a) * static_cast<double>(*b)) > kMaxDim ? std::nullopt : bounded(*a * *b);
    case Kind::kDiv:
      return *b == 0 || *a % *b != 0 ? std::nullopt : std::optional(*a / *b);
    default:
      return *b <= 0 || *a < 0 ? std::nullopt : std::optional(*a / *b + (*a % *b != 0));
  }
}

bool solve(const Expr& expr, int64_t value, Dims& dims) {
  if (expr.kind == Kind::kName) return dims.emplace(expr.name, value).first->second == value;
  if (expr.kind == Kind::kNumber || expr.kind == Kind::kCeilDiv) return false;
  const auto a = evaluate(*expr.a, dims), b = evaluate(*expr.b, dims);
  if (!a == !b) return false;  // nothing to solve, or two unknowns
  const int64_t known = a ? *a : *b;
  const Expr& unknown = a ? *expr.b : *expr.a;
  switch (expr.kind) {
    case Kind::kAdd:
      return value >= known && solve(unknown, value - known, dims);
    case Kind::kMul:
      return known > 0 && value % known == 0 && solve(unknown, value / known, dims);
    default:
      return false;
  }
}

Signature parse_signature(std::string_view spec) {
  Parser p(spec);
  Signature s;
  s.dtype = p.word();
  if (s.dtype == "inout") {
    s.in_out = true;
    s.dtype = p.word();
  }
  const size_t start = p.position();
  if (p.accept("[")) {
    s.has_dims = true;
    if (p.accept("...")) {
      s.ellipsis = true;
      if (!p.accept(",")) {
        p.expect("]");
        s.dims_text = p.since(start);
      }
    }
    while (s.dims_text.empty()) {
      s.dims.push_back(p.sum());
      if (!p.accept(",")) {
        p.expect("]");
        s.dims_text = p.since(start);
      }
    }
  } else if (!p.at_end()) {
    s.rule = p.word();
    if (p.accept("(")) {
      do s.rule_args.push_back(p.word());
      while (p.accept(","));
      p.expect(")");
    }
  }
  s.optional = p.accept("?");
  s.variadic = p.accept("*");
  if (!p.at_end()) p.broken("must end");
  return s;
}

Comparison parse_comparison(std::string_view text) {
  Parser p(text);
  Expr left = p.sum();
  const std::string op = p.accept("<=") ? "<=" : ">=";
  if (op == ">=") p.expect(">=");
  return {std::move(left), p.sum(), op, std::string(text)};
}

}  // namespace lophi
