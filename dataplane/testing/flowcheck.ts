import type { Protocol } from '../model/serviceport.ts';
import { addressOf, type Door, doorOf, netnsOf, nodeSeenBy, type Pod } from './places.ts';
import type { Flow } from './rows.ts';
import type { World } from './world.ts';

/** Enough that a pod among three is missed once in ten million times. */
const picks = 40;
/** Seconds until nobody answers: any answer would be there in a hundredth of that. */
export const silence = 0.4;

const protocols = ['TCP', 'UDP', 'SCTP'] as const;

/**
 * Every flow in every protocol; a line for each that is not as expected. Flows that several pods share come one after
 * the other: where two take turns at a round robin, each would get the same pod every time.
 */
export async function wrongFlows(world: World, number: number, flows: readonly Flow[]): Promise<string> {
  const shared = flows.filter(([, , who]) => who.includes(' '));
  const others = flows.filter((flow) => !shared.includes(flow));
  const lines = await Promise.all(
    protocols.flatMap((protocol) => [
      ...others.map((flow) => checkFlow(world, number, flow, protocol)),
      (async () => {
        const wrong: string[] = [];
        for (const flow of shared) wrong.push(await checkFlow(world, number, flow, protocol));
        return wrong.filter((line) => line.length > 0).join('\n');
      })(),
    ]),
  );
  return lines.filter((line) => line.length > 0).join('\n');
}

/** Empty when what was expected came; else as in `TCP client → clusterIP: ECONNREFUSED instead of pod1 10.244.1.9`. */
async function checkFlow(
  { family, lab }: World,
  number: number,
  [from, to, who, seen]: Flow,
  protocol: Protocol,
): Promise<string> {
  const [name = '', otherPort] = to.split(':');
  const door = doorOf(name as Door, number, from, family);
  const pods = seen === undefined ? [] : who.split(' ');
  const expected = pods.map((pod) => {
    const bare = pod.slice(0, 4) as Pod;
    if (seen === 'own') return `${pod} ${addressOf(from, family)}`;
    return `${pod} ${seen === 'node' ? nodeSeenBy(bare, door.node, family) : door.address}`;
  });
  const counts = await lab.agent.connect(
    {
      from: netnsOf(from),
      address: door.address,
      port: otherPort === undefined ? door.port : Number(otherPort),
      protocol,
      ...(who === 'silent' ? { timeout: silence } : {}),
    },
    pods.length > 1 ? picks : 1,
  );
  const word = who === 'refused' ? 'ECONNREFUSED' : 'ETIMEDOUT';
  const text = (outcomes: readonly string[]) => [...outcomes].sort().join(', ');
  const [got, wanted] = [text(Object.keys(counts)), text(pods.length > 0 ? expected : [word])];
  return got === wanted ? '' : `${protocol} ${from} → ${to}: ${got} instead of ${wanted}`;
}
