/**
 * What goes before a program so that file modes bind it: root may read everything, unless it gives that up. Linux's own
 * tool (util-linux) does that.
 */
export const WITHOUT_SUPERUSER: readonly string[] =
  process.getuid?.() === 0 ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : [];
