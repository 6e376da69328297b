import { SSMClient } from "@aws-sdk/client-ssm";
import { systemClock } from "../shared/lib/clock.ts";
import { attachMeter } from "../shared/lib/request-meter.ts";
import { type AdminReply, adminRequest } from "../shared/protocol/admin.ts";
import { makeDynamoAuditStore } from "../shared/store/dynamo-audit-store.ts";
import { makeDynamoStore } from "../shared/store/dynamo-store.ts";
import { addSigningKey } from "../shared/store/signing-key-parameter.ts";
import { type BootstrapDeps, bootstrap } from "../shared/usecases/bootstrap.ts";
import { documentClient } from "./aws-clients.ts";
import { systemRandom } from "./deps.ts";
import { type AdminEnvironment, readAdminEnvironment } from "./environment.ts";
import { makeObserver } from "./observe.ts";
import { prometheusMeter } from "./request-metrics.ts";

/**
 * The operator's way in, by lambda:InvokeFunction alone. It reads no signing key, so that it runs before there is one.
 * Its answer holds a new token: nothing of the answer is logged but the token's id.
 */
const environment = readAdminEnvironment();
const observer = makeObserver(environment.BATON_LOG_LEVEL);
const deps = adminDeps(environment);

export async function handler(event: unknown): Promise<AdminReply> {
  const { name, scopes, pools } = adminRequest.parse(event);
  const reply = await bootstrap(deps, { name, scopes, pools });
  observer.log.info("bootstrapped", { tokenId: reply.view.id, name, scopes, pools, signingKey: reply.signingKey });
  return reply;
}

function adminDeps({ BATON_SIGNING_KEY_PARAMETER: parameter, BATON_TENANT: tenant, ...rest }: AdminEnvironment) {
  const meter = prometheusMeter(observer.registry);
  const ssm = new SSMClient({});
  attachMeter(ssm, "SSM", meter);
  const table = documentClient(rest, meter);
  return {
    store: makeDynamoStore(table, rest.BATON_TABLE),
    audit: makeDynamoAuditStore(table, rest.BATON_TABLE),
    clock: systemClock,
    random: systemRandom,
    settings: { tenant },
    addSigningKey: (key) => addSigningKey(ssm, parameter, key),
  } satisfies BootstrapDeps;
}
