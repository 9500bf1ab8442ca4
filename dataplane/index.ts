/** What others may use of this room without a cluster: rules as text, as a value, and where they lead a packet. */
export { type Outcome, type Packet, trace } from './iptables/trace.ts';
export { desiredTable, type NftablesInputs, nftablesText } from './nftables/render.ts';
export { trace as traceTable } from './nftables/trace.ts';
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
