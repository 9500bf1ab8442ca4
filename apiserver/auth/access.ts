import type { Cache } from '../storage/cache.ts';
import { type Authorizer, createAuthorizer } from './authorize.ts';
import { createNodeAuthorizer } from './node/authorize.ts';
import { followPods } from './node/pods.ts';
import { createEscalationCheck, type EscalationCheck } from './rbac/escalation.ts';
import { createRbac } from './rbac/rbac.ts';

/** What decides about requests, and what looks at roles that are written: both follow the cache. */
export async function createAccess(
  cache: Cache,
): Promise<{ authorizer: Authorizer; escalation: EscalationCheck }> {
  const [rbac, podsOf] = await Promise.all([createRbac(cache), followPods(cache)]);
  const authorizer = createAuthorizer(createNodeAuthorizer(podsOf), rbac);
  return { authorizer, escalation: createEscalationCheck(authorizer.authorize, rbac) };
}
