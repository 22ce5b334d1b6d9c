#include "dml/graph.h"

#include "core/fail.h"
#include "dml/check.h"
#include "dml/commands.h"

namespace lophi::dml {
namespace {

UINT64 bytes_of(DML_TENSOR_DATA_TYPE type) { return type == DML_TENSOR_DATA_TYPE_FLOAT16 ? 2 : 4; }

}  // namespace

const DML_TENSOR_DESC* GraphBuilder::tensor(DML_TENSOR_DATA_TYPE type, const Sizes& sizes, bool broadcast_rows) {
  Tensor& t = tensors_.emplace_back();
  t.sizes = sizes;
  UINT64 bytes = bytes_of(type);
  if (broadcast_rows) {
    t.strides.assign(sizes.size(), 0);
    t.strides.back() = 1;
    bytes *= sizes.back();
  } else {
    for (UINT size : sizes) bytes *= size;
  }
  bytes = (bytes + 3) & ~UINT64{3};
  if (should_fail(Failure::kDescriptor)) bytes -= 4;
  t.buffer = {type,
              DML_TENSOR_FLAG_NONE,
              static_cast<UINT>(sizes.size()),
              t.sizes.data(),
              broadcast_rows ? t.strides.data() : nullptr,
              bytes,
              0};
  t.desc = {DML_TENSOR_TYPE_BUFFER, &t.buffer};
  return &t.desc;
}

GraphBuilder::Value GraphBuilder::input(DML_TENSOR_DATA_TYPE type, Sizes sizes) {
  return {~input_count_++, type, std::move(sizes)};
}

GraphBuilder::Value GraphBuilder::node(DML_OPERATOR_TYPE op, const void* desc, const std::vector<Value>& inputs,
                                       DML_TENSOR_DATA_TYPE type, Sizes sizes) {
  const DML_OPERATOR_DESC whole{op, desc};
  ComPtr<IDMLOperator>& made = operators_.emplace_back();
  check(directml_.dml->CreateOperator(&whole, IID_PPV_ARGS(&made)), "IDMLDevice::CreateOperator", gpu_.device.Get());
  const auto index = static_cast<UINT>(operators_.size()) - 1;
  for (UINT i = 0; i < inputs.size(); ++i) {
    if (inputs[i].node < 0)
      inputs_.push_back({static_cast<UINT>(~inputs[i].node), index, i, nullptr});
    else
      edges_.push_back({static_cast<UINT>(inputs[i].node), 0, index, i, nullptr});
  }
  return {static_cast<int>(index), type, std::move(sizes)};
}

GraphBuilder::Value GraphBuilder::cast(const Value& value, DML_TENSOR_DATA_TYPE type) {
  if (value.type == type) return value;
  const DML_CAST_OPERATOR_DESC desc{tensor(value.type, value.sizes), tensor(type, value.sizes)};
  return node(DML_OPERATOR_CAST, &desc, {value}, type, value.sizes);
}

GraphBuilder::Value GraphBuilder::rms_norm(const Value& x, const Value& scale, float epsilon) {
  const UINT axis = static_cast<UINT>(x.sizes.size()) - 1;
  DML_MEAN_VARIANCE_NORMALIZATION2_OPERATOR_DESC desc{};
  desc.InputTensor = tensor(x.type, x.sizes);
  desc.ScaleTensor = tensor(scale.type, x.sizes, true);
  desc.OutputTensor = tensor(x.type, x.sizes);
  desc.AxisCount = 1;
  desc.Axes = &axis;
  desc.UseMean = FALSE;
  desc.UseVariance = TRUE;
  desc.Epsilon = epsilon;
  return node(DML_OPERATOR_MEAN_VARIANCE_NORMALIZATION2, &desc, {x, scale}, x.type, x.sizes);
}

std::shared_ptr<const CompiledGraph> GraphBuilder::compile(const Value& output) {
  std::vector<DML_OPERATOR_GRAPH_NODE_DESC> operators;
  for (const auto& made : operators_) operators.push_back({made.Get(), nullptr});
  const auto descs = [](auto& list, auto type, auto& into) {
    for (auto& item : list) into.push_back({type, &item});
  };
  const DML_OUTPUT_GRAPH_EDGE_DESC last{static_cast<UINT>(output.node), 0, 0, nullptr};
  const DML_GRAPH_EDGE_DESC out{DML_GRAPH_EDGE_TYPE_OUTPUT, &last};
  std::vector<DML_GRAPH_NODE_DESC> nodes;
  std::vector<DML_GRAPH_EDGE_DESC> in, between;
  descs(operators, DML_GRAPH_NODE_TYPE_OPERATOR, nodes);
  descs(inputs_, DML_GRAPH_EDGE_TYPE_INPUT, in);
  descs(edges_, DML_GRAPH_EDGE_TYPE_INTERMEDIATE, between);
  DML_GRAPH_DESC desc{};
  desc.InputCount = static_cast<UINT>(input_count_);
  desc.OutputCount = 1;
  desc.NodeCount = static_cast<UINT>(nodes.size());
  desc.Nodes = nodes.data();
  desc.InputEdgeCount = static_cast<UINT>(in.size());
  desc.InputEdges = in.data();
  desc.OutputEdgeCount = 1;
  desc.OutputEdges = &out;
  desc.IntermediateEdgeCount = static_cast<UINT>(between.size());
  desc.IntermediateEdges = between.data();

  auto graph = std::make_shared<CompiledGraph>();
  // no ALLOW_HALF_PRECISION_COMPUTATION: sums stay in float32
  check(directml_.dml->CompileGraph(&desc, DML_EXECUTION_FLAG_NONE, IID_PPV_ARGS(&graph->compiled)),
        "IDMLDevice1::CompileGraph", gpu_.device.Get());
  graph->properties = binding_properties(graph->compiled.Get());
  if (graph->properties.PersistentResourceSize)
    graph->persistent = gpu_.memory->alloc(graph->properties.PersistentResourceSize);
  IDMLCompiledOperator* compiled = graph->compiled.Get();
  ComPtr<IDMLOperatorInitializer> initializer;
  check(directml_.dml->CreateOperatorInitializer(1, &compiled, IID_PPV_ARGS(&initializer)),
        "IDMLDevice::CreateOperatorInitializer", gpu_.device.Get());
  gpu_.execute([&](Commands& commands) { commands.initialize(directml_, initializer.Get(), graph->persistent); });
  return graph;
}

Graphs::Graphs(ID3D12Device* device, IDMLDevice1* dml) {
  check(dml->CreateCommandRecorder(IID_PPV_ARGS(&recorder_)), "IDMLDevice::CreateCommandRecorder", device);
}

DirectMlDevice::DirectMlDevice(ID3D12Device* device, ComPtr<IDMLDevice1> made)
    : dml(std::move(made)), descriptors(std::make_shared<Descriptors>(device)), graphs(device, dml.Get()) {}

std::shared_ptr<const CompiledGraph> Graphs::get(const std::string& key,
                                                 const std::function<std::shared_ptr<const CompiledGraph>()>& build) {
  const std::lock_guard lock(mutex_);
  return graphs_.get(key, build);
}

void Graphs::drop() {
  const std::lock_guard lock(mutex_);
  graphs_.clear();
}

void Graphs::dispatch(ID3D12CommandList* list, IDMLDispatchable* dispatchable, IDMLBindingTable* table) {
  const std::lock_guard lock(recording_);
  recorder_->RecordDispatch(list, dispatchable, table);
}

}  // namespace lophi::dml
