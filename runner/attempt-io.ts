import { writeFile } from "node:fs/promises";
import { put, uploadFile } from "../shared/lib/transfer.ts";
import { fetchInputs } from "./fetch-inputs.ts";
import { type MemoryKills, memoryKillCounter } from "./memory-kills.ts";
import { freeRoom, hasFilledDisk, mendFolders } from "./mend-folders.ts";
import { collectArtifacts } from "./products/artifacts.ts";
import { openLog } from "./products/log.ts";
import { checkout } from "./products/source.ts";
import { stepFolder } from "./step-folder.ts";

/** All that an attempt does on disk and in the bucket beside its executor: what the simulator stands in for. */
export interface AttemptIo {
  readonly openLog: typeof openLog;
  readonly put: typeof put;
  readonly checkout: typeof checkout;
  readonly fetchInputs: typeof fetchInputs;
  readonly stepFolder: typeof stepFolder;
  readonly mendFolders: typeof mendFolders;
  readonly freeRoom: typeof freeRoom;
  readonly hasFilledDisk: typeof hasFilledDisk;
  readonly memoryKills: () => MemoryKills;
  readonly writeScript: (file: string, script: string) => Promise<void>;
  readonly collectArtifacts: typeof collectArtifacts;
  readonly uploadFile: typeof uploadFile;
}

export const attemptIo: AttemptIo = {
  openLog,
  put,
  checkout,
  fetchInputs,
  stepFolder,
  mendFolders,
  freeRoom,
  hasFilledDisk,
  memoryKills: memoryKillCounter(),
  writeScript: writeFile,
  collectArtifacts,
  uploadFile,
};
