import { join } from 'node:path';
import { cacheFolder } from '../scripts/bootstrap/cache.mjs';
import { ensureNode } from '../scripts/bootstrap/node.mjs';

/**
 * The Node.js program, with its flags, that runs a cluster's processes: this process's own where it is new
 * enough, else the one that the bootstrap keeps in the user's cache, fetched through npm if need be.
 */
export async function nodeProgram(): Promise<string[]> {
  return [await ensureNode(), ...memoryFlags];
}

/** Environment of those processes: compiled code is kept between starts (`program.ts` writes it). */
export function nodeEnvironment(): Record<string, string> {
  return { NODE_COMPILE_CACHE: join(cacheFolder(), 'compile') };
}

/** In a lab: how a kube-proxy that somebody starts on a node reaches the API. */
export const proxyKubeconfigPath = '/run/v9s/kube-proxy.kubeconfig';

/**
 * Small heaps: a lab is many small processes, not one large one. One that has work lets its heap grow by 70 % before it
 * is collected again, where V8 would let it double and more: an apiserver under load keeps a quarter less.
 */
const memoryFlags = ['--max-semi-space-size=1', '--heap-growing-percent=70', '--no-warnings'];
