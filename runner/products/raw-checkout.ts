/**
 * Stronger than every .gitattributes: nothing is converted, to the tree or from it. `working-tree-encoding` has no value
 * that means no.
 */
export const RAW_ATTRIBUTES = "* -text -crlf -ident -filter !eol !working-tree-encoding\n";
