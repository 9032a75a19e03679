import ts from 'typescript';

/** What the source says of a table of forms: the comment on every constant and field, and the types that forms have. */
export interface FieldDocs {
  /** By the name of the constant. */
  readonly constants: ReadonlyMap<string, ConstantDocs>;
}

export interface ConstantDocs {
  /** The name of its type, if it has one. */
  readonly type?: string;
  readonly comment: string;
  /** The comments on fields, by name. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Reads the comments in TypeScript sources whose forms stand as `export const NAME = object({ … }, { … })`. */
export function readFieldDocs(sources: readonly string[]): FieldDocs {
  const types = new Map<string, { type: string; comment: string }>();
  const constants = new Map<string, { comment: string; fields: Map<string, string> }>();
  for (const source of sources) {
    const file = ts.createSourceFile('forms.ts', source, ts.ScriptTarget.Latest, true);
    for (const statement of file.statements) {
      if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
        const constant = /Infer<typeof (\w+)>/.exec(statement.getText())?.[1];
        if (constant)
          types.set(constant, { type: statement.name.text, comment: commentOn(statement) });
      }
      if (!ts.isVariableStatement(statement)) continue;
      const [{ name, initializer }] = statement.declarationList.declarations;
      const fields = new Map<string, string>();
      if (initializer && ts.isCallExpression(initializer))
        for (const argument of initializer.arguments)
          if (ts.isObjectLiteralExpression(argument))
            for (const property of argument.properties)
              fields.set(property.name!.getText(), commentOn(property));
      constants.set(name.getText(), { comment: commentOn(statement), fields });
    }
  }
  return {
    constants: new Map(
      [...constants].map(([name, { comment, fields }]) => {
        const type = types.get(name);
        return [
          name,
          { ...(type ? { type: type.type } : {}), comment: type?.comment || comment, fields },
        ];
      }),
    ),
  };
}

function commentOn(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .filter(ts.isJSDoc)
    .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
    .join(' ')
    .replace(/\s+/g, ' ');
}
