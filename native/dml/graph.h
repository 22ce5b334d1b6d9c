// DirectML graphs, one for every combination of shapes and dtypes, compiled and initialised once per device.
#pragma once
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/lru.h"
#include "dml/d3d12.h"
#include "dml/descriptors.h"

namespace lophi::dml {

struct DirectMlDevice;

struct CompiledGraph {
  ComPtr<IDMLCompiledOperator> compiled;
  DML_BINDING_PROPERTIES properties{};
  std::shared_ptr<Buffer> persistent;  // null where it needs none
};

// A graph of one output under construction.
class GraphBuilder {
 public:
  using Sizes = std::vector<UINT>;
  struct Value {
    int node = -1;  // or, below 0, the input ~node
    DML_TENSOR_DATA_TYPE type = DML_TENSOR_DATA_TYPE_UNKNOWN;
    Sizes sizes;
  };

  GraphBuilder(Gpu& gpu, DirectMlDevice& directml) : gpu_(gpu), directml_(directml) {}
  Value input(DML_TENSOR_DATA_TYPE type, Sizes sizes);
  // `value` itself where it has the type already.
  Value cast(const Value& value, DML_TENSOR_DATA_TYPE type);
  // x / sqrt(mean of its squares over the last axis + epsilon) * scale; scale is [1, 1, 1, C]
  Value rms_norm(const Value& x, const Value& scale, float epsilon);
  std::shared_ptr<const CompiledGraph> compile(const Value& output);

 private:
  const DML_TENSOR_DESC* tensor(DML_TENSOR_DATA_TYPE type, const Sizes& sizes, bool broadcast_rows = false);
  Value node(DML_OPERATOR_TYPE op, const void* desc, const std::vector<Value>& inputs, DML_TENSOR_DATA_TYPE type,
             Sizes sizes);

  struct Tensor {
    Sizes sizes, strides;
    DML_BUFFER_TENSOR_DESC buffer;
    DML_TENSOR_DESC desc;
  };
  Gpu& gpu_;
  DirectMlDevice& directml_;
  std::deque<Tensor> tensors_;  // stable addresses
  std::vector<ComPtr<IDMLOperator>> operators_;
  std::vector<DML_INPUT_GRAPH_EDGE_DESC> inputs_;
  std::vector<DML_INTERMEDIATE_GRAPH_EDGE_DESC> edges_;
  int input_count_ = 0;
};

class Graphs {
 public:
  static constexpr size_t kMaxGraphs = 512;
  Graphs(ID3D12Device* device, IDMLDevice1* dml);
  // The graph of that key; `build` makes it the first time.
  std::shared_ptr<const CompiledGraph> get(const std::string& key,
                                           const std::function<std::shared_ptr<const CompiledGraph>()>& build);
  void drop();  // those that no list holds go
  void dispatch(ID3D12CommandList* list, IDMLDispatchable* dispatchable, IDMLBindingTable* table);

 private:
  std::recursive_mutex mutex_;  // a graph that is being made may itself be short of memory
  std::mutex recording_;
  ComPtr<IDMLCommandRecorder> recorder_;
  LruCache<std::string, std::shared_ptr<const CompiledGraph>> graphs_{kMaxGraphs};
};

// DirectML on one device.
struct DirectMlDevice {
  DirectMlDevice(ID3D12Device* device, ComPtr<IDMLDevice1> dml);
  const ComPtr<IDMLDevice1> dml;
  const std::shared_ptr<Descriptors> descriptors;
  Graphs graphs;
};

}  // namespace lophi::dml
