import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../../api/object.ts';
import { StatusError } from '../../../api/status.ts';
import { applyPatch } from '../../patch/patch.ts';
import { internalError } from '../../registry/pipeline/failures.ts';
import type { Attributes, Invocation, Said } from '../attributes.ts';
import type { Around } from '../conditions.ts';
import { ask } from './ask.ts';
import { type Configured, type Hook, invocation, mutatingHooks } from './hooks.ts';

/**
 * Has the webhooks change an object, one after another. Those that want it are asked once more where a later one
 * changed something. Returns the object, in the version of the request, or undefined where nothing was changed.
 */
export async function mutateByWebhooks(
  attributes: Attributes,
  around: Around,
  said: Said,
): Promise<KubeObject | undefined> {
  const hooks = mutatingHooks(around.lookup);
  let current = attributes;
  const asked = new Set<Hook>();
  let again = new Set<Hook>();

  async function round(number: number, wanted: (hook: Hook) => boolean): Promise<void> {
    for (const [index, configured] of hooks.entries()) {
      const { hook } = configured;
      if (!wanted(hook)) continue;
      const shown = await invocation(hook, current, around);
      if (!shown) continue;
      const object = await askOne(configured, current, shown, around, said, `round_${number}_index_${index}`);
      if (object) {
        current = { ...current, object };
        for (const one of asked) again.add(one);
      }
      if (number === 0 && hook.reinvocationPolicy === 'IfNeeded') asked.add(hook);
    }
  }

  await round(0, () => true);
  const repeated = again;
  again = new Set();
  if (repeated.size > 0) await round(1, (hook) => repeated.has(hook));
  return current.object === attributes.object ? undefined : current.object;
}

async function askOne(
  { hook, configuration }: Configured<Hook>,
  attributes: Attributes,
  shown: Invocation,
  around: Around,
  said: Said,
  turn: string,
): Promise<KubeObject | undefined> {
  const seen = await around.shown(attributes, shown);
  const verdict = await ask(hook, seen, shown, true, around.lookup, said);
  if (!verdict) said.annotate(`failed-open.mutation.webhook.admission.k8s.io/${turn}`, hook.name);
  const patch = Array.isArray(verdict?.patch) && verdict.patch.length === 0 ? undefined : verdict?.patch;
  let changed: KubeObject | undefined;
  if (patch !== undefined) {
    const patched = patchedObject(hook.name, seen.object, patch);
    const object = await around.completed(patched, shown, attributes);
    if (!isDeepStrictEqual(object, attributes.object)) changed = object;
  }
  const mutated = { configuration, webhook: hook.name, mutated: changed !== undefined };
  said.annotate(`mutation.webhook.admission.k8s.io/${turn}`, JSON.stringify(mutated));
  return changed;
}

function patchedObject(name: string, object: KubeObject | undefined, patch: unknown): KubeObject {
  if (!object) {
    throw internalError(
      `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
    );
  }
  try {
    return applyPatch('', 'application/json-patch+json', object, patch) as KubeObject;
  } catch (error) {
    // What does not apply is the webhook's fault, not that of who sent the object.
    if (error instanceof StatusError) throw internalError(causeOf(error));
    throw error;
  }
}

/** Without what a client is told beside the cause. */
const causeOf = ({ message, status }: StatusError) =>
  message.replace(/^the server rejected our request due to an error in our request \(?/, '') ||
  String(status.reason);
