#include "core/fuse.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "core/check.h"
#include "core/error.h"

namespace lophi {
namespace {

bool same(const View& a, const View& b) {
  return a.buffer == b.buffer && a.offset == b.offset && a.dtype == b.dtype && a.shape == b.shape;
}

size_t index_of(std::span<const NamedSpec> list, std::string_view name) {
  return static_cast<size_t>(std::ranges::find_if(list, [&](const NamedSpec& s) { return name == s.name; }) -
                             list.begin());
}

// The calls from `first` on as one call of `fused`, or nothing. Only ops whose operands are all tensors can be steps so far.
class Match {
 public:
  Match(Op fused, const Plan& plan, size_t first, std::span<const View> kept)
      : op_(fused), entry_(op_entries()[static_cast<size_t>(fused)]), plan_(plan), first_(first), kept_(kept) {}

  std::optional<Call> call() {
    const size_t steps = entry_.fuses.size();
    if (first_ + steps > plan_.calls.size()) return std::nullopt;
    for (size_t s = 0; s < steps; ++s)
      if (!bind(entry_.fuses[s], plan_.calls[first_ + s])) return std::nullopt;
    for (const auto& [name, view] : bound_)
      if (!is_operand(name) && used_later(view)) return std::nullopt;
    std::vector<Argument> arguments;
    std::vector<View> out;
    std::vector<Attribute> attributes;
    for (const NamedSpec& operand : entry_.in) arguments.emplace_back(bound_.at(operand.name));
    for (const NamedSpec& output : entry_.out) out.push_back(bound_.at(output.name));
    for (const NamedSpec& attribute : entry_.attributes) {
      if (!attributes_.contains(attribute.name)) return std::nullopt;
      attributes.push_back(attributes_.at(attribute.name));
    }
    try {
      return check(op_, arguments, std::move(attributes), out);
    } catch (const Error&) {
      return std::nullopt;  // the pair is legal, but wider than the fused op: a broadcast add
    }
  }

 private:
  bool bind(const FuseStep& step, const PlanCall& planned) {
    const Call& call = planned.call;
    const OpEntry& entry = op_entries()[static_cast<size_t>(step.op)];
    if (call.op != step.op || planned.segment != plan_.calls[first_].segment) return false;
    if (step.in.size() != entry.in.size() || !call.weights.empty()) return false;
    for (const auto& [from, to] : step.in)
      if (!bind(to, call.in[index_of(entry.in, from)])) return false;
    for (const auto& [from, to] : step.out)
      if (!bind(to, call.out[index_of(entry.out, from)])) return false;
    for (size_t i = 0; i < entry.attributes.size(); ++i) attributes_[entry.attributes[i].name] = call.attributes[i];
    return std::ranges::all_of(entry.attributes, [&](const NamedSpec& a) {
      return index_of(entry_.attributes, a.name) < entry_.attributes.size();
    });
  }

  bool bind(const char* name, const View& view) { return same(bound_.emplace(name, view).first->second, view); }

  bool is_operand(std::string_view name) const {
    return index_of(entry_.in, name) < entry_.in.size() || index_of(entry_.out, name) < entry_.out.size();
  }

  bool used_later(const View& view) const {
    const auto uses = [&](const View& other) { return other.buffer == view.buffer; };
    if (std::ranges::any_of(kept_, uses)) return true;
    for (size_t i = first_ + entry_.fuses.size(); i < plan_.calls.size(); ++i)
      if (std::ranges::any_of(plan_.calls[i].call.in, uses)) return true;
    return false;
  }

  Op op_;
  const OpEntry& entry_;
  const Plan& plan_;
  size_t first_;
  std::span<const View> kept_;
  std::map<std::string, View, std::less<>> bound_;
  std::map<std::string, Attribute, std::less<>> attributes_;
};

}  // namespace

void fuse(Plan& plan, std::span<const View> kept, const Device& device) {
  for (size_t fused = 0; fused < kOpCount; ++fused) {
    const size_t steps = op_entries()[fused].fuses.size();
    if (!steps || !device.supports(static_cast<Op>(fused))) continue;
    for (size_t i = 0; i + steps <= plan.calls.size(); ++i) {
      auto call = Match(static_cast<Op>(fused), plan, i, kept).call();
      if (!call) continue;
      plan.calls[i].call = std::move(*call);
      const auto next = plan.calls.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      plan.calls.erase(next, next + static_cast<std::ptrdiff_t>(steps) - 1);
    }
  }
}

}  // namespace lophi
