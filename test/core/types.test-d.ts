import { describe, expectTypeOf, test } from 'vitest'
import {
  type Device,
  keep,
  type OpArguments,
  openDevice,
  ops,
  record,
  scope,
  type Tensor,
  type Weight,
} from '../../lib/index.js'

// Compile-time only: these functions are never called.

declare const device: Device
declare const f32: Tensor<'float32', readonly [2, 3]>
declare const f16: Tensor<'float16', readonly [2, 3]>
declare const i32: Tensor<'int32', readonly [4]>
declare const u8: Tensor<'uint8', readonly [2, 3]>
declare const any: Tensor
declare const weight: Weight

describe('device.tensor', () => {
  test('infers dtype and shape', () => {
    expectTypeOf(device.tensor(new Float32Array(6), [2, 3])).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
    expectTypeOf(device.tensor(new Int32Array(1), [])).toEqualTypeOf<Tensor<'int32', readonly []>>()
    expectTypeOf(device.tensor(new Uint32Array(2), [2]).dtype).toEqualTypeOf<'uint32'>()
    expectTypeOf(device.tensor(new Int8Array(2), [2]).dtype).toEqualTypeOf<'int8'>()
    expectTypeOf(device.tensor(new Uint8Array(2), [2]).dtype).toEqualTypeOf<'uint8'>()
    expectTypeOf(device.tensor(new Uint16Array(2), [2], 'float16').dtype).toEqualTypeOf<'float16'>()
    expectTypeOf(device.tensor(new Uint8Array(1), [2], 'int4').dtype).toEqualTypeOf<'int4'>()
  })

  test('takes a shape that is only known at run time', () => {
    const shape: number[] = [2, 3]
    expectTypeOf(device.tensor(new Float32Array(6), shape).shape).toExtend<readonly number[]>()
  })

  test('reads back the typed array of its dtype', () => {
    expectTypeOf(f32.read()).resolves.toEqualTypeOf<Float32Array>()
    expectTypeOf(f16.readSync()).toEqualTypeOf<Uint16Array>()
    expectTypeOf(i32.read()).resolves.toEqualTypeOf<Int32Array>()
    expectTypeOf(i32.item()).resolves.toEqualTypeOf<number>()
  })

  test('refuses wrong data, shapes and dtypes', () => {
    // @ts-expect-error an array is no typed array
    device.tensor([1, 2, 3], [3])
    // @ts-expect-error float64 is no dtype: nothing here computes in it
    device.tensor(new Float64Array(6), [6])
    // @ts-expect-error bit patterns need the name of their dtype
    device.tensor(new Uint16Array(6), [6])
    // @ts-expect-error a shape is an array
    device.tensor(new Float32Array(6), 6)
    // @ts-expect-error float8 is no dtype
    device.tensor(new Uint8Array(6), [6], 'float8')
    // @ts-expect-error a device name is one of a few forms
    openDevice('gpu')
    // @ts-expect-error bfloat32 is no weight format
    device.weight({ format: 'bfloat32', shape: [1, 1], parts: { data: new Float32Array(1) } })
  })
})

describe('views', () => {
  test('have the new shape and the old dtype', () => {
    expectTypeOf(f16.view([6])).toEqualTypeOf<Tensor<'float16', readonly [6]>>()
    expectTypeOf(f32.subarray(0, 1).dtype).toEqualTypeOf<'float32'>()
  })
})

describe('weights', () => {
  test('come back as float32 of two axes', () => {
    expectTypeOf(weight.dequantize()).toEqualTypeOf<Tensor<'float32', readonly [number, number]>>()
  })
})

describe('ops', () => {
  test('keep dtype and shape where the schema says so', () => {
    expectTypeOf(ops.neg({ x: f16 })).toEqualTypeOf<Tensor<'float16', readonly [2, 3]>>()
    expectTypeOf(ops.rmsNorm({ x: f32, weight: f32 })).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
    expectTypeOf(ops.copy({ x: i32 })).toEqualTypeOf<Tensor<'int32', readonly [4]>>()
    expectTypeOf(ops.softmax({ x: f32, axis: 0 })).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
  })

  test('give the dtype alone where the shape is computed', () => {
    expectTypeOf(ops.matmul({ a: f16, b: f16 })).toEqualTypeOf<Tensor<'float16'>>()
    expectTypeOf(ops.add({ a: f32, b: f32 }).dtype).toEqualTypeOf<'float32'>()
    expectTypeOf(ops.transpose({ x: u8, permutation: [1, 0] }).dtype).toEqualTypeOf<'uint8'>()
    expectTypeOf(ops.argmax({ x: f32 }).dtype).toEqualTypeOf<'int32'>()
    expectTypeOf(ops.linear({ x: f32, w: weight }).dtype).toEqualTypeOf<'float32'>()
    expectTypeOf(ops.concat({ xs: [f32, f32] }).dtype).toEqualTypeOf<'float32'>()
  })

  test('take the dtype of an attribute, or its default', () => {
    expectTypeOf(ops.zeros({ device, shape: [2] }).dtype).toEqualTypeOf<'float32'>()
    expectTypeOf(ops.zeros({ device, shape: [2], dtype: 'int4' }).dtype).toEqualTypeOf<'int4'>()
    expectTypeOf(ops.cast({ x: f32, dtype: 'bfloat16' }).dtype).toEqualTypeOf<'bfloat16'>()
    expectTypeOf(ops.embedding({ table: weight, ids: i32 }).dtype).toEqualTypeOf<'float32'>()
    expectTypeOf(ops.embedding({ table: weight, ids: i32, dtype: 'float16' }).dtype).toEqualTypeOf<'float16'>()
  })

  test('of several outputs name them', () => {
    const { sum, y } = ops.addRmsNorm({ x: f32, residual: f32, weight: f32 })
    expectTypeOf(sum).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
    expectTypeOf(y).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
    const top = ops.topK({ x: f16, k: 2 })
    expectTypeOf(top.values.dtype).toEqualTypeOf<'float16'>()
    expectTypeOf(top.indices.dtype).toEqualTypeOf<'int32'>()
    // @ts-expect-error there is no third output
    top.y
  })

  test('refuse a wrong operand', () => {
    // @ts-expect-error exp is for floats
    ops.exp({ x: i32 })
    // @ts-expect-error ids are int32
    ops.embedding({ table: weight, ids: f32 })
    // @ts-expect-error a table is a weight
    ops.embedding({ table: f32, ids: i32 })
    // @ts-expect-error rows of a table are floats
    ops.embedding({ table: weight, ids: i32, dtype: 'int8' })
    // @ts-expect-error an operand of linear is a tensor
    ops.linear({ x: weight, w: weight })
    // @ts-expect-error concat takes a list
    ops.concat({ xs: f32 })
    // @ts-expect-error a condition is uint8
    ops.where({ condition: f32, a: f32, b: f32 })
    // @ts-expect-error an operand is no typed array
    ops.neg({ x: new Float32Array(3) })
  })

  test('refuse a missing operand', () => {
    // @ts-expect-error weight is missing
    ops.rmsNorm({ x: f32 })
    // @ts-expect-error b is missing
    ops.add({ a: f32 })
    // @ts-expect-error there is no operand to name the device
    ops.zeros({ shape: [2] })
    // @ts-expect-error k is required
    ops.topK({ x: f32 })
    // @ts-expect-error so is the dtype of a cast
    ops.cast({ x: f32 })
  })

  test('refuse a wrong or misspelt attribute', () => {
    // @ts-expect-error epsilon is a number
    ops.rmsNorm({ x: f32, weight: f32, epsilon: '1e-5' })
    // @ts-expect-error it is called epsilon
    ops.rmsNorm({ x: f32, weight: f32, eps: 1e-5 })
    // @ts-expect-error one of two words
    ops.linear({ x: f32, w: weight, activations: 'int4' })
    // @ts-expect-error keepDims is a boolean
    ops.sum({ x: f32, keepDims: 1 })
    // @ts-expect-error axes come as a list
    ops.transpose({ x: f32, permutation: 1 })
    // @ts-expect-error float64 is no dtype
    ops.cast({ x: f32, dtype: 'float64' })
    // @ts-expect-error matmul has no axis
    ops.matmul({ a: f32, b: f32, axis: 1 })
  })

  test('write where they are told', () => {
    expectTypeOf(ops.neg({ x: f32, out: f32 }).dtype).toEqualTypeOf<'float32'>()
    expectTypeOf(ops.topK({ x: f32, k: 1, out: { values: f32 } }).indices.dtype).toEqualTypeOf<'int32'>()
    // @ts-expect-error several outputs are named
    ops.topK({ x: f32, k: 1, out: f32 })
    // @ts-expect-error no output of that name
    ops.topK({ x: f32, k: 1, out: { y: f32 } })
  })

  test('leave optional operands and attributes out', () => {
    expectTypeOf<{ x: Tensor<'float32'>; weight: Tensor<'float32'> }>().toExtend<OpArguments<'rmsNorm'>>()
    expectTypeOf<OpArguments<'matmulInt4'>['zeros']>().toEqualTypeOf<Tensor<'uint8'> | undefined>()
    expectTypeOf<OpArguments<'linear'>['activations']>().toEqualTypeOf<'f32' | 'int8' | undefined>()
  })

  test('accept a tensor whose dtype is only known at run time where any will do', () => {
    expectTypeOf(ops.copy({ x: any })).toExtend<Tensor>()
    // @ts-expect-error a float is wanted
    ops.exp({ x: any })
  })
})

describe('record', () => {
  const plan = record(device, { inputs: { id: i32, x: f32 } }, ({ id, x }) => {
    expectTypeOf(id).toEqualTypeOf<Tensor<'int32', readonly [4]>>()
    return { y: ops.neg({ x }), top: ops.argmax({ x }), half: ops.cast({ x, dtype: 'float16' }) }
  })

  test('a run gives the typed arrays of what it reads', () => {
    expectTypeOf(plan.run({ id: 3 }, { read: ['y', 'top'] })).resolves.toEqualTypeOf<{
      y: Float32Array
      top: Int32Array
    }>()
    expectTypeOf(plan.run({ x: new Float32Array(6) }, { read: ['half'] })).resolves.toEqualTypeOf<{
      half: Uint16Array
    }>()
    // biome-ignore lint/complexity/noBannedTypes: nothing is read
    expectTypeOf(plan.run()).resolves.toEqualTypeOf<{}>()
  })

  test('outputs and inputs keep their types', () => {
    expectTypeOf(plan.outputs.y).toEqualTypeOf<Tensor<'float32', readonly [2, 3]>>()
    expectTypeOf(plan.inputs.id).toEqualTypeOf<Tensor<'int32', readonly [4]>>()
  })

  test('wrong names and values are errors', () => {
    // @ts-expect-error no such output
    plan.run({}, { read: ['z'] })
    // @ts-expect-error no such input
    plan.run({ z: 1 })
    // @ts-expect-error a value is a number or a typed array
    plan.run({ id: '3' })
    // @ts-expect-error a plan's function returns tensors by name
    record(device, { inputs: {} }, () => f32)
    // @ts-expect-error it must not be async
    record(device, { inputs: {} }, async () => ({ f32 }))
    // @ts-expect-error inputs are tensors
    record(device, { inputs: { x: 1 } }, () => ({ f32 }))
  })
})

describe('scope and keep', () => {
  test('pass types through', () => {
    expectTypeOf(scope(() => ({ a: f32, list: [i32] }))).toEqualTypeOf<{ a: typeof f32; list: (typeof i32)[] }>()
    expectTypeOf(keep(f16)).toEqualTypeOf<Tensor<'float16', readonly [2, 3]>>()
  })

  test('a scope takes no async function', () => {
    // @ts-expect-error its tensors would be gone before it goes on
    scope(async () => f32)
  })
})
