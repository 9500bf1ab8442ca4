import type { KubeObject } from '../../api/object.ts';
import {
  distinct,
  freeHost,
  freeNodePort,
  freeSuffix,
  newEndpoint,
  newPort,
  newService,
  newSlice,
  objectsOf,
  one,
  oneOrNone,
  protocols,
  ranges,
  revive,
  type ServiceDraft,
  type SliceDraft,
  setType,
  some,
  types,
  type World,
} from './drafts.ts';
import { changesBetween, type History } from './history.ts';
import { type Random, randomFrom } from './random.ts';

/** So many steps of what may happen to a cluster's Services, their endpoints and this node: the same for the same seed. */
export function randomHistory(seed: number, steps: number): History {
  const random = randomFrom(seed);
  const world: World = { services: [], zone: 'a', nodeHost: 3 };
  const history: { what: string; changes: ReturnType<typeof changesBetween> }[] = [];
  let before: KubeObject[] = [];
  while (history.length < steps) {
    const done: string[] = [];
    // Mostly one thing, now and then all that a busy second brings.
    const many = random(8) === 0 ? 10 : history.length === 0 ? 6 : 1 + random(3);
    for (let i = 0; i < many; i++) done.push(happen(world, random));
    const after = objectsOf(world);
    const changes = changesBetween(before, after);
    if (changes.length === 0) continue;
    history.push({ what: [...new Set(done)].join(', '), changes });
    before = after;
  }
  return history;
}

function happen(world: World, random: Random): string {
  for (;;) {
    const known = world.services.filter(({ exists }) => exists);
    const wantsMore = known.length < 3 || (known.length < 9 && random(6) === 0);
    const name = wantsMore ? 'a Service more' : one(Object.keys(happenings), random);
    if (happenings[name]?.(world, random) !== false) return name;
  }
}

/** What may happen; false where it cannot just now. */
export const happenings: Readonly<Record<string, (world: World, random: Random) => unknown>> = {
  'a Service more': (world, random) => {
    const gone = world.services.filter(({ exists }) => !exists);
    if (gone.length > 0 && random(2)) return revive(world, one(gone, random), random);
    const number = world.services.length + 1;
    if (number > 12) return false;
    world.services.push(newService(world, `ns${number % 3}/s${number}`, random));
    return true;
  },
  'a Service gone': each((draft, _, random) => {
    draft.exists = false;
    if (random(2)) draft.slices = [];
  }),
  'a Service deleted and made anew': each((draft, world, random) => {
    Object.assign(draft, newService(world, draft.key, random));
  }),
  'another type': each((draft, world, random) => setType(draft, world, one(types, random), random)),
  'headless or not': each((draft, world, random) => {
    draft.host = draft.host ? 0 : freeHost(world, random);
  }),
  'another ClusterIP': each((draft, world, random) => {
    draft.host = freeHost(world, random);
  }),
  'a ClusterIP handed over': (world, random) => {
    const [from, to] = two(world, random);
    if (!from || !to) return false;
    to.host = from.host;
    if (random(2)) from.exists = false;
    else from.host = freeHost(world, random);
    return true;
  },
  'ClusterIPs swapped': (world, random) => {
    const [a, b] = two(world, random);
    if (!a || !b) return false;
    [a.host, b.host] = [b.host, a.host];
    return true;
  },
  'families changed': each((draft, _, random) => {
    draft.families = one([['IPv4', 'IPv6'], ['IPv4'], ['IPv6'], ['IPv6', 'IPv4']] as const, random).slice();
  }),
  'a port more': each((draft, world, random) => {
    if (draft.ports.length > 3) return false;
    const port = newPort(draft, world, random);
    draft.ports.push(port);
    for (const { ports } of draft.slices) ports.push({ ...port, port: 8000 + random(50) });
    return true;
  }),
  'a port less': each((draft, _, random) => {
    if (draft.ports.length < 2) return false;
    draft.ports.splice(random(draft.ports.length), 1);
    return true;
  }),
  'a port renamed': each((draft, _, random) => {
    const port = one(draft.ports, random);
    const before = port.name;
    port.name = `n${random(90)}`;
    // The slices follow at once, or some time later.
    if (random(2)) return;
    for (const { ports } of draft.slices)
      for (const own of ports) if (own.name === before) own.name = port.name;
  }),
  'slices follow the ports': each((draft, _, random) => {
    for (const one of draft.slices)
      one.ports = draft.ports.map((port) => ({ ...port, port: 8000 + random(50) }));
  }),
  'a port renumbered': each((draft, _, random) => {
    one(draft.ports, random).port = 80 + random(8);
    draft.ports = distinct(draft.ports);
  }),
  'port numbers swapped': each((draft) => {
    const [a, b] = draft.ports;
    if (!a || !b) return false;
    [a.port, b.port] = [b.port, a.port];
    draft.ports = distinct(draft.ports);
    return true;
  }),
  'another protocol': each((draft, _, random) => {
    const port = one(draft.ports, random);
    port.protocol = one(protocols, random);
    draft.ports = distinct(draft.ports);
    for (const { ports } of draft.slices)
      for (const own of ports) if (own.name === port.name) own.protocol = port.protocol;
  }),
  'another node port': each((draft, world, random) => {
    if (draft.type === 'ClusterIP') return false;
    one(draft.ports, random).nodePort = freeNodePort(world, random);
    return true;
  }),
  'node ports swapped between Services': (world, random) => {
    const [a, b] = two(world, random, ({ type }) => type !== 'ClusterIP');
    const [one, other] = [a?.ports[0], b?.ports[0]];
    if (!one || !other) return false;
    [one.nodePort, other.nodePort] = [other.nodePort, one.nodePort];
    return true;
  },
  affinity: each((draft, _, random) => {
    draft.affinity = one([0, 10, 10_800], random);
  }),
  'external policy': each((draft) => {
    draft.externalPolicy = draft.externalPolicy === 'Local' ? 'Cluster' : 'Local';
  }),
  'internal policy': each((draft) => {
    draft.internalPolicy = draft.internalPolicy === 'Local' ? 'Cluster' : 'Local';
  }),
  'external addresses': each((draft, _, random) => {
    draft.externals = some([1, 2, 3], random);
  }),
  'load balancer addresses': each((draft, _, random) => {
    draft.ingress = some([1, 2, 3], random);
    draft.ipMode = random(5) ? 'VIP' : 'Proxy';
  }),
  'source ranges': each((draft, _, random) => {
    draft.ranges = some(ranges, random);
  }),
  'another proxy asked for or not': each((draft) => {
    draft.foreign = !draft.foreign;
  }),
  'a slice split': each((draft, _, random) => {
    const whole = oneOrNone(draft.slices, random);
    if (!whole || whole.endpoints.length < 2) return false;
    const half = whole.endpoints.splice(1 + random(whole.endpoints.length - 1));
    // The controller may write the new slice before it empties the old one.
    if (random(2)) whole.endpoints.push(...half.slice(0, 1));
    draft.slices.push({ ...whole, suffix: freeSuffix(draft), ports: whole.ports.slice(), endpoints: half });
    return true;
  }),
  'slices merged': each((draft) => {
    const [into, ...others] = draft.slices;
    const same = others.find(({ family }) => family === into?.family);
    if (!into || !same) return false;
    into.endpoints.push(...same.endpoints);
    draft.slices = draft.slices.filter((one) => one !== same);
    return true;
  }),
  'a slice twice': each((draft, _, random) => {
    const twice = oneOrNone(draft.slices, random);
    if (!twice) return false;
    draft.slices.push({
      ...twice,
      suffix: freeSuffix(draft),
      endpoints: twice.endpoints.map((one) => ({ ...one })),
    });
    return true;
  }),
  'a slice gone': each((draft, _, random) => {
    if (draft.slices.length === 0) return false;
    draft.slices.splice(random(draft.slices.length), 1);
    return true;
  }),
  'a slice more': each((draft, _, random) => {
    if (draft.slices.length > 4) return false;
    draft.slices.push(newSlice(draft, one(['IPv4', 'IPv6'], random), random));
    return true;
  }),
  'another target port': each((draft, _, random) => {
    const port = oneOrNone(
      draft.slices.flatMap(({ ports }) => ports),
      random,
    );
    if (!port) return false;
    port.port = 8000 + random(50);
    return true;
  }),
  'an endpoint more': eachSlice((own, random) => own.endpoints.push(newEndpoint(random))),
  'an endpoint less': eachSlice((own, random) => own.endpoints.splice(random(own.endpoints.length), 1)),
  'all endpoints gone': eachSlice((own) => {
    own.endpoints = [];
  }),
  'an endpoint in another state': eachSlice((own, random) => {
    const endpoint = oneOrNone(own.endpoints, random);
    if (endpoint) Object.assign(endpoint, newEndpoint(random), { host: endpoint.host });
    return endpoint !== undefined;
  }),
  'all endpoints terminate': eachSlice((own) => {
    for (const one of own.endpoints) Object.assign(one, { ready: false, terminating: true });
  }),
  'the node in another zone': (world) => {
    world.zone = world.zone === 'a' ? 'b' : 'a';
  },
  'the node with another address': (world, random) => {
    if (random(3)) return false;
    world.nodeHost = world.nodeHost === 3 ? 4 : 3;
    return true;
  },
};

function each(change: (draft: ServiceDraft, world: World, random: Random) => unknown) {
  return (world: World, random: Random) => {
    const draft = oneOrNone(
      world.services.filter(({ exists }) => exists),
      random,
    );
    return draft ? change(draft, world, random) : false;
  };
}

function eachSlice(change: (own: SliceDraft, random: Random) => unknown) {
  return each((draft, _, random) => {
    const own = oneOrNone(draft.slices, random);
    return own ? change(own, random) : false;
  });
}

function two(world: World, random: Random, suits: (draft: ServiceDraft) => boolean = () => true) {
  const all = world.services.filter((draft) => draft.exists && draft.host > 0 && suits(draft));
  const first = oneOrNone(all, random);
  return [
    first,
    oneOrNone(
      all.filter((draft) => draft !== first),
      random,
    ),
  ] as const;
}
