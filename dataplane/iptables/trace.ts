import { joinHostPort } from '../../api/address.ts';
import { isLoopback, type Outcome, type Packet } from '../packet.ts';
import { passed, type State, type Step, type Tables } from './walk.ts';

/** Hands a packet to a virtual server: where it may go, nowhere, or undefined where there is no such server. */
export type Balance = (state: State) => readonly State[] | undefined;

/**
 * Where a packet would go through the tables filter and nat, in the order in which the kernel asks them. IPVS
 * takes packets that are addressed to the node after filter's INPUT, and the node's own before filter's OUTPUT.
 */
export function traceTables(
  tables: Tables,
  packet: Packet,
  { balance = () => undefined, addresses = () => false }: TraceOptions = {},
): Outcome[] {
  const own = new Set(packet.nodeIps);
  const local = (address: string) => own.has(address) || isLoopback(address) || addresses(address);
  const start: State = {
    ...packet,
    protocol: packet.protocol ?? 'tcp',
    bridged: packet.bridged ?? false,
    local,
    weight: 1,
    mark: 0,
    translated: false,
    path: [],
  };
  const outcome = ({ kind, state }: Step, masqueraded = false): Outcome => ({
    probability: state.weight,
    verdict: kind === 'drop' || kind === 'reject' ? kind : 'accept',
    to: joinHostPort(state.destination, state.port),
    masqueraded,
    rules: state.path,
  });
  const through = (chain: string, state: State, then: (state: State) => Outcome[]): Outcome[] =>
    [...passed(tables, 'filter', chain, state)].flatMap((step) =>
      step.kind === 'drop' || step.kind === 'reject' ? [outcome(step)] : then(step.state),
    );
  const balanced = (state: State, then: (state: State, taken: boolean) => Outcome[]): Outcome[] => {
    const ways = state.virtual ? undefined : balance(state);
    if (!ways) return then(state, false);
    // Nobody to send it to: IPVS answers that the port is closed.
    return ways.length > 0 ? ways.flatMap((way) => then(way, true)) : [outcome({ kind: 'reject', state })];
  };
  /** What leaves, or comes back in by the loopback device. */
  const leave = (state: State, fromHere: boolean): Outcome[] =>
    [...passed(tables, 'nat', 'POSTROUTING', state)].flatMap((step) => {
      const arrive = (last: State) => [outcome({ kind: 'accept', state: last }, step.kind === 'masquerade')];
      return fromHere && local(state.destination) ? through('INPUT', step.state, arrive) : arrive(step.state);
    });
  const output = (state: State) => through('OUTPUT', state, (out) => leave(out, true));

  const isSender = local(packet.source);
  return [...passed(tables, 'nat', isSender ? 'OUTPUT' : 'PREROUTING', start)].flatMap(({ state }) => {
    if (isSender) return balanced(state, output);
    if (!local(state.destination)) return through('FORWARD', state, (out) => leave(out, false));
    return through('INPUT', state, (here) =>
      balanced(here, (way, taken) => (taken ? output(way) : [outcome({ kind: 'accept', state: way })])),
    );
  });
}

export interface TraceOptions {
  readonly balance?: Balance;
  /** Whether an address is the node's besides its own ones: those of Services on kube-ipvs0. */
  readonly addresses?: (address: string) => boolean;
}
