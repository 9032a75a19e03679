"""Writes signatures.ts: of each operator of ONNX that is taken, how many inputs and which attributes it must have, from the package onnx
(1.12, operator sets up to 17; what later sets change stands below). python3 signatures.py OPERATOR…"""

import sys
from pathlib import Path

import onnx.defs

NO_MOST = 2**31 - 1
#: By operator: since which set, how many inputs at most, and the attributes that must be there.
LATER = {
    **{f"Reduce{kind}": [(18, 2, [])] for kind in "L1 L2 LogSum LogSumExp Max Mean Min Prod SumSquare".split()},
    "Pad": [(18, 4, [])],
    "DFT": [(20, 3, [])],
    "Split": [(18, 2, [])],
}


def rows_of(operator):
    domains = ["", "ai.onnx.preview.training"]
    found = [s for s in onnx.defs.get_all_schemas_with_history() if s.name == operator and s.domain in domains]
    rows = []
    for schema in sorted(found, key=lambda s: s.since_version):
        most = None if schema.max_input >= NO_MOST else schema.max_input
        required = sorted(name for name, a in schema.attributes.items() if a.required)
        rows.append((schema.since_version, most, required))
    rows += LATER.get(operator, [])
    kept = []
    for row in rows:
        if not kept or kept[-1][1:] != row[1:]:
            kept.append(row)
    return kept


def shown(row):
    since, most, required = row
    names = ", ".join(f"'{name}'" for name in required)
    return f"[{since}, {'MANY' if most is None else most}, [{names}]]"


lines = [f"  {operator}: [{', '.join(shown(row) for row in rows)}]," for operator in sorted(sys.argv[1:]) if (rows := rows_of(operator))]
Path(__file__).with_name("signatures.ts").write_text(
    """// Written by signatures.py. Do not edit.

/** Since which operator set, inputs at most, and attributes that must be there. */
export type SignatureRow = readonly [since: number, inputs: number, required: readonly string[]];

const MANY = Number.POSITIVE_INFINITY;

/** By operator, older sets first; what has no row is known to no set that this was made from. */
export const SIGNATURES: Readonly<Record<string, readonly SignatureRow[]>> = {
"""
    + "\n".join(lines)
    + "\n};\n"
)
