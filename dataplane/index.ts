/** What others may use of this room without a cluster: rules as text, as a value, and where they lead a packet. */
export { desiredTable, type NftablesInputs, nftablesText } from './nftables/render.ts';
export {
  ConfigurationError,
  type DesiredOptions,
  desiredRules,
  ObjectsError,
  parseObjects,
  proxyConfiguration,
  type RenderOptions,
  renderRules,
} from './render.ts';
export { type Outcome, type Packet, type ReadRules, type Rules, readRules, trace } from './trace.ts';
