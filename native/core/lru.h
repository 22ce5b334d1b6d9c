// A cache that keeps what was used last.
#pragma once
#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace lophi {

// Not thread-safe. What is dropped lives on where somebody holds it.
template <class Key, class Value>
class LruCache {
 public:
  explicit LruCache(size_t most) : most_(most) {}

  // The value of a key; `make` makes it where it is not kept.
  template <class F>
  Value get(const Key& key, F&& make) {
    if (const auto known = index_.find(key); known != index_.end()) {
      order_.splice(order_.begin(), order_, known->second);
      return known->second->second;
    }
    Value value = make();
    order_.emplace_front(key, value);
    index_[key] = order_.begin();
    if (order_.size() > most_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    return value;
  }
  void clear() {
    index_.clear();
    order_.clear();
  }
  size_t size() const { return order_.size(); }

 private:
  const size_t most_;
  std::list<std::pair<Key, Value>> order_;  // the last used first
  std::map<Key, typename std::list<std::pair<Key, Value>>::iterator> index_;
};

}  // namespace lophi
