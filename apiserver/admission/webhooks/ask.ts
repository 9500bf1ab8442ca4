import { StatusError, statusError } from '../../../api/status.ts';
import type { Status } from '../../../api/types.ts';
import { badRequest, internalError } from '../../registry/pipeline/failures.ts';
import type { Lookup } from '../../registry/strategy.ts';
import type { Attributes, Invocation, Said } from '../attributes.ts';
import { callWebhook } from './call.ts';
import type { Hook } from './hooks.ts';
import { createReview, readVerdict, type Verdict } from './review.ts';

const versions = ['v1', 'v1beta1'];

/**
 * Asks one webhook; gives its patch where it has one, or undefined where it failed and may. Upstream:
 * `admission/plugin/webhook/{mutating,validating}/dispatcher.go`.
 *
 * @throws StatusError in the webhook's words where it refuses, InternalError where it fails and must not
 */
export async function ask(
  hook: Hook,
  attributes: Attributes,
  shown: Invocation,
  mutating: boolean,
  lookup: Lookup,
  said: Said,
): Promise<Pick<Verdict, 'patch'> | undefined> {
  if (attributes.dryRun && !['None', 'NoneOnDryRun'].includes(hook.sideEffects)) {
    throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  }
  let verdict: Verdict;
  try {
    verdict = await send(hook, attributes, shown, mutating, lookup);
  } catch (error) {
    if (hook.failurePolicy === 'Ignore') return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw internalError(`failed calling webhook ${JSON.stringify(hook.name)}: ${why}`);
  }
  for (const [key, value] of Object.entries(verdict.auditAnnotations))
    said.annotate(`${hook.name}/${key}`, value);
  for (const warning of verdict.warnings) said.warn(warning);
  if (!verdict.allowed) throw refusal(hook.name, verdict.result);
  return verdict;
}

async function send(
  { admissionReviewVersions, clientConfig, timeoutSeconds = 10 }: Hook,
  attributes: Attributes,
  shown: Invocation,
  mutating: boolean,
  lookup: Lookup,
): Promise<Verdict> {
  const version = admissionReviewVersions.find((one) => versions.includes(one));
  if (!version) throw new Error('webhook does not accept known AdmissionReview versions (v1, v1beta1)');
  const { uid, review } = createReview(version, attributes, shown);
  const answer = await callWebhook(clientConfig, review, timeoutSeconds, lookup);
  return readVerdict(answer, version, uid, mutating);
}

/** Upstream: `admission/plugin/webhook/errors/statuserror.go`. */
function refusal(name: string, result: Status | undefined): StatusError {
  const deniedBy = `admission webhook ${JSON.stringify(name)} denied the request`;
  const why = result?.message || result?.reason;
  const message = why ? `${deniedBy}: ${why}` : `${deniedBy} without explanation`;
  const { code = 400 } = result ?? {};
  const { status } = statusError('BadRequest', message);
  const { reason: _, ...bare } = status;
  return new StatusError({
    ...bare,
    ...(result?.reason ? { reason: result.reason } : {}),
    ...(result?.details ? { details: result.details } : {}),
    code: Math.max(code, 400),
  });
}
