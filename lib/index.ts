export { type InspectOptions, inspect, type Report } from './cli/report.js'
export { type ConvertOptions, type ConvertResult, convert } from './convert/index.js'
export {
  Device,
  type DeviceAddress,
  type DeviceName,
  type DeviceReference,
  listDevices,
  type OpenDeviceOptions,
  openDevice,
} from './device.js'
export { bfloat16ToFloat32, type DType, dtypes, float16ToFloat32, type TypedArrayOf } from './dtype.js'
export * from './errors.js'
export type { FileRange, ModelConfig, WeightFormat } from './formats/source.js'
export { Generation } from './generate/generation.js'
export { loadTokenizer } from './generate/load-tokenizer.js'
export {
  type LoadModelOptions,
  type LoadProgress,
  type LogitsOptions,
  loadModel,
  Model,
  type ModelReference,
} from './generate/model.js'
export type { SamplingOptions } from './generate/sampling.js'
export type { PrefillOptions, PrefillProgress, Sampled, SampleOptions, Sequence } from './generate/sequence.js'
export type { Session, SessionOptions } from './generate/session.js'
export type { GenerateOptions, StopReason, Token } from './generate/token-reader.js'
export type { Counters, DeviceDetails, DeviceInfo, MemoryInfo } from './native.js'
export { ops, supports } from './ops/index.js'
export { type OpName, schema } from './ops/schema.js'
export type { OpArguments, OpResult } from './ops/types.js'
export { path } from './path.js'
export { type InputValue, Plan, record } from './record.js'
export { keep, scope } from './scope.js'
export { type Shape, Tensor } from './tensor.js'
export type {
  ChatMessage,
  ChatOptions,
  DecodeOptions,
  EncodeChatOptions,
  EncodeOptions,
  Tokenizer,
  TokenStream,
} from './tokenizer/index.js'
export { Weight, type WeightData, type WeightOptions } from './weight.js'
