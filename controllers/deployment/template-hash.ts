import type { PodTemplateSpec } from '../../api/types.ts';
import { canonicalJson } from '../lookup.ts';

export const hashLabel = 'pod-template-hash';

/**
 * The `pod-template-hash` of a template: FNV-1a (32 bits), decimal, in the alphabet that cannot spell
 * words. Upstream hashes Go's dump of the struct, which only Go can print; this hashes canonical JSON, so
 * values differ from upstream's while length and alphabet are the same. Upstream:
 * `pkg/controller/controller_utils.go` ComputeHash, apimachinery `rand.SafeEncodeString`.
 */
export function templateHash(template: PodTemplateSpec, collisionCount?: number): string {
  const bytes = [...Buffer.from(canonicalJson(pruned(template)))];
  if (collisionCount !== undefined) {
    const count = Buffer.alloc(8);
    count.writeUInt32LE(collisionCount);
    bytes.push(...count);
  }
  return safeEncode(String(fnv1a32(bytes)));
}

/** True when both templates are the same but for the hash label. Upstream: EqualIgnoreHash. */
export function sameTemplate(left: PodTemplateSpec | undefined, right: PodTemplateSpec | undefined): boolean {
  return canonicalJson(pruned(withoutHash(left))) === canonicalJson(pruned(withoutHash(right)));
}

export function fnv1a32(bytes: Iterable<number>): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

export function safeEncode(text: string): string {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  return [...text].map((char) => alphabet[char.charCodeAt(0) % alphabet.length]).join('');
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec | undefined {
  const { [hashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return template && { ...template, metadata: { ...template.metadata, labels } };
}

/** Fields where an empty object means something else than none. */
const meaningful = new Set(['emptyDir', 'labelSelector', 'namespaceSelector']);

/**
 * A template without nulls and empty parts: clients written in Go send `resources: {}` and
 * `creationTimestamp: null` where others send nothing, and `kubectl rollout undo` must find its ReplicaSet all the same.
 */
function pruned(value: unknown, key = ''): unknown {
  if (value === null || typeof value !== 'object') return value ?? undefined;
  if (Array.isArray(value)) return value.length > 0 ? value.map((item) => pruned(item)) : undefined;
  const entries = Object.entries(value)
    .map(([name, part]) => [name, pruned(part, name)] as const)
    .filter(([, part]) => part !== undefined);
  return entries.length > 0 || meaningful.has(key) ? Object.fromEntries(entries) : undefined;
}
