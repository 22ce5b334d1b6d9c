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

bool same(const Argument& a, const Argument& b) {
  if (a.index() != b.index()) return false;
  if (const View* view = std::get_if<View>(&a)) return same(*view, std::get<View>(b));
  const auto* weight = std::get_if<std::shared_ptr<const Weight>>(&a);
  return !weight || *weight == std::get<std::shared_ptr<const Weight>>(b);
}

bool overlap(const View& a, const View& b) {
  return a.buffer && a.buffer == b.buffer && a.offset < b.offset + b.bytes() && b.offset < a.offset + a.bytes();
}

template <class F>
bool any_read(const Call& call, F&& f) {
  return std::ranges::any_of(call.in, f);
}
template <class F>
bool any_write(const Call& call, F&& f) {
  if (std::ranges::any_of(call.out, f)) return true;
  for (const Operand& operand : call.op->in)
    if (operand.signature.in_out && f(call.in[operand.slot])) return true;
  return false;
}

// Two calls whose order matters: one writes what the other reads or writes.
bool conflict(const Call& a, const Call& b) {
  const auto touches = [](const Call& call) {
    return [&call](const View& written) {
      const auto meets = [&](const View& view) { return overlap(written, view); };
      return any_read(call, meets) || any_write(call, meets);
    };
  };
  return any_write(a, touches(b)) || any_write(b, touches(a));
}

template <class T>
size_t index_of(const std::vector<T>& list, std::string_view name) {
  return static_cast<size_t>(std::ranges::find(list, name, &T::name) - list.begin());
}
template <class T>
bool has(const std::vector<T>& list, std::string_view name) {
  return index_of(list, name) < list.size();
}

// The last step of `fused` is the call at `last`; the others are found through the dataflow, wherever they stand.
class Match {
 public:
  Match(const OpInfo& fused, const std::vector<Call>& calls, std::span<const View> kept)
      : fused_(fused), calls_(calls), kept_(kept), at_(fused.fuses.size()) {}

  // Indices of the calls that the steps are.
  const std::vector<size_t>& steps() const { return at_; }

  std::optional<Call> call(size_t last) {
    for (size_t s = at_.size(); s-- > 0;) {
      const auto found = s + 1 == at_.size() ? std::optional(last) : producer(fused_.fuses[s]);
      if (!found || std::find(at_.begin() + static_cast<std::ptrdiff_t>(s) + 1, at_.end(), *found) != at_.end())
        return std::nullopt;
      at_[s] = *found;
      if (!bind(fused_.fuses[s], *found)) return std::nullopt;
    }
    for (const auto& [name, value] : bound_)
      if (const View* view = std::get_if<View>(&value); view && !has(fused_.in, name) && !has(fused_.out, name))
        if (!only_between(name, *view)) return std::nullopt;
    return fused_call();
  }

  // Where the fused call may stand, so that every other call finds what it would have found: at the place of the last step
  // or of the first.
  std::optional<size_t> place() const {
    const auto [first, last] = std::ranges::minmax(at_);
    bool late = true, early = true;
    for (size_t i = first + 1; i < last; ++i) {
      if (std::ranges::find(at_, i) != at_.end()) continue;
      for (const size_t step : at_)
        if (step != i && conflict(calls_[step], calls_[i])) (step < i ? late : early) = false;
    }
    return late ? std::optional(last) : early ? std::optional(first) : std::nullopt;
  }

 private:
  // The call that made what a later step reads of this one.
  std::optional<size_t> producer(const FuseStep& step) const {
    for (const auto& [from, to] : step.out) {
      const auto read = read_at_.find(to);
      if (read == read_at_.end()) continue;
      const auto* wanted = std::get_if<View>(&bound_.at(to));
      for (size_t i = read->second; wanted && i-- > 0;)
        if (any_write(calls_[i], [&](const View& view) { return overlap(view, *wanted); })) return i;
      return std::nullopt;
    }
    return std::nullopt;
  }

  bool bind(const FuseStep& step, size_t at) {
    const Call& call = calls_[at];
    const OpInfo& op = *call.op;
    if (call.kernel || !op.is(step.op)) return false;
    for (const auto& [from, to] : step.in) {
      if (!bind(to, argument(call, op.in[index_of(op.in, from)]))) return false;
      size_t& first = read_at_.emplace(to, at).first->second;
      first = std::min(first, at);
    }
    for (const auto& [from, to] : step.out)
      if (!bind(to, call.out[index_of(op.out, from)])) return false;
    // What the step does not name must not be there.
    for (const Operand& operand : op.in) {
      const bool named = std::ranges::find(step.in, operand.name, &Binding::from) != step.in.end();
      if (!named && (operand.is_weight || call.in[operand.slot].buffer)) return false;
    }
    for (size_t i = 0; i < op.attributes.size(); ++i)
      if (!bind(op.attributes[i], call.attributes[i])) return false;
    return true;
  }

  bool bind(const std::string& name, const Argument& value) {
    return same(bound_.emplace(name, value).first->second, value);
  }

  // Attributes keep their names; steps that share one must agree.
  bool bind(const AttributeSpec& spec, const Attribute& value) {
    if (!has(fused_.attributes, spec.name)) return false;
    const Attribute& known = attributes_.emplace(spec.name, value).first->second;
    return known.integer == value.integer && known.number == value.number && known.integers == value.integers;
  }

  static Argument argument(const Call& call, const Operand& operand) {
    if (operand.is_weight) return call.weights[operand.slot];
    const View& view = call.in[operand.slot];
    return view.buffer ? Argument(view) : Argument();
  }

  // Nobody but the steps reads it, here or after the plan: what is no intermediate of the plan was there before it.
  bool only_between(const std::string& name, const View& view) const {
    if (!dynamic_cast<const PlannedBuffer*>(view.buffer.get())) return false;
    const auto uses = [&](const View& other) { return other.buffer == view.buffer; };
    if (std::ranges::any_of(kept_, uses)) return false;
    for (const Operand& operand : fused_.in)
      if (const auto known = bound_.find(operand.name); known != bound_.end())
        if (const View* other = std::get_if<View>(&known->second); other && uses(*other))
          if (!same(view, *other) || !written_over(operand.name, name)) return false;
    for (size_t i = std::ranges::min(at_); i < calls_.size(); ++i)
      if (std::ranges::find(at_, i) == at_.end() && (any_read(calls_[i], uses) || any_write(calls_[i], uses)))
        return false;
    return true;
  }

  // Whether an intermediate may lie where an operand does: no step reads the operand behind the one that makes the intermediate.
  bool written_over(const std::string& operand, const std::string& intermediate) const {
    bool made = false;
    for (const FuseStep& step : fused_.fuses) {
      if (made && std::ranges::find(step.in, operand, &Binding::to) != step.in.end()) return false;
      made = made || std::ranges::find(step.out, intermediate, &Binding::to) != step.out.end();
    }
    return made;
  }

  std::optional<Call> fused_call() const {
    std::vector<Argument> arguments;
    std::vector<View> out;
    std::vector<Attribute> attributes;
    for (const Operand& operand : fused_.in) {
      const auto known = bound_.find(operand.name);
      arguments.push_back(known == bound_.end() ? Argument() : known->second);
    }
    for (const Operand& output : fused_.out) {
      const auto known = bound_.find(output.name);
      if (known == bound_.end() || !std::holds_alternative<View>(known->second)) return std::nullopt;
      out.push_back(std::get<View>(known->second));
    }
    for (const AttributeSpec& attribute : fused_.attributes) {
      const auto known = attributes_.find(attribute.name);
      if (known == attributes_.end()) return std::nullopt;
      attributes.push_back(known->second);
    }
    std::optional<Call> call;
    try {
      call = check(fused_, std::move(arguments), std::move(attributes), out);
      call->path = calls_[std::ranges::min(at_)].path;
    } catch (const Error&) {
      // The steps are legal, but wider than the fused op: a broadcast add.
    }
    return call;
  }

  const OpInfo& fused_;
  const std::vector<Call>& calls_;
  std::span<const View> kept_;
  std::vector<size_t> at_;  // the call that each step is
  std::map<std::string, Argument, std::less<>> bound_;
  std::map<std::string, size_t, std::less<>> read_at_;  // the first call that reads what is bound to a name
  std::map<std::string, Attribute, std::less<>> attributes_;
};

// `kernel`: null for an op of the schema.
void fuse_into(const OpInfo& fused, const std::shared_ptr<const Kernel>& kernel, std::vector<Call>& calls,
               std::span<const View> kept, const Device& device) {
  const Op last = fused.fuses.back().op;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!calls[i].op->is(last)) continue;
    Match match(fused, calls, kept);
    auto call = match.call(i);
    if (call) call->kernel = kernel;
    if (!call || !device.refusal(*call).empty()) continue;
    const auto place = match.place();
    if (!place) continue;
    calls[*place] = std::move(*call);
    std::vector<size_t> gone = match.steps();
    std::erase(gone, *place);
    std::ranges::sort(gone, std::ranges::greater());
    for (const size_t at : gone) calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(at));
    i -= gone.size();  // behind the fused call, or behind where the last step stood
  }
}

}  // namespace

void fuse(Plan& plan, std::span<const View> kept, const Device& device) {
  std::vector<std::pair<const OpInfo*, std::shared_ptr<const Kernel>>> fused;
  for (const auto& kernel : device.fused()) fused.emplace_back(kernel->op.get(), kernel);
  for (const OpInfo& op : schema())
    if (!op.fuses.empty()) fused.emplace_back(&op, nullptr);
  // Longest first; of two that are equally long, the backend's own, in its order.
  std::ranges::stable_sort(fused, std::ranges::greater(), [](const auto& each) { return each.first->fuses.size(); });
  for (const auto& [op, kernel] : fused) fuse_into(*op, kernel, plan.calls, kept, device);
}

}  // namespace lophi
