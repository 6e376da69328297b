/** A file of this name makes a bare repository the snapshot of a working tree: its files are checked out as they are. */
export const SNAPSHOT_MARK = "baton-snapshot";

/**
 * Stronger than every .gitattributes: nothing is converted, to the tree or from it. `working-tree-encoding` has no value
 * that means no.
 */
export const RAW_ATTRIBUTES = "* -text -crlf -ident -filter !eol !working-tree-encoding\n";
