/** The networks of the architectures that this version runs. */
import { phi3 } from '../architectures/phi3.js'
import type { Device } from '../device.js'
import { ArgumentError, UnsupportedModelError } from '../errors.js'
import type { WeightSource } from '../formats/source.js'
import type { Activations } from '../nn/linear.js'
import type { Network, NetworkOptions } from './network.js'
import { Phi3 } from './phi3.js'

type Builder = (device: Device, source: WeightSource, options: NetworkOptions) => Promise<Network>

/** By the names of the blueprints. */
const builders: Readonly<Record<string, Builder>> = { [phi3.name]: Phi3.load }

/** Opens the weights of a source as the network that its blueprint stands for. */
export function loadNetwork(device: Device, source: WeightSource, options: NetworkOptions): Promise<Network> {
  const build = builders[source.blueprint.name]
  if (build) return build(device, source, options)
  throw new UnsupportedModelError(`${source.path}: ${source.blueprint.title} is not computed by this version`)
}

/** 'auto' rounds activations where the file allows it: it gave up that precision already. */
export function chooseActivations(wanted: 'auto' | Activations, source: WeightSource): Activations {
  if (wanted !== 'auto' && wanted !== 'f32' && wanted !== 'int8')
    throw new ArgumentError('ERR_ARGUMENT', `loadModel: activations must be auto, f32 or int8, but it is ${wanted}`)
  if (wanted !== 'auto') return wanted
  return source.allowsInt8 ? 'int8' : 'f32'
}
