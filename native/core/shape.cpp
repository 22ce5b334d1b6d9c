#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace lophi {

std::string to_string(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

namespace {

// NumPy's rule: align at the end; a 1 stretches.
Shape broadcast(const RuleInput& in) {
  Shape shape;
  for (const auto& [name, views] : in.operands) {
    const Shape& other = views[0].shape;
    if (other.size() > shape.size()) shape.insert(shape.begin(), other.size() - shape.size(), 1);
    for (size_t i = 0; i < other.size(); ++i) {
      int64_t& dim = shape[shape.size() - other.size() + i];
      if (dim == 1)
        dim = other[i];
      else if (other[i] != 1 && other[i] != dim)
        throw shape_error(in.op + ": " + name + " must broadcast with the operands before it, but it is " +
                          to_string(other) + " beside " + to_string(shape));
    }
  }
  return shape;
}

Shape reduce(const RuleInput& in) {
  Shape shape = in.operands[0].second[0].shape;
  const auto axis = static_cast<size_t>(in.attributes[0].second->integer);
  if (shape[axis] == 0)
    throw shape_error(in.op + ": " + in.operands[0].first + " must have an element along axis " + std::to_string(axis) +
                      ", but it is " + to_string(shape));
  if (in.attributes[1].second->integer)
    shape[axis] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return shape;
}

Shape gather(const RuleInput& in) {
  const Shape &x = in.operands[0].second[0].shape, &indices = in.operands[1].second[0].shape;
  const int64_t axis = in.attributes[0].second->integer;
  Shape shape(x.begin(), x.begin() + axis);
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + axis + 1, x.end());
  return shape;
}

Shape concat(const RuleInput& in) {
  const auto views = in.operands[0].second;
  Shape shape = views[0].shape;
  const auto axis = static_cast<size_t>(in.attributes[0].second->integer);
  for (const View& view : views.subspan(1)) {
    if (view.dtype != views[0].dtype)
      throw Error("ERR_DTYPE", in.op + ": " + in.operands[0].first + " must all be " + name_of(views[0].dtype) +
                                   " as the first is, but one is " + name_of(view.dtype));
    bool fits = view.shape.size() == shape.size();
    for (size_t i = 0; fits && i < shape.size(); ++i) fits = i == axis || view.shape[i] == shape[i];
    if (!fits)
      throw shape_error(in.op + ": " + in.operands[0].first + " must agree in all axes but " + std::to_string(axis) +
                        ", but one is " + to_string(view.shape) + " and the first is " + to_string(views[0].shape));
    shape[axis] += view.shape[axis];
  }
  return shape;
}

Shape slice(const RuleInput& in) {
  Shape shape = in.operands[0].second[0].shape;
  const auto axis = static_cast<size_t>(in.attributes[0].second->integer);
  const int64_t size = shape[axis];
  int64_t start = in.attributes[1].second->integer, end = in.attributes[2].second->integer;
  if (start < 0) start += size;
  if (end < 0) end += size;
  if (start < 0 || end < start || end > size)
    throw Error("ERR_OUT_OF_RANGE", in.op + ": start and end must bound a part of axis " + std::to_string(axis) +
                                        " of " + to_string(shape) + ", but they are " +
                                        std::to_string(in.attributes[1].second->integer) + " and " +
                                        std::to_string(in.attributes[2].second->integer));
  shape[axis] = end - start;
  return shape;
}

Shape transpose(const RuleInput& in) {
  const Shape& x = in.operands[0].second[0].shape;
  const std::vector<int64_t>& permutation = in.attributes[0].second->integers;
  Shape shape, seen(x.size(), 0);
  for (int64_t axis : permutation) {
    if (axis < 0 || axis >= static_cast<int64_t>(x.size()) || seen[axis]++) break;
    shape.push_back(x[axis]);
  }
  if (shape.size() != x.size() || permutation.size() != x.size())
    throw argument_error(in.op + ": permutation must hold every axis of x once, but it is " + to_string(permutation) +
                         " and x is " + to_string(x));
  return shape;
}

Shape given_shape(const RuleInput& in) {
  const std::vector<int64_t>& shape = in.attributes[0].second->integers;
  if (std::ranges::any_of(shape, [](int64_t dim) { return dim < 0; }))
    throw argument_error(in.op + ": shape must hold no negative dim, but it is " + to_string(shape));
  return shape;
}

struct Rule {
  const char* name;
  Shape (*apply)(const RuleInput&);
};
constexpr Rule kRules[] = {{"broadcast", broadcast}, {"reduce", reduce}, {"gather", gather},
                           {"concat", concat},       {"slice", slice},   {"transpose", transpose},
                           {"shape", given_shape}};

}  // namespace

Shape apply_rule(const RuleInput& input) {
  for (const Rule& rule : kRules)
    if (input.rule == rule.name) return rule.apply(input);
  throw std::logic_error("schema: no shape rule " + input.rule);
}

}  // namespace lophi
