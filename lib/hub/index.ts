/** Models by name: found in the cache that all Hugging Face libraries share, or downloaded into it. */
export { isModelName } from './name.js'
export {
  listVariants,
  locateModel,
  type PullOptions,
  type PullPlan,
  type PullProgress,
  type PullResult,
  pullModel,
} from './pull.js'
export type { Backend, Variant } from './variants.js'
