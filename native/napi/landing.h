// ArrayBuffers of JavaScript that a device writes to.
#pragma once
#include <napi.h>

#include <atomic>
#include <memory>
#include <vector>

#include "napi/device.h"

namespace lophi::js {

// Keeps the buffers alive until the device is done with them, whatever becomes of the promise: where nobody has waited, as at the
// end of a worker, the destructor does. Made and destroyed on the JS thread.
class Landing {
 public:
  explicit Landing(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {}
  ~Landing();
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  // Enqueues the download of a view to an ArrayBuffer of as many bytes.
  void add(const Napi::Value& buffer, const View& from);
  void arrived() { arrived_ = true; }  // from any thread: what was enqueued is done

 private:
  std::shared_ptr<DeviceState> state_;
  std::vector<Napi::Reference<Napi::ArrayBuffer>> buffers_;
  std::atomic<bool> arrived_{false};
};

// Tells a landing, if there is one, when a wait has ended, whether well or not.
struct Arrival {
  explicit Arrival(Landing* landing) : landing(landing) {}
  ~Arrival() {
    if (landing) landing->arrived();
  }
  Landing* landing;
};

}  // namespace lophi::js
