/** What a simulated forge may do. What Baton cannot bear yet is switched off, with the case that it waits for. */
export interface ForgeProfile {
  /** Its clock is off from ours, by so much at most, either way. Milliseconds. Case C10. */
  readonly clockOffMsMax: number;
  /** Replicas show what was, for so long at most. Milliseconds. Cases C4, C5. */
  readonly lagMsMax: number;
  /** Credentials are refused until an operator mends them. Case C3. */
  readonly credentialsBreak: boolean;
  /** The repository gets another name. Case C6. */
  readonly renames: boolean;
  /** Pull requests get another base. Case C4. */
  readonly basesChange: boolean;
  /** A branch is pushed back to where it was. Case C2. */
  readonly pushesBack: boolean;
  /** A proxy's page comes where an App asks for its token. */
  readonly pagesForTokens: boolean;
  /** A proxy's page comes where a status or a comment is changed. */
  readonly pagesForChanges: boolean;
  /** Pull requests that were closed are opened again. Case C2. */
  readonly reopens: boolean;
}

export const FORGE_PROFILE: ForgeProfile = {
  clockOffMsMax: 90_000,
  lagMsMax: 20_000,
  credentialsBreak: true,
  renames: true,
  basesChange: true,
  pushesBack: true,
  pagesForTokens: true,
  pagesForChanges: true,
  reopens: true,
};
