#include "napi/landing.h"

namespace lophi::js {

Landing::~Landing() {
  if (buffers_.empty() || arrived_) return;
  try {
    state_->stream->wait(state_->stream->submit());
  } catch (...) {
    // Nobody is left to be told; nothing is written any more.
  }
}

void Landing::add(const Napi::Value& buffer, const View& from) {
  if (!buffer.IsArrayBuffer()) throw argument_error("read: the place must be an ArrayBuffer");
  auto place = buffer.As<Napi::ArrayBuffer>();
  if (place.ByteLength() != from.bytes())
    throw argument_error("read: the ArrayBuffer must have " + std::to_string(from.bytes()) + " bytes, but it has " +
                         std::to_string(place.ByteLength()));
  buffers_.push_back(Napi::Reference<Napi::ArrayBuffer>::New(place, 1));
  state_->stream->download(static_cast<std::byte*>(place.Data()), from);
  state_->counters.bytes_read += static_cast<double>(from.bytes());
}

}  // namespace lophi::js
