import type ts from 'typescript';
import { shortNames } from '../../ir/shorten.ts';
import type { SourceSpan } from '../../ir/source.ts';
import { NO_MODULE, nearModule } from './near-module.ts';
import { displayPath } from './positions.ts';
import { typescript } from './typescript.ts';

/** A diagnostic of TypeScript's as plain data, which outlives its program. */
export interface TypeScriptDiagnostic {
  /** As in TS2307. */
  readonly code: string;
  readonly category: 'error' | 'warning' | 'message';
  readonly message: string;
  readonly source: SourceSpan | null;
  /** Characters to underline. */
  readonly length: number;
  readonly related: readonly { readonly message: string; readonly source: SourceSpan | null }[];
}

export function plainDiagnostic(diagnostic: ts.Diagnostic): TypeScriptDiagnostic {
  return {
    code: `TS${diagnostic.code}`,
    category:
      diagnostic.category === typescript.DiagnosticCategory.Error
        ? 'error'
        : diagnostic.category === typescript.DiagnosticCategory.Warning
          ? 'warning'
          : 'message',
    message: `${textOf(diagnostic.messageText)}${meantBy(diagnostic)}`,
    source: spanOf(diagnostic),
    length: diagnostic.length ?? 1,
    related: (diagnostic.relatedInformation ?? []).map((info) => ({
      message: textOf(info.messageText),
      source: spanOf(info),
    })),
  };
}

/** ` Did you mean './layers.ts'?`, where an import leads nowhere and something comes near. */
function meantBy({ code, file, start, length }: ts.Diagnostic): string {
  if (!NO_MODULE.includes(`TS${code}`) || !file || start === undefined) return '';
  const specifier = file.text.slice(start + 1, start + (length ?? 0) - 1);
  const near = nearModule(specifier, file.fileName);
  return near === null ? '' : ` Did you mean '${near}'?`;
}

/** 1-based line and column, the file as tsc prints it. */
function spanOf({ file, start }: ts.DiagnosticRelatedInformation): SourceSpan | null {
  if (!file || start === undefined) return null;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return { file: displayPath(file.fileName), line: line + 1, column: character + 1 };
}

function textOf(message: ts.Diagnostic['messageText']): string {
  return shortNames(typescript.flattenDiagnosticMessageText(message, '\n'));
}
