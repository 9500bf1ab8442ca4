import type { NodeRestriction } from '../../auth/node/restriction.ts';
import type { EscalationCheck } from '../../auth/rbac/escalation.ts';
import type { SignerCheck } from '../../auth/signers.ts';
import type { FollowServices } from './service/allocate.ts';

/** What rules of kinds need beside what they are told with each write. */
export interface KindOptions {
  /** One CIDR a family, the first is the primary: `10.96.0.0/12`. */
  serviceCidrs: readonly string[];
  /** `30000-32767`. */
  serviceNodePortRange: string;
  /** Given where other apiservers give away addresses and ports too. */
  followServices?: FollowServices | undefined;
  /** Who may give which rights. */
  escalation?: EscalationCheck;
  /** What nodes may write. */
  restriction?: NodeRestriction;
  /** Looks at who approves and signs certificates. */
  signers?: SignerCheck;
  /** What is not done to pods, by the names of upstream's `--disable-admission-plugins`. */
  disableAdmissionPlugins?: readonly PodAdmission[];
}

/** Part of what is done to pods that a cluster can do without. */
export type PodAdmission = 'ServiceAccount';
