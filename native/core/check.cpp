#include "core/check.h"

#include <algorithm>
#include <bit>

#include "core/error.h"
#include "core/shape.h"
#include "core/weight.h"

namespace lophi {
namespace {

bool overlap(const View& a, const View& b) {
  return a.buffer && a.buffer == b.buffer && a.offset < b.offset + b.bytes() && b.offset < a.offset + a.bytes();
}

// An axis given from the end counts back; throws when it lies outside.
int64_t normalize_axis(const std::string& op, int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r)
    throw argument_error(op + ": axis must be within the " + std::to_string(r) + " axes of the operand, but it is " +
                         std::to_string(axis));
  return axis < 0 ? axis + r : axis;
}

// One check under way: the bindings so far and how to complain.
class Checker {
 public:
  Checker(const OpInfo& op, std::vector<Attribute> attributes) : op_(op) {
    call_.op = &op;
    call_.attributes = std::move(attributes);
  }

  Call run(std::span<Argument> arguments, std::span<const View> out) {
    take(arguments);
    for (size_t i = 0; i < op_.in.size(); ++i) check_dtype(i);
    for (size_t i = 0; i < op_.attributes.size(); ++i) check_attribute(op_.attributes[i], call_.attributes[i]);
    settle_axis();
    bind_all();
    check_in_out();
    for (const Comparison& c : op_.requirements) check_requirement(c);
    for (size_t i = 0; i < op_.out.size(); ++i) add_output(op_.out[i], out.empty() ? nullptr : &out[i]);
    return std::move(call_);
  }

 private:
  [[noreturn]] void fail(const char* code, const std::string& operand, const std::string& text) const {
    throw Error(code, op_.name + ": " + operand + " " + text);
  }

  // Sorts the arguments into call_.in and call_.weights.
  void take(std::span<Argument> arguments) {
    for (size_t i = 0; i < op_.in.size(); ++i) {
      const Operand& operand = op_.in[i];
      const bool variadic = operand.signature.variadic;
      const size_t count = variadic ? arguments.size() - std::min(i, arguments.size()) : 1;
      if (variadic && count == 0) fail("ERR_ARGUMENT", operand.name, "must hold at least one tensor, but it is empty");
      for (size_t k = i; k < i + count; ++k)
        take_one(operand, k < arguments.size() ? std::move(arguments[k]) : Argument());
    }
  }

  void take_one(const Operand& operand, Argument argument) {
    if (auto* view = std::get_if<View>(&argument)) {
      if (operand.is_weight) fail("ERR_ARGUMENT", operand.name, "must be a weight, but it is a tensor");
      call_.in.push_back(std::move(*view));
    } else if (const auto* weight = std::get_if<std::shared_ptr<const Weight>>(&argument)) {
      if (!operand.is_weight) fail("ERR_ARGUMENT", operand.name, "must be a tensor, but it is a weight");
      call_.weights.push_back(*weight);
    } else {
      if (!operand.signature.optional) fail("ERR_ARGUMENT", operand.name, "must be given");
      call_.in.emplace_back();
    }
  }

  bool is_weight(size_t i) const { return op_.in[i].is_weight; }
  const View& view(size_t i) const { return call_.in[op_.in[i].slot]; }
  const Weight& weight(size_t i) const { return *call_.weights[op_.in[i].slot]; }
  Shape shape(size_t i) const { return is_weight(i) ? Shape{weight(i).rows, weight(i).columns} : view(i).shape; }
  bool absent(size_t i) const { return !is_weight(i) && !view(i).buffer; }

  void check_dtype(size_t i) const {
    if (is_weight(i) || absent(i)) return;
    const Operand& operand = op_.in[i];
    const DType dtype = view(i).dtype;
    if (operand.like >= 0) {
      const DType wanted = call_.in[static_cast<size_t>(operand.like)].dtype;
      if (dtype != wanted)
        fail("ERR_DTYPE", operand.name,
             std::string("must be ") + name_of(wanted) + " as " + operand.signature.dtype + " is, but it is " +
                 name_of(dtype));
    } else if (!(operand.dtypes >> static_cast<int>(dtype) & 1)) {
      fail("ERR_DTYPE", operand.name,
           "must be " + dtypes_of(operand.signature.dtype) + ", but it is " + name_of(dtype));
    }
  }

  // What an operand's or output's dim may name is bound on the way.
  void check_attribute(const AttributeSpec& spec, const Attribute& value) {
    using Kind = AttributeSpec::Kind;
    if (spec.kind == Kind::kDType) {
      if (value.integer < 0 || value.integer >= kDTypeCount)
        fail("ERR_ARGUMENT", spec.name, "must be a dtype, but it is number " + std::to_string(value.integer));
      const auto dtype = static_cast<DType>(value.integer);
      if (!admits(spec.dtypes, dtype))
        fail("ERR_DTYPE", spec.name, "must be " + dtypes_of(spec.dtypes) + ", but it is " + name_of(dtype));
    }
    if (spec.kind == Kind::kChoice && (value.integer < 0 || value.integer >= static_cast<int64_t>(spec.words.size())))
      fail("ERR_ARGUMENT", spec.name, "must be one of its words, but it is number " + std::to_string(value.integer));
    if (spec.kind == Kind::kInt) dims_[spec.name] = value.integer;
  }

  // An attribute `axis` counts the axes of the first operand; from here on it is not negative.
  void settle_axis() {
    if (Attribute* axis = attribute("axis"))
      axis->integer = normalize_axis(op_.name, axis->integer, call_.in[0].shape.size());
  }

  Attribute* attribute(std::string_view name) {
    const auto at = std::ranges::find(op_.attributes, name, &AttributeSpec::name);
    return at == op_.attributes.end() ? nullptr : &call_.attributes[static_cast<size_t>(at - op_.attributes.begin())];
  }

  // Operands whose dims hold several unbound names wait until others have bound them.
  void bind_all() {
    std::vector<size_t> waiting;
    for (size_t i = 0; i < op_.in.size(); ++i)
      if (op_.in[i].signature.has_dims && !absent(i)) waiting.push_back(i);
    while (!waiting.empty()) {
      const size_t before = waiting.size();
      std::erase_if(waiting, [&](size_t i) { return bind(i, false); });
      if (waiting.size() == before) bind(waiting.front(), true);
      if (waiting.size() == before) waiting.erase(waiting.begin());
    }
  }

  // Binds what one operand can bind; true when all of its dims are settled. `force`: complain instead of waiting.
  bool bind(size_t i, bool force) {
    const std::string& name = op_.in[i].name;
    const Signature& s = op_.in[i].signature;
    const Shape have = shape(i);
    const size_t fixed = s.dims.size();
    if (s.ellipsis ? have.size() < fixed : have.size() != fixed)
      fail("ERR_SHAPE", name, "must be " + s.dims_text + ", but the tensor is " + to_string(have));
    const Shape leading(have.begin(), have.end() - static_cast<std::ptrdiff_t>(fixed));
    if (s.ellipsis) {
      if (!ellipsis_) ellipsis_ = leading;
      if (*ellipsis_ != leading)
        fail("ERR_SHAPE", name,
             "must be " + s.dims_text + ", but ... is " + to_string(*ellipsis_) + " and the tensor is " +
                 to_string(have));
    }
    bool settled = true;
    for (size_t d = 0; d < fixed; ++d) {
      const Expr& expr = s.dims[d];
      const int64_t size = have[leading.size() + d];
      const auto value = evaluate(expr, dims_);
      if (value && *value == size) continue;
      if (!value && solve(expr, size, dims_)) continue;
      const std::string tail = " and the tensor is " + to_string(have);
      if (value)
        fail("ERR_SHAPE", name,
             "must be " + s.dims_text + ", but " + expr.text + " is " + std::to_string(*value) + tail);
      if (force)
        fail("ERR_SHAPE", name,
             "must be " + s.dims_text + ", but no whole number makes " + expr.text + " " + std::to_string(size) + tail);
      settled = false;
    }
    return settled;
  }

  void check_in_out() const {
    for (const Operand& operand : op_.in) {
      if (!operand.signature.in_out) continue;
      for (size_t k = 0; k < call_.in.size(); ++k)
        if (k != operand.slot && overlap(call_.in[k], call_.in[operand.slot]))
          fail("ERR_ARGUMENT", operand.name, "must not overlap another operand, because it is written");
    }
  }

  void check_requirement(const Comparison& c) const {
    const auto left = evaluate(c.left, dims_), right = evaluate(c.right, dims_);
    const std::string where = op_.name + ": " + c.text + " must hold, but ";
    if (!left || !right) throw shape_error(where + (left ? c.right : c.left).text + " is no whole number");
    if (c.op == "<=" ? *left > *right : *left < *right)
      throw shape_error(where + c.left.text + " is " + std::to_string(*left) + " and " + c.right.text + " is " +
                        std::to_string(*right));
  }

  DType output_dtype(const Operand& output) const {
    if (output.like >= 0) return call_.in[static_cast<size_t>(output.like)].dtype;
    if (output.attribute >= 0)
      return static_cast<DType>(call_.attributes[static_cast<size_t>(output.attribute)].integer);
    return static_cast<DType>(std::countr_zero(output.dtypes));
  }

  Shape output_shape(const Operand& output) {
    const Signature& s = output.signature;
    if (!s.rule.empty()) {
      RuleInput input{op_.name, s.rule, {}, {}};
      for (const std::string& name : s.rule_args) {
        if (const Attribute* value = attribute(name)) {
          input.attributes.emplace_back(name, value);
          continue;
        }
        for (const Operand& operand : op_.in)
          if (!operand.is_weight && operand.name == name)
            input.operands.emplace_back(
                name, std::span(call_.in).subspan(operand.slot,
                                                  operand.signature.variadic ? call_.in.size() - operand.slot : 1));
      }
      return apply_rule(input);
    }
    Shape shape = s.ellipsis ? ellipsis_.value() : Shape{};
    for (const Expr& expr : s.dims) {
      const auto value = evaluate(expr, dims_);
      if (!value || *value < 0)
        throw shape_error(op_.name + ": " + expr.text + " must be a whole number, but the operands make it none");
      shape.push_back(*value);
    }
    return shape;
  }

  void add_output(const Operand& output, const View* given) {
    View view;
    view.dtype = output_dtype(output);
    view.shape = output_shape(output);
    if (view.shape.size() > kMaxRank)
      fail("ERR_SHAPE", output.name,
           "must have at most " + std::to_string(kMaxRank) + " axes, but it would have " +
               std::to_string(view.shape.size()));
    double count = 1;
    for (int64_t dim : view.shape)
      if (dim) count *= static_cast<double>(dim);
    if (count > 9007199254740991.0)
      fail("ERR_SHAPE", output.name, "would have more than 2^53 elements: " + to_string(view.shape));
    if (given && given->buffer) {
      if (given->dtype != view.dtype)
        fail("ERR_DTYPE", output.name,
             std::string("must be ") + name_of(view.dtype) + ", but it is " + name_of(given->dtype));
      if (given->shape != view.shape)
        fail("ERR_SHAPE", output.name,
             "must be " + to_string(view.shape) + ", but the tensor is " + to_string(given->shape));
      check_aliasing(output.name, *given);
      view = *given;
    }
    call_.out.push_back(std::move(view));
  }

  // An output may share memory with an input only where the op allows it, and then only as the very same elements.
  void check_aliasing(const std::string& name, const View& out) const {
    for (size_t k = 0; k < call_.in.size(); ++k) {
      const View& in = call_.in[k];
      if (!overlap(in, out)) continue;
      const bool same = in.offset == out.offset && in.dtype == out.dtype && in.shape == out.shape;
      if (!(same && op_.in_place && k == 0))
        fail("ERR_ARGUMENT", name,
             op_.in_place ? "must not overlap an operand, except as the whole first one"
                          : "must not overlap an operand");
    }
    for (const View& other : call_.out)
      if (overlap(other, out)) fail("ERR_ARGUMENT", name, "must not overlap another output");
  }

  const OpInfo& op_;
  Call call_;
  Dims dims_;
  std::optional<Shape> ellipsis_;
};

}  // namespace

Call check(const OpInfo& op, std::vector<Argument> arguments, std::vector<Attribute> attributes,
           std::span<const View> out) {
  if (attributes.size() != op.attributes.size())
    throw argument_error(op.name + ": attributes must be " + std::to_string(op.attributes.size()) + ", but " +
                         std::to_string(attributes.size()) + " were given");
  if (!out.empty() && out.size() != op.out.size()) throw argument_error(op.name + ": out must name every output");
  return Checker(op, std::move(attributes)).run(arguments, out);
}

}  // namespace lophi
