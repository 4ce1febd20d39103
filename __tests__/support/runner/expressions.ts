export type Value = string | number | boolean | null | { [name: string]: Value };

export interface Scope {
  /** github, runner, env, steps, ...: what a path may start with. */
  contexts: Record<string, Value>;
  /** Of the job so far: what success() and failure() tell. */
  status: "success" | "failure";
}

/** Replaces each `${{ ... }}` of a text. Throws on what {@link evaluate} throws. */
export function interpolate(text: string, scope: Scope): string {
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => display(evaluate(expression, scope)));
}

/** Whether a step with this `if` runs: without a status function in it, only while the job succeeds. */
export function condition(text: string | undefined, scope: Scope): boolean {
  const expression = (text ?? "success()").trim().replace(/^\$\{\{(.*)\}\}$/s, "$1");
  const tellsStatus = /\b(always|success|failure|cancelled)\s*\(/.test(expression);
  return truthy(evaluate(tellsStatus ? expression : `success() && (${expression})`, scope));
}

/**
 * Evaluates an expression: paths (`steps.x.outputs['y']`), 'text', numbers, true, false, null, `! == != && ||`,
 * parentheses, the status functions. A missing property is null, as on GitHub; a context or a function that does not
 * exist here throws, and so does anything else: a test should not pass on a misread workflow.
 */
export function evaluate(expression: string, scope: Scope): Value {
  const tokens = tokenize(expression);
  let at = 0;
  const fail = (token?: string): never => {
    throw new Error(`Unexpected '${token ?? "end"}' in expression '${expression.trim()}'`);
  };
  const next = (): string => tokens[at++] ?? fail();
  const accept = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  };
  const expect = (token: string): void => {
    if (!accept(token)) fail(tokens[at]);
  };

  function or(): Value {
    let left = and();
    while (accept("||")) {
      const right = and();
      left = truthy(left) ? left : right;
    }
    return left;
  }
  function and(): Value {
    let left = equality();
    while (accept("&&")) {
      const right = equality();
      left = truthy(left) ? right : left;
    }
    return left;
  }
  function equality(): Value {
    let left = unary();
    for (;;) {
      if (accept("==")) left = equal(left, unary());
      else if (accept("!=")) left = !equal(left, unary());
      else return left;
    }
  }
  function unary(): Value {
    if (accept("!")) return !truthy(unary());
    if (accept("(")) {
      const value = or();
      expect(")");
      return value;
    }
    const token = next();
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    if (/^-?\d/.test(token)) return Number(token);
    if (!/^\w/.test(token)) return fail(token);
    if (token === "true" || token === "false") return token === "true";
    if (token === "null") return null;
    if (!accept("(")) return path(token);
    expect(")");
    return call(token);
  }
  function call(name: string): Value {
    const known: Record<string, boolean> = {
      always: true,
      cancelled: false,
      success: scope.status === "success",
      failure: scope.status === "failure",
    };
    const value = known[name.toLowerCase()];
    if (value === undefined) throw new Error(`Unrecognized function: '${name}'`);
    return value;
  }
  function path(root: string): Value {
    let value = property(scope.contexts, root);
    if (value === undefined) throw new Error(`Unrecognized named-value: '${root}'`);
    for (;;) {
      if (accept(".")) value = property(value, next()) ?? null;
      else if (accept("[")) {
        value = property(value, display(or())) ?? null;
        expect("]");
      } else return value;
    }
  }

  const value = or();
  return at === tokens.length ? value : fail(tokens[at]);
}

function tokenize(expression: string): string[] {
  const tokens: string[] = [];
  const token = /\s*('(?:[^']|'')*'|-?\d+(?:\.\d+)?|[A-Za-z_][\w-]*|==|!=|&&|\|\||[!().[\]])/y;
  const text = expression.trim();
  while (token.lastIndex < text.length) {
    const from = token.lastIndex;
    const match = token.exec(text);
    if (!match?.[1]) throw new Error(`Unexpected '${text.slice(from).trim()}' in expression '${text}'`);
    tokens.push(match[1]);
  }
  return tokens;
}

/** Names are compared without regard to case. */
function property(value: Value, name: string): Value | undefined {
  if (value === null || typeof value !== "object") return undefined;
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}

/** Texts without regard to case; unlike kinds as numbers (an object is no number). */
function equal(left: Value, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string")
    return left.toLowerCase() === right.toLowerCase();
  return typeof left === typeof right ? left === right : number(left) === number(right);
}

function number(value: Value): number {
  return value !== null && typeof value === "object" ? Number.NaN : Number(value);
}

function truthy(value: Value): boolean {
  return Boolean(value);
}

function display(value: Value): string {
  if (value === null) return "";
  return typeof value === "object" ? "Object" : String(value);
}
