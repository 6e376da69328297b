import { Stack, type StackProps } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { Alarms } from "../constructs/alarms.ts";
import { Dashboards } from "../constructs/dashboards.ts";
import type { Settings } from "../settings.ts";
import type { BatonControl } from "./baton-control.ts";
import type { BatonData } from "./baton-data.ts";

/** What tells people: dashboards and alarms. Free in an account that has not used its free ones; `-c watch=off` leaves it out. */
export class BatonWatch extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & { readonly settings: Settings; readonly data: BatonData; readonly control: BatonControl },
  ) {
    super(scope, id, props);
    const { data, control, settings } = props;
    new Dashboards(this, "Dashboards", { data, control });
    new Alarms(this, "Alarms", { data, control, topicArn: settings.alarmTopicArn });
  }
}
