import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listVariants, pullModel } from '../../lib/hub/index.js'
import {
  ArgumentError,
  convert,
  type Device,
  inspect,
  loadModel,
  type Model,
  openDevice,
  ops,
  record,
  type Tensor,
} from '../../lib/index.js'
import { checkOptions } from '../../lib/options.js'
import { tinyPhi3 } from '../support/models.js'

// What comes in at a public door and is not what it should be is an ArgumentError that names it.

let device: Device
let model: Model
let x: Tensor<'float32', readonly [2]>
beforeAll(async () => {
  device = await openDevice('cpu')
  model = await loadModel(tinyPhi3, { device })
  x = device.tensor(new Float32Array(2), [2])
})
afterAll(async () => {
  await model.dispose()
  await device.dispose()
})

/** Takes any arguments, as JavaScript does. */
// biome-ignore lint/suspicious/noExplicitAny: the types forbid what is tried here
type Loose = any

async function errorOf(call: () => unknown): Promise<ArgumentError> {
  try {
    await call()
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError)
    return error as ArgumentError
  }
  return expect.fail('must be refused, but passed')
}

const data = new Float32Array(2)
const plan = () => record(device, { inputs: { x } }, ({ x }) => ({ y: ops.neg({ x }) }))

describe('an option that nobody knows is an error with the nearest name', () => {
  test.each<[string, () => unknown, string, string]>([
    ['openDevice', () => openDevice('cpu', { thread: 2 } as Loose), 'thread', 'threads'],
    ['a device by its parts', () => openDevice({ backend: 'cpu', adaptor: 0 } as Loose), 'adaptor', 'adapter'],
    ['loadModel', () => loadModel(tinyPhi3, { device, kv_type: 'float16' } as Loose), 'kv_type', 'kvType'],
    ['generate', () => model.generate('x', { top_k: 3 } as Loose), 'top_k', 'topK'],
    ['generate', () => model.generate('x', { maxToken: 3 } as Loose), 'maxToken', 'maxTokens'],
    ['session', () => model.session({ sistem: 'x' } as Loose), 'sistem', 'system'],
    ['send', () => model.session().send('x', { tempreature: 1 } as Loose), 'tempreature', 'temperature'],
    ['logits', () => model.logits([1], { All: true } as Loose), 'All', 'all'],
    ['prefill', () => model.sequence().prefill([1], { chunks: 8 } as Loose), 'chunks', 'chunk'],
    ['step', () => model.sequence().step(1, { logit: true } as Loose), 'logit', 'logits'],
    ['convert', () => convert('a', 'b.gguf', { type: 'f16', overwite: true } as Loose), 'overwite', 'overwrite'],
    ['inspect', () => inspect(tinyPhi3, { contxt: 5 } as Loose), 'contxt', 'context'],
    ['pullModel', () => pullModel('a/b', { varient: 'x' } as Loose), 'varient', 'variant'],
    ['listVariants', () => listVariants('a/b', { revison: 'x' } as Loose), 'revison', 'revision'],
    ['record', () => record(device, { input: { x } } as Loose, () => ({})), 'input', 'inputs'],
    ['a run', () => plan().run({}, { reads: ['y'] } as Loose), 'reads', 'read'],
    ['the inputs of a run', () => plan().run({ X: data } as Loose), 'X', 'x'],
    ['weight', () => device.weight({ format: 'float32', shape: [1, 2], part: { data } } as Loose), 'part', 'parts'],
    [
      'the parts of a weight',
      () => device.weight({ format: 'int4', shape: [1, 2], group: 2, parts: { data, scale: data } } as Loose),
      'scale',
      'scales',
    ],
    ['an op', () => ops.softmax({ x, axes: 0 } as Loose), 'axes', 'axis'],
  ])('%s', async (_, call, given, near) => {
    const { message, code } = await errorOf(call)
    expect(code).toBe('ERR_ARGUMENT')
    expect(message).toMatch(new RegExp(`: unknown [a-z ]+ ${given}; did you mean ${near}\\?$`))
  })

  test('one that is like none comes with all that there are', async () => {
    expect((await errorOf(() => openDevice('cpu', { colour: 1 } as Loose))).message).toBe(
      'openDevice: unknown option colour; there are threads',
    )
  })

  test('what is undefined counts as given, what is no object does not pass', async () => {
    expect(() => checkOptions<{ a?: 1 }>('f', { a: undefined } as Loose, { a: true })).not.toThrow()
    for (const options of [null, 5, 'x', [1]])
      expect((await errorOf(() => openDevice('cpu', options as Loose))).message).toMatch(/options must be an object/)
  })
})

describe('what a call cannot do without is asked for at its door', () => {
  const call = ops as Loose
  test.each<[string, () => unknown, RegExp]>([
    ['ops.add()', () => call.add(), /^add: operands must be given by name, but are undefined$/],
    ['ops.add(5)', () => call.add(5), /^add: operands .* but are 5$/],
    ['ops.add(tensor)', () => call.add(x), /^add: unknown/],
    ['tensor without a shape', () => (device as Loose).tensor(data), /^tensor: shape must be an array .* undefined$/],
    [
      'tensor of an array',
      () => (device as Loose).tensor([1, 2], [2]),
      /^tensor: data must be a typed array.*\[1,2\]$/,
    ],
    ['weight without options', () => (device as Loose).weight(), /^weight: options must be an object/],
    ['generate()', () => (model as Loose).generate(), /^generate: the prompt must be .* undefined$/],
    ['generate(null)', () => model.generate(null as Loose), /^generate: the prompt must be .* null$/],
    ['generate(5)', () => model.generate(5 as Loose), /^generate: the prompt must be .* 5$/],
    ['generate([null])', () => model.generate([null] as Loose), /messages\[0\]/],
    ['generate of half an id', () => model.generate([1.5]).readAll(), /1\.5/],
    ['loadModel()', () => (loadModel as Loose)(), /^loadModel: model must be .* undefined$/],
    ["loadModel('')", () => loadModel(''), /^loadModel: model must be/],
    ['loadModel of a number', () => loadModel(7 as Loose), /^loadModel: model must be .* 7$/],
    ['logits()', () => (model as Loose).logits(), /^logits: ids must be/],
    ['convert()', () => (convert as Loose)(), /^convert: input must be a path/],
    ['inspect()', () => (inspect as Loose)(), /^inspect: path must be/],
    ['record without inputs', () => record(device, {} as Loose, () => ({})), /^record: inputs must be tensors by name/],
    ['openDevice(null)', () => openDevice(null as Loose), /^openDevice: device must be/],
    ['openDevice({})', () => openDevice({} as Loose), /^openDevice: device must be/],
    ['half an adapter', () => openDevice({ backend: 'cuda', adapter: 0.5 }), /^openDevice: adapter must be/],
  ])('%s', async (_, call, message) => {
    expect((await errorOf(call)).message).toMatch(message)
  })
})
