import { resources } from '../../api/scheme.ts';
import type { Cache } from '../storage/cache.ts';
import { type Authorizer, createAuthorizer } from './authorize.ts';
import { createNodeAuthorizer } from './node/authorize.ts';
import { followPods } from './node/pods.ts';
import { createNodeRestriction, type NodeRestriction } from './node/restriction.ts';
import { createEscalationCheck, type EscalationCheck } from './rbac/escalation.ts';
import { createRbac } from './rbac/rbac.ts';
import { createSignerCheck, type SignerCheck } from './signers.ts';

/** What decides about requests, and what looks at objects that roles and nodes are written with; all follow the cache. */
export async function createAccess(cache: Cache): Promise<{
  authorizer: Authorizer;
  escalation: EscalationCheck;
  restriction: NodeRestriction;
  signers: SignerCheck;
}> {
  const [rbac, podsOf] = await Promise.all([createRbac(cache), followPods(cache)]);
  const claimOf = (volume: string) => cache.lookup.get(resources.persistentvolumes, volume)?.spec?.claimRef;
  const authorizer = createAuthorizer(createNodeAuthorizer(podsOf, claimOf), rbac);
  return {
    authorizer,
    escalation: createEscalationCheck(authorizer.authorize, rbac),
    restriction: createNodeRestriction(cache.lookup),
    signers: createSignerCheck(authorizer.authorize),
  };
}
