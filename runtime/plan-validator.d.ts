// Generated from ir/plan.schema.json by scripts/generate-plan-validator.mjs. Do not edit.

export interface PlanFormError {
  /** JSON pointer to the value: `/tensors/3/offset`. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly message?: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Whether `data` has the form of a plan. After a refusal `errors` says why; it is overwritten by the next call. */
export declare function validate(data: unknown): boolean;
export declare namespace validate {
  let errors: readonly PlanFormError[] | null | undefined;
}
export default validate;
