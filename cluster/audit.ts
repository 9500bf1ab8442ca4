import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { AuditPolicy } from '../apiserver/audit/policy.ts';
import { OptionError } from './option-error.ts';

/** How a user has requests written down; the names are kube-apiserver's. */
export interface AuditOptions {
  /** A Policy of audit.k8s.io/v1; `none` ends it. Default: nothing is audited. */
  auditPolicyFile?: string;
  /** Default `log/audit.log` of the cluster's state; `-` is the log of the apiserver. */
  auditLogPath?: string;
}

/** The settled form: the policy itself, so that the file may go. */
export interface AuditSpec {
  policy: AuditPolicy;
  logPath?: string;
}

/**
 * Reads the policy that options name; undefined where they name none.
 * @throws OptionError naming the file and what is wrong in it
 */
export async function auditOf({
  auditPolicyFile: file,
  auditLogPath: path,
}: AuditOptions): Promise<AuditSpec | 'none' | undefined> {
  if (file === undefined) {
    if (path === undefined) return undefined;
    throw new OptionError(
      'audit-log-path',
      path,
      'needs --audit-policy-file, which says what is written there',
    );
  }
  if (file === 'none') return file;
  const [{ parse }, { readPolicy }] = await Promise.all([
    import('yaml'),
    import('../apiserver/audit/policy.ts'),
  ]);
  try {
    const policy = readPolicy(parse(readFileSync(file, 'utf8')));
    return { policy, ...(path === undefined ? {} : { logPath: path === '-' ? path : resolve(path) }) };
  } catch (error) {
    throw new OptionError('audit-policy-file', file, error instanceof Error ? error.message : String(error));
  }
}
