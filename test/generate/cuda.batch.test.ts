import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Batch } from '../../lib/generate/batch.js'
import { type Device, listDevices, loadModel, type Model, openDevice, type Sequence } from '../../lib/index.js'
import { largestError, standardDeviation } from '../support/models.js'
import { seededRecords } from '../support/random-records.js'
import { temporaryFolder } from '../support/shared.js'
import { writeSynthetic } from '../support/synthetic.js'

// One row, four sequences, eight tokens of a draft and a prefill take the same weights by other kernels: other orders of the same sums.

const { devices, absent } = await listDevices()
const has = devices.some(({ id }) => id === 'cuda:0')
if (!has) console.warn(`batches on cuda are not tested: ${absent.find(({ backend }) => backend === 'cuda')?.reason}`)

/** Of float32 sums in another order, in standard deviations of the logits. */
const bound = 2e-5

const folder = await temporaryFolder()
const sizes = { layers: 2, hidden: 256, inner: 512, heads: 4, groups: 2, vocab: 320, context: 256 }
const ids = [5, 319, 17, 200, 3, 64, 9, 77, 250, 31, 8, 120]
const [start, draft] = [ids.slice(0, 4), ids.slice(4)]

describe.runIf(has).each(['q4_0', 'q4_k_m', 'f16'] as const)('%s on cuda:0', (mixture) => {
  let device: Device
  let model: Model
  /** Of every position, token by token. */
  let expected: Float32Array
  beforeAll(async () => {
    device = await openDevice('cuda:0')
    const path = join(folder, `${mixture}.gguf`)
    await writeSynthetic(path, mixture, sizes, seededRecords(3))
    model = await loadModel(path, { device, activations: 'f32', kvType: 'float32' })
    expected = await model.logits(ids, { all: true, chunk: 1 })
  })
  afterAll(async () => {
    await model.dispose()
    await device.dispose()
  })

  const rowsOf = (first: number, end?: number) =>
    expected.subarray(first * sizes.vocab, end === undefined ? undefined : end * sizes.vocab)
  const expectRows = (rows: readonly (Float32Array | null)[], first: number) => {
    const actual = rows.flatMap((row) => [...row!])
    const wanted = rowsOf(first, first + actual.length / sizes.vocab)
    expect(largestError(actual, wanted) / standardDeviation(expected)).toBeLessThan(bound)
  }
  const started = async (count: number): Promise<Sequence[]> => {
    const sequences = Array.from({ length: count }, () => model.sequence())
    for (const sequence of sequences) await sequence.prefill(start)
    return sequences
  }

  test.each([4, 12])('a prefill in passes of %i tokens gives the logits of one token at a time', async (chunk) => {
    expectRows([await model.logits(ids, { all: true, chunk })], 0)
  })

  test('a draft of eight tokens does', async () => {
    const [sequence] = await started(1)
    const verified = await sequence!.verify(draft, { logits: true })
    expectRows(
      verified.map(({ logits }) => logits),
      start.length,
    )
    sequence!.dispose()
  })

  test('four sequences in a batch do, and rows of the same sequence are the same bit for bit', async () => {
    const members = await started(4)
    const batch = new Batch(members[0]!.decoder)
    batch.states = members.map(({ state }) => state)
    for (const [i, id] of draft.slice(0, 2).entries()) {
      const sampled = await batch.step(
        members.map(() => [id]),
        { logits: true },
      )
      expectRows([sampled[0]!.logits], start.length + i)
      for (const { logits } of sampled.slice(1)) expect(logits).toEqual(sampled[0]!.logits)
    }
    batch.dispose()
    for (const member of members) member.dispose()
  })
})
