/**
 * What a controller did that its cache does not show yet. While anything is expected, the cache is stale
 * and replicas are not counted from it: that is what keeps a quick controller from creating too many.
 * Upstream: `ControllerExpectations` in `pkg/controller/controller_utils.go`; creations are expected by UID here,
 * which upstream only does for deletions.
 */
export interface Expectations {
  /** Expects the cache to show a created object; `show` says whether it does by now. */
  created(key: string, uid: string): void;
  deleting(key: string, uid: string): void;
  /** The object was seen, or seen gone, or the call failed. */
  observed(key: string, uid: string): void;
  satisfied(key: string): boolean;
  forget(key: string): void;
}

/** What is still expected after so long was missed by the watch; the list that followed has the truth. */
const timeout = 5 * 60_000;

export function createExpectations(now: () => number = Date.now): Expectations {
  const expected = new Map<string, Map<string, number>>();

  function expect(key: string, uid: string): void {
    const uids = expected.get(key) ?? new Map<string, number>();
    uids.set(uid, now());
    expected.set(key, uids);
  }

  return {
    created: expect,
    deleting: expect,
    observed(key, uid) {
      const uids = expected.get(key);
      uids?.delete(uid);
      if (uids?.size === 0) expected.delete(key);
    },
    satisfied(key) {
      const uids = expected.get(key);
      return uids === undefined || [...uids.values()].every((since) => now() - since > timeout);
    },
    forget(key) {
      expected.delete(key);
    },
  };
}
