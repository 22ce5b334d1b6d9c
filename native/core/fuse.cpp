#include "core/fuse.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/check.h"
#include "core/error.h"
#include "core/plan.h"

namespace lophi {
namespace {

bool same(const View& a, const View& b) {
  return a.buffer == b.buffer && a.offset == b.offset && a.dtype == b.dtype && a.shape == b.shape;
}

template <class T>
size_t index_of(const std::vector<T>& list, std::string_view name) {
  return static_cast<size_t>(std::ranges::find(list, name, &T::name) - list.begin());
}
template <class T>
bool has(const std::vector<T>& list, std::string_view name) {
  return index_of(list, name) < list.size();
}

// The calls from `first` on as one call of `fused`, or nothing. Only ops whose operands are all tensors can be steps so far.
class Match {
 public:
  Match(const OpInfo& fused, const Plan& plan, size_t first, std::span<const View> kept)
      : fused_(fused), plan_(plan), first_(first), kept_(kept) {}

  std::optional<Call> call() {
    for (size_t s = 0; s < fused_.fuses.size(); ++s)
      if (!bind(fused_.fuses[s], plan_.calls[first_ + s])) return std::nullopt;
    for (const auto& [name, view] : bound_)
      if (!has(fused_.in, name) && !has(fused_.out, name) && used_later(view)) return std::nullopt;
    std::vector<Argument> arguments;
    std::vector<View> out;
    std::vector<Attribute> attributes;
    for (const Operand& operand : fused_.in) arguments.emplace_back(bound_.at(operand.name));
    for (const Operand& output : fused_.out) out.push_back(bound_.at(output.name));
    for (const AttributeSpec& attribute : fused_.attributes) {
      if (!attributes_.contains(attribute.name)) return std::nullopt;
      attributes.push_back(attributes_.at(attribute.name));
    }
    std::optional<Call> call;
    try {
      call = check(fused_, arguments, std::move(attributes), out);
      call->path = plan_.calls[first_].path;
    } catch (const Error&) {
      // the pair is legal, but wider than the fused op: a broadcast add
    }
    return call;
  }

 private:
  bool bind(const FuseStep& step, const Call& call) {
    const OpInfo& op = *call.op;
    if (call.kernel || !op.is(step.op) || call.path != plan_.calls[first_].path) return false;
    if (step.in.size() != op.in.size() || !call.weights.empty()) return false;
    for (const auto& [from, to] : step.in)
      if (!bind(to, call.in[index_of(op.in, from)])) return false;
    for (const auto& [from, to] : step.out)
      if (!bind(to, call.out[index_of(op.out, from)])) return false;
    for (size_t i = 0; i < op.attributes.size(); ++i) attributes_[op.attributes[i].name] = call.attributes[i];
    return std::ranges::all_of(op.attributes, [&](const AttributeSpec& a) { return has(fused_.attributes, a.name); });
  }

  bool bind(const std::string& name, const View& view) { return same(bound_.emplace(name, view).first->second, view); }

  // What is no intermediate of this plan was there before it, and may be read after it.
  bool used_later(const View& view) const {
    if (!dynamic_cast<const PlannedBuffer*>(view.buffer.get())) return true;
    const auto uses = [&](const View& other) { return other.buffer == view.buffer; };
    if (std::ranges::any_of(kept_, uses)) return true;
    for (size_t i = first_ + fused_.fuses.size(); i < plan_.calls.size(); ++i)
      if (std::ranges::any_of(plan_.calls[i].in, uses)) return true;
    return false;
  }

  const OpInfo& fused_;
  const Plan& plan_;
  size_t first_;
  std::span<const View> kept_;
  std::map<std::string, View, std::less<>> bound_;
  std::map<std::string, Attribute, std::less<>> attributes_;
};

void fuse_into(const OpInfo& fused, Plan& plan, std::span<const View> kept, const Device& device) {
  const size_t steps = fused.fuses.size();
  for (size_t i = 0; i + steps <= plan.calls.size(); ++i) {
    auto call = Match(fused, plan, i, kept).call();
    if (!call || !device.refusal(*call).empty()) continue;
    plan.calls[i] = std::move(*call);
    const auto next = plan.calls.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    plan.calls.erase(next, next + static_cast<std::ptrdiff_t>(steps) - 1);
  }
}

}  // namespace

void fuse(Plan& plan, std::span<const View> kept, const Device& device) {
  for (const OpInfo* fused : device.fused()) fuse_into(*fused, plan, kept, device);
  for (const OpInfo& fused : schema())
    if (!fused.fuses.empty()) fuse_into(fused, plan, kept, device);
}

}  // namespace lophi
