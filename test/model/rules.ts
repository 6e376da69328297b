/** What the actors do beside the tables, each as a switch, so that a mutant can turn one. */
export interface Rules {
  /** Steps start only after the first renewal was answered. */
  readonly ackBeforeSteps: boolean;
  /** An offer is deleted only after a durable answer. */
  readonly deleteAfterAnswer: boolean;
  /** Queued jobs are offered again. */
  readonly reoffer: boolean;
  /** A claim is answered by the item that is seen, not by whether this try wrote it. */
  readonly answerBySight: boolean;
  /** The watchdog kills before the lease runs out. */
  readonly watchdogMargin: boolean;
  /** A renewal counts from when it was sent. */
  readonly countFromSent: boolean;
  /** A renewal's answer never tells more than one whole lease. */
  readonly wholeLeaseAtMost: boolean;
  /** Leases are renewed on the control plane's clock. */
  readonly serverClock: boolean;
  /** A lease is given back only when its processes are gone. */
  readonly releaseAfterKill: boolean;
  /** A reconciler that saw a timeout stops that attempt only, and cancels nothing. */
  readonly timeoutStopsOnly: boolean;
  /** A renewal of a stopping attempt is cut at the stop's deadline. */
  readonly stopCutsRenewal: boolean;
  /** Runner and control plane tell a stopping attempt, whose steps then do not start. */
  readonly stopIsTold: boolean;
  /** Reconcile looks for jobs whose end was not settled. */
  readonly reconcileSettles: boolean;
  /** Reconcile expires leases in `stopping` too. */
  readonly expireStopping: boolean;
  /** An approver admits jobs only where the run that it sees is approved, of the commit that it named. */
  readonly approverLooks: boolean;
  /** Reconcile admits only jobs of a run that it has seen approved. */
  readonly reconcileLooks: boolean;
  /** Reconcile admits the held jobs of an approved run: their approver may have died. */
  readonly reconcileAdmits: boolean;
  /** Whoever loses the race for a tick's seq sends no next tick. */
  readonly loserSendsNoTick: boolean;
  /** A rerun starts with the budgets of the plan. */
  readonly wholeBudget: boolean;
}

export const REAL_RULES: Rules = {
  ackBeforeSteps: true,
  deleteAfterAnswer: true,
  reoffer: true,
  answerBySight: true,
  watchdogMargin: true,
  countFromSent: true,
  wholeLeaseAtMost: true,
  serverClock: true,
  releaseAfterKill: true,
  timeoutStopsOnly: true,
  stopCutsRenewal: true,
  stopIsTold: true,
  reconcileSettles: true,
  expireStopping: true,
  approverLooks: true,
  reconcileLooks: true,
  reconcileAdmits: true,
  loserSendsNoTick: true,
  wholeBudget: true,
};
