import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';
import { startTestEtcd } from '../../apiserver/testing/etcd.ts';
import { versionOf } from '../components/components.ts';
import type { Case, Part, PartContext } from '../part.ts';
import { startGenuine } from '../storage/genuine.ts';
import { judgeBoth, judgeReading, judgeWriting, type Server } from '../storage/judge.ts';

export const part: Part = {
  name: 'storage',
  title: 'our apiserver and a genuine one on the same etcd, in turns and both at once',
  async run(context) {
    const program = await context.component('kube-apiserver');
    const etcd = await startTestEtcd(await context.component('etcd'));
    try {
      const genuine = (prefix: string, mediaType?: string) =>
        startGenuine(program, etcd, context.folder, { prefix, ...(mediaType ? { mediaType } : {}) });
      const ours = (prefix: string) =>
        startTestApiserver({
          etcd: { endpoints: [etcd.url], tls: etcd.tls, prefix, release: '1.20' },
          disableAdmissionPlugins: ['ServiceAccount'],
        });
      const cases = [
        ...(await inTurns(context, genuine, ours)),
        ...(await atOnce(context, genuine, ours)),
        ...(await protobuf(context, genuine, ours)),
      ];
      return {
        component: `kube-apiserver ${await versionOf(program)}; etcd`,
        ran: 'both apiservers on one etcd, kube-apiserver with --storage-media-type=application/json, then with its default',
        cases,
        deviations: storageDeviations,
      };
    } finally {
      await etcd.stop();
    }
  },
};

const jobs =
  'since 1.27 a Job selects its pods by batch.kubernetes.io/controller-uid, which ours writes; 1.20 takes a selector for its own only when it is by controller-uid';
const storageDeviations = [
  { what: 'in turns: theirs reads and changes what ours wrote: Job', reason: jobs },
  { what: 'both at once: ours writes, theirs follows: Job', reason: jobs },
  {
    what: 'ClusterIPs that both give away at the same time',
    reason:
      'ours writes who has which as IPAddress objects, as kube-apiserver 1.33 does; 1.20 keeps a bitmap of its own, which it repairs every three minutes',
  },
];

type Start = (prefix: string, mediaType?: string) => Promise<Server & { stop(): Promise<void> }>;

/** Theirs writes and stops; ours reads, changes, writes and stops; theirs reads all of that. */
async function inTurns({ say }: PartContext, genuine: Start, ours: Start): Promise<Case[]> {
  const prefix = '/turns';
  const first = await genuine(prefix);
  const written = await judgeWriting(first, 'theirs', 'in turns: theirs writes');
  await first.stop();
  const second = await ours(prefix);
  const read = await judgeReading(second, 'theirs', 'in turns: ours reads and changes what theirs wrote');
  const own = await judgeWriting(second, 'ours', 'in turns: ours writes');
  await second.stop();
  const third = await genuine(prefix);
  const back = await judgeReading(third, 'ours', 'in turns: theirs reads and changes what ours wrote');
  const again = await judgeReading(
    third,
    'theirs',
    'in turns: theirs reads and changes again what ours changed',
  );
  await third.stop();
  say('in turns: done');
  return [...written, ...read, ...own, ...back, ...again];
}

async function atOnce({ say }: PartContext, genuine: Start, ours: Start): Promise<Case[]> {
  const prefix = '/both';
  const theirs = await genuine(prefix);
  const own = await ours(prefix);
  try {
    return [
      ...(await judgeBoth(own, theirs, 'both at once: ours writes, theirs follows', 'a')),
      ...(await judgeBoth(theirs, own, 'both at once: theirs writes, ours follows', 'b')),
    ];
  } finally {
    await own.stop();
    await theirs.stop();
    say('both at once: done');
  }
}

async function protobuf({ say }: PartContext, genuine: Start, ours: Start): Promise<Case[]> {
  const prefix = '/protobuf';
  const theirs = await genuine(prefix, 'application/vnd.kubernetes.protobuf');
  await judgeWriting(theirs, 'theirs', 'protobuf: theirs writes');
  await theirs.stop();
  const own = await ours(prefix);
  const cases = await judgeReading(own, 'theirs', 'protobuf: ours reads and changes what theirs wrote');
  await own.stop();
  say('protobuf: done');
  return cases;
}
