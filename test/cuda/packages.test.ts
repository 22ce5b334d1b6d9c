import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSource } from '../../lib/formats/index.js'
import { type Device, type LoadModelOptions, listDevices, loadModel, type Model, openDevice } from '../../lib/index.js'
import { forward } from '../onnx/forward.js'
import { allowsInt8, float32Bound, packageNames, promptsOf, tableBounds } from '../onnx/packages.js'
import { goldenPrompts, largestError, standardDeviation } from '../support/models.js'
import { seededRecords } from '../support/random-records.js'
import { sharedData, temporaryFolder } from '../support/shared.js'
import { mixtureNames, writeSynthetic } from '../support/synthetic.js'

// Models as they are published, in every container and format, on cuda:0: against float64 logits where there are some, and against the
// CPU. Errors are fractions of the logits' standard deviation. The emulator takes its time, so prompts are short.

const { devices, absent } = await listDevices()
const has = devices.some(({ id }) => id === 'cuda:0')
if (!has) console.warn(`packages on cuda are not tested: ${absent.find(({ backend }) => backend === 'cuda')?.reason}`)

/** MLX quantises embeddings too. */
const mlxBound = 2e-4
/** Where both round activations to int8: a value on the border of two levels goes either way. */
const int8Bound = 0.1

const relativeError = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  largestError(actual, expected) / standardDeviation(expected)

let cuda: Device
let cpu: Device
beforeAll(async () => {
  cpu = await openDevice('cpu')
  if (has) cuda = await openDevice('cuda:0')
})
afterAll(async () => {
  await cpu.dispose()
  await cuda?.dispose()
})

async function on<T>(
  device: Device,
  path: string,
  options: LoadModelOptions,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  await using model = await loadModel(path, { ...options, device })
  return await use(model)
}

/** Logits of the last positions, by way of the recorded step, after a prefill of those before. */
async function stepLogits(model: Model, ids: readonly number[], count: number): Promise<Float32Array> {
  using sequence = model.sequence()
  await sequence.prefill(ids.slice(0, -count))
  const rows: number[] = []
  for (const id of ids.slice(-count)) rows.push(...(await sequence.step(id, { logits: true })).logits!)
  return Float32Array.from(rows)
}

const shortOf = <T extends { readonly name: string }>(prompts: readonly T[]): T =>
  prompts.find(({ name }) => name === 'short')!

/** Skips a test whose data is not on this machine. */
function folderOf(path: string, skip: (reason: string) => never): string {
  return sharedData(path) ?? skip(`shared/data/${path} is not on this machine`)
}

describe.runIf(has)('checkpoints of safetensors on cuda', () => {
  const floats = ['mha', 'gqa', 'head96', 'window', 'longrope', 'partial-tied']
  const quantised = ['awq-gemm-g32', 'awq-gemm-g128', 'gptq-v1-g32', 'gptq-v2-g64', 'gptq-act-order-g32']
  const mlx = ['mlx-q4-g64', 'mlx-q8-g32', 'mlx-q4-g32-tied']
  test.for([...floats, ...quantised, ...mlx])('%s gives the golden logits', async (name, { skip }) => {
    const folder = folderOf(`golden/${name}`, skip)
    const { ids, logits } = shortOf(await goldenPrompts(folder))
    const bound = name.startsWith('mlx') ? mlxBound : float32Bound
    await on(cuda, folder, { kvType: 'float32' }, async (model) => {
      expect(relativeError(await model.logits(ids, { all: true }), logits)).toBeLessThan(bound)
      const last = logits.subarray(-2 * model.config.vocabSize)
      expect(relativeError(await stepLogits(model, ids, 2), last)).toBeLessThan(bound)
    })
  })
})

describe.runIf(has)('packages of ONNX on cuda', () => {
  test.for(packageNames)('%s gives the expected logits', async (name, { skip }) => {
    const folder = folderOf(`onnx/${name}`, skip)
    const { ids, exact } = shortOf(await promptsOf(folder))
    const options = { activations: 'f32', kvType: 'float32' } as const
    const logits = await on(cuda, folder, options, (model) => model.logits(ids, { all: true }))
    expect(relativeError(logits, exact)).toBeLessThan(tableBounds[name] ?? float32Bound)
  })

  test.for(packageNames.filter(allowsInt8))(
    '%s with int8 activations gives the logits of the CPU',
    async (name, { skip }) => {
      const folder = folderOf(`onnx/${name}`, skip)
      const { ids, exact, ort } = shortOf(await promptsOf(folder))
      const here = ids.slice(0, 7)
      const [expected, actual] = await Promise.all(
        [cpu, cuda].map((device) =>
          on(device, folder, { kvType: 'float32' }, async (model) => {
            expect(model.activations).toBe('int8')
            return model.logits(here, { all: true })
          }),
        ),
      )
      const distance = ort ? largestError(ort, exact) : 0.3
      expect(largestError(actual!, expected!)).toBeLessThan(distance)
      expect(largestError(actual!, exact.subarray(0, actual!.length))).toBeLessThan(1.2 * distance)
    },
  )
})

describe.runIf(has)('GGUF on cuda', async () => {
  const folder = await temporaryFolder()
  // 4 heads of 64 over 2 groups; rows of 256 values, as K-quants want them
  const sizes = { layers: 2, hidden: 256, inner: 512, heads: 4, groups: 2, vocab: 320, context: 256 }
  const ids = [5, 319, 17, 200, 3, 64]

  test.each(mixtureNames)('%s gives the logits of a float64 pass, and those of the CPU', async (mixture) => {
    const path = join(folder, `${mixture}.gguf`)
    await writeSynthetic(path, mixture, sizes, seededRecords(7))
    const reference = await forward(await openSource(path), ids)
    const exact = { activations: 'f32', kvType: 'float32' } as const
    await on(cuda, path, exact, async (model) => {
      expect(relativeError(await model.logits(ids, { all: true }), reference)).toBeLessThan(float32Bound)
      const last = reference.subarray(-2 * sizes.vocab)
      expect(relativeError(await stepLogits(model, ids, 2), last)).toBeLessThan(float32Bound)
    })
    // as they are by default: int8 activations where levels are, a float16 cache
    const [expected, actual] = await Promise.all(
      [cpu, cuda].map((device) => on(device, path, {}, (model) => model.logits(ids, { all: true }))),
    )
    expect(relativeError(actual!, expected!)).toBeLessThan(int8Bound)
  })

  // Products agree to 1e-7, so all that takes the devices apart is which way a key or a value between two float16 numbers falls.
  test.each(['q8_0', 'q4_k_m'] as const)(
    '%s: a float16 cache takes both equally far from the float64 pass',
    async (mixture) => {
      const path = join(folder, `cache-${mixture}.gguf`)
      await writeSynthetic(path, mixture, sizes, seededRecords(8))
      const reference = await forward(await openSource(path), ids)
      const [here, there] = await Promise.all(
        [cuda, cpu].map((device) =>
          on(device, path, { activations: 'f32', kvType: 'float16' }, (model) => model.logits(ids, { all: true })),
        ),
      )
      const distance = relativeError(there!, reference)
      expect(distance).toBeLessThan(5e-3)
      expect(relativeError(here!, reference)).toBeLessThan(1.5 * distance)
      expect(relativeError(here!, there!)).toBeLessThan(1.5 * distance)
    },
  )
})
