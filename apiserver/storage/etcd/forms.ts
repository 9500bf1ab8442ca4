import { sliceFromBeta, sliceToBeta } from '../../../api/endpoint-slice-beta.ts';
import type { KubeObject } from '../../../api/object.ts';
import { apiVersionOf, type Resource } from '../../../api/scheme.ts';
import { definitionOfOld } from '../../apiextensions/definition/v1beta1.ts';
import { decodeProtobuf } from '../../protobuf/decode.ts';
import { ingressOfOld } from '../../registry/kinds/networking/ingress-v1beta1.ts';
import { allResources } from '../../registry/kinds/rows.ts';
import { autoscalerFromV1, autoscalerToV1 } from '../../registry/kinds/scheduling/autoscaler-v1.ts';
import { encodeValue } from '../entry.ts';
import { prefixOf } from '../keys.ts';
import type { SharedStorage, StoredChange, StoredValue } from '../storage.ts';

/** Releases of kube-apiserver that objects can be stored for: in the versions that it reads. Later ones read what ours stores. */
export const storageReleases = ['1.20'] as const;
export type StorageRelease = (typeof storageReleases)[number];

/** Of an object of the one kind and version that it stands beside. */
type Convert = (object: never) => object;

/** The fields are the same. */
function asItIs(object: object): object {
  return object;
}

/** Objects in other versions than ours stores, by version and kind; of versions with the same fields nothing is to be done. */
const readers: Readonly<Record<string, Convert | undefined>> = {
  'discovery.k8s.io/v1beta1/EndpointSlice': sliceFromBeta,
  'autoscaling/v1/HorizontalPodAutoscaler': autoscalerFromV1,
  'apiextensions.k8s.io/v1beta1/CustomResourceDefinition': definitionOfOld,
  'networking.k8s.io/v1beta1/Ingress': ingressOfOld,
  'extensions/v1beta1/Ingress': ingressOfOld,
  'flowcontrol.apiserver.k8s.io/v1beta1/PriorityLevelConfiguration': (level: Level) =>
    withShares(level, 'assuredConcurrencyShares', 'nominalConcurrencyShares'),
};

/** What a kube-apiserver of 1.20 does not know in version 1: the version that it does know, and how that looks. */
const writers: Readonly<Record<StorageRelease, Readonly<Record<string, [string, Convert] | undefined>>>> = {
  '1.20': {
    'discovery.k8s.io/EndpointSlice': ['discovery.k8s.io/v1beta1', sliceToBeta],
    'batch/CronJob': ['batch/v1beta1', asItIs],
    'policy/PodDisruptionBudget': ['policy/v1beta1', asItIs],
    'autoscaling/HorizontalPodAutoscaler': ['autoscaling/v1', autoscalerToV1],
    'flowcontrol.apiserver.k8s.io/FlowSchema': ['flowcontrol.apiserver.k8s.io/v1beta1', asItIs],
    'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': [
      'flowcontrol.apiserver.k8s.io/v1beta1',
      (level: Level) => withShares(level, 'nominalConcurrencyShares', 'assuredConcurrencyShares'),
    ],
  },
};

const protobuf = Buffer.from('k8s\0');
const byPrefix = new Map<string, Resource>(allResources.map((resource) => [prefixOf(resource), resource]));

/**
 * A storage that others write in forms of their own: as protobuf, which is upstream's default, or in other versions.
 * What is read is in our form; what is written is in the one that a kube-apiserver of `release` reads, where one is
 * given. A value that cannot be read is handed on as it is, for whoever knows its key to complain.
 */
export function withForms(storage: SharedStorage, release?: StorageRelease): SharedStorage {
  const older = release && writers[release];

  function read<T extends { key: string; value?: Buffer }>(one: T): T {
    const resource = one.value && resourceOf(one.key);
    if (!resource || !one.value) return one;
    const value = inOurForm(resource, one.value);
    return value === one.value ? one : { ...one, value };
  }

  function write(key: string, value: Buffer): Buffer {
    const resource = older && resourceOf(key);
    const found = resource && older[`${resource.group}/${resource.kind}`];
    if (!found) return value;
    const [apiVersion, convert] = found;
    const { kind, ...object } = convert(JSON.parse(value.toString('utf8')) as never) as KubeObject;
    return Buffer.from(JSON.stringify({ kind, ...object, apiVersion }));
  }

  return {
    ...storage,
    healthy: () => storage.healthy(),
    async range(prefix) {
      const { revision, values } = await storage.range(prefix);
      return { revision, values: values.map((one) => read<StoredValue>(one)) };
    },
    watch: (prefix, after, receive, ended) =>
      storage.watch(
        prefix,
        after,
        (changes, revision) =>
          receive(
            changes.map((change) => {
              const { previous, ...now } = read<StoredChange>(change);
              return previous ? { ...now, previous: read(previous) } : now;
            }),
            revision,
          ),
        ended,
      ),
    put: (key, value, expected, options) => storage.put(key, write(key, value), expected, options),
    write: (writes) =>
      storage.write(writes.map((one) => (one.value ? { ...one, value: write(one.key, one.value) } : one))),
  };
}

/** Of kinds that are built in; custom ones are JSON of any version everywhere. */
function resourceOf(key: string): Resource | undefined {
  const one = key.indexOf('/', 1) + 1;
  const two = key.indexOf('/', one) + 1;
  const three = key.indexOf('/', two) + 1;
  return byPrefix.get(key.slice(0, three)) ?? byPrefix.get(key.slice(0, two));
}

function inOurForm(resource: Resource, value: Buffer): Buffer {
  const isProtobuf = value.subarray(0, protobuf.length).equals(protobuf);
  if (!isProtobuf && value.subarray(0, 200).includes(`"apiVersion":"${apiVersionOf(resource)}"`))
    return value;
  try {
    const object = isProtobuf ? decodeProtobuf(value) : (JSON.parse(value.toString('utf8')) as KubeObject);
    if (object.kind !== resource.kind) return value;
    const convert = readers[`${object.apiVersion}/${object.kind}`];
    return encodeValue(resource, (convert ? convert(object as never) : object) as KubeObject);
  } catch {
    // Neither of the two; the cache says so, with the key.
    return value;
  }
}

interface Level {
  spec?: { limited?: Record<string, unknown> };
}

function withShares(level: Level, from: string, to: string): Level {
  const { limited } = level.spec ?? {};
  if (limited?.[from] === undefined) return level;
  const { [from]: shares, ...rest } = limited;
  return { ...level, spec: { ...level.spec, limited: { ...rest, [to]: shares } } };
}
