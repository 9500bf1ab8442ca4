import type { Attributes, Invocation, Said } from '../attributes.ts';
import type { Around } from '../conditions.ts';
import { ask } from './ask.ts';
import { type Configured, type Hook, invocation, validatingHooks } from './hooks.ts';

/** Has all webhooks look at a request at once. @throws StatusError of the first that refuses, in their order */
export async function validateByWebhooks(attributes: Attributes, around: Around, said: Said): Promise<void> {
  const called: { configured: Configured<Hook>; shown: Invocation }[] = [];
  for (const configured of validatingHooks(around.lookup)) {
    const shown = await invocation(configured.hook, attributes, around);
    if (shown) called.push({ configured, shown });
  }
  const outcomes = await Promise.allSettled(
    called.map(async ({ configured: { hook }, shown }, index) => {
      const seen = await around.shown(attributes, shown);
      const verdict = await ask(hook, seen, shown, false, around.lookup, said);
      if (!verdict)
        said.annotate(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, hook.name);
    }),
  );
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
