import { AssetHashType, Stack, type StackProps } from "aws-cdk-lib";
import { Asset } from "aws-cdk-lib/aws-s3-assets";
import type { Construct } from "constructs";
import { resourceName } from "../../shared/resources.ts";
import { FleetScaling } from "../constructs/fleet-scaling.ts";
import { RunnerHosts } from "../constructs/runner-hosts.ts";
import type { RunnerArchive } from "../pack-runner.ts";
import type { Settings } from "../settings.ts";
import type { BatonControl } from "./baton-control.ts";
import type { BatonData } from "./baton-data.ts";

export interface BatonFleetProps extends StackProps {
  readonly settings: Settings;
  readonly data: BatonData;
  readonly control: BatonControl;
  readonly archive: RunnerArchive;
}

/** Runners on EC2 (`-c fleet=on`): the one part that bills by the hour, and only while jobs wait or run. */
export class BatonFleet extends Stack {
  constructor(scope: Construct, id: string, props: BatonFleetProps) {
    super(scope, id, props);
    const { settings, data, control } = props;
    const groupName = resourceName("fleet");
    const archive = new Asset(this, "Runner", {
      path: props.archive.file,
      assetHash: props.archive.sha256,
      assetHashType: AssetHashType.CUSTOM,
    });
    const { group } = new RunnerHosts(this, "Hosts", {
      settings,
      groupName,
      archive,
      archiveSha256: props.archive.sha256,
      apiUrl: control.front.api.apiEndpoint,
    });
    const queues = [...data.pools].filter(([pool]) => settings.fleetPools.includes(pool)).map(([, { queue }]) => queue);
    new FleetScaling(this, "Scaling", { group, groupName, queues, wakesByOffers: settings.fleetWake === "offers" });
  }
}
