import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '../../lib/formats/safetensors/read.js'
import { sharedData } from './shared.js'

// Models and expectations that several test files share.

/** The trained model of the repository: GGUF, Q8_0, with tokenizer and chat template. */
export const tinyPhi3 = fileURLToPath(new URL('../../models/tiny-phi3', import.meta.url))

/** One prompt of a golden checkpoint, from a float64 pass. */
export interface GoldenPrompt {
  readonly name: string
  readonly ids: readonly number[]
  /** [T, V] */
  readonly logits: Float32Array
  /** The continuation in which each step is a full pass, and the distance between its two best logits; may be empty. */
  readonly greedy: readonly number[]
  readonly gap: Float32Array
}

/** Every tensor of a safetensors file of 4-byte elements. */
async function readTensors(path: string): Promise<Map<string, Float32Array | Int32Array>> {
  const { tensors } = await readSafetensors(path)
  const file = await readFile(path)
  return new Map(
    tensors.map(({ name, dtype, data }) => {
      const bytes = file.buffer.slice(file.byteOffset + data.offset, file.byteOffset + data.offset + data.bytes)
      return [name, dtype === 'I32' ? new Int32Array(bytes) : new Float32Array(bytes)]
    }),
  )
}

export async function goldenPrompts(folder: string): Promise<GoldenPrompt[]> {
  const tensors = await readTensors(join(folder, 'expected.safetensors'))
  const names = [...tensors.keys()].filter((name) => name.endsWith('.ids')).map((name) => name.slice(0, -4))
  return names.map((name) => ({
    name,
    ids: [...(tensors.get(`${name}.ids`) as Int32Array)],
    logits: tensors.get(`${name}.logits`) as Float32Array,
    greedy: [...((tensors.get(`${name}.greedy`) as Int32Array | undefined) ?? [])],
    gap: (tensors.get(`${name}.gap`) as Float32Array | undefined) ?? new Float32Array(),
  }))
}

/** Prompts of the tiny model with the ids that a float32 pass picks; the two best logits are never closer than 2. */
export interface Answer {
  readonly task: string
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[]
  readonly promptIds: readonly number[]
  readonly ids: readonly number[]
  readonly answer: string
}
export interface Checks {
  readonly answers: readonly Answer[]
  /** One long text whose two best logits come as close as 0.008: for float32 only. */
  readonly story: {
    readonly prompt: string
    readonly promptIds: readonly number[]
    readonly ids: readonly number[]
    readonly text: string
  }
}

export async function tinyPhi3Checks(): Promise<Checks | null> {
  const path = sharedData('tiny-phi3/checks.json')
  return path === null ? null : JSON.parse(await readFile(path, 'utf8'))
}

export function standardDeviation(values: ArrayLike<number>): number {
  let sum = 0
  let squares = 0
  for (let i = 0; i < values.length; i++) {
    sum += values[i] as number
    squares += (values[i] as number) ** 2
  }
  const mean = sum / values.length
  return Math.sqrt(squares / values.length - mean ** 2)
}

/** Largest distance between two lists of as many numbers; infinite where one has a NaN. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, but must be ${expected.length}`)
  let largest = 0
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number))
    if (!(error <= largest)) largest = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
  }
  return largest
}
