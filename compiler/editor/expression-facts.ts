import type ts from 'typescript';
import { typescript } from '../load/typescript.ts';
import { type CodePlaces, meaningOf, nodesAt } from './code-places.ts';
import type { Findings, ParameterFact, ParameterTotals, PlaceFacts } from './findings.ts';
import { pathOf, placesOfFile } from './lsp-diagnostics.ts';
import { sumOfParameters } from './parameters.ts';
import type { ParsedModel } from './parsed-model.ts';

/** Findings by the expressions of a file. */
export interface ExpressionFacts {
  readonly places: CodePlaces;
  readonly calls: ReadonlyMap<ts.CallExpression, PlaceFacts>;
  /** Null for a call that makes no tensor and no parameter. */
  of(call: ts.CallExpression): PlaceFacts | null;
  /** What calls of a name take: of a layer that is made there, and called elsewhere in the file. */
  parametersOfCallee(declared: ts.Identifier): CalleeParameters | null;
}

export interface CalleeParameters {
  readonly totals: ParameterTotals;
  readonly first: readonly ParameterFact[];
}

interface Found {
  readonly parsed: ParsedModel;
  readonly findings: Findings;
}

const known = new WeakMap<Findings, Map<string, ExpressionFacts | null>>();

/** Null for a file that the model does not have. */
export function expressionFacts(found: Found, path: string): ExpressionFacts | null {
  const byPath = known.get(found.findings) ?? new Map<string, ExpressionFacts | null>();
  known.set(found.findings, byPath);
  if (!byPath.has(path)) byPath.set(path, factsOfFile(found, path));
  return byPath.get(path)!;
}

function factsOfFile({ parsed, findings }: Found, path: string): ExpressionFacts | null {
  const places = placesOfFile(parsed, path);
  if (!places) return null;
  const calls = new Map<ts.CallExpression, PlaceFacts>();
  for (const facts of findings.places) {
    if (pathOf(facts.place) !== path) continue;
    const call = places.callAt(facts.place);
    if (call) calls.set(call, facts);
  }
  return {
    ...{ places, calls },
    of: (call) => calls.get(call) ?? null,
    parametersOfCallee(declared) {
      const own = [...calls].filter(([{ expression }]) => {
        if (!typescript.isIdentifier(expression) || expression.text !== declared.text) return false;
        const path = nodesAt(places.source, expression.getStart(places.source));
        return meaningOf(path, expression.text)?.declared === declared;
      });
      const totals = sumOfParameters(own.map(([, { parameters }]) => parameters));
      return totals.tensors === 0
        ? null
        : { totals, first: own.flatMap(([, { firstParameters }]) => firstParameters) };
    },
  };
}
