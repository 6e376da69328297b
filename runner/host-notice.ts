import { z } from "zod";

/** That EC2 takes the instance away: as its metadata has it, and as the host's service hands it to the runner. */
export const hostNotice = z.object({
  /** `terminate`, `stop` or `hibernate`. */
  action: z.string(),
  time: z.iso.datetime(),
});
export type HostNotice = z.infer<typeof hostNotice>;
