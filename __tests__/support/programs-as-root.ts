import ts from "typescript";

/** Variables of the sources with the path of a program of root's. */
const named: Record<string, string> = { parser: "apparmor_parser", usermod: "usermod" };

/** A program that is run as root: a literal's text, or what such a variable has. */
export interface Call {
  file: string;
  program: string;
}

/** How a function takes what it runs as root: a program, then its arguments; both in one; or as all that follows. */
interface Wrapper {
  takes: "program" | "command" | "rest";
  index: number;
  /** Where it takes whether to run it as the user after all: then only what says `false` counts. */
  asUser?: number;
}

/** What takes a program's name or a script as an argument would hide it here. */
const opaque = /^(ba|da|a)?sh$|^(env|eval|xargs|su|sudo|busybox|nohup|timeout|script)$/;

/**
 * What the sources run as root, each program of each file once. It begins with sudo's `--non-interactive`, and follows
 * functions that hand on a program that they are given, and steps of the runner (`kind: "run"`).
 *
 * @param texts TypeScript by file name
 * @throws {Error} where a program is not named, or its arguments are no list
 */
export function programsAsRoot(texts: Record<string, string>): Call[] {
  const wrappers = new Map<string, Wrapper>();
  const searches = Object.entries(texts).map(
    ([file, text]) => new Search(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true), wrappers),
  );
  for (;;) {
    const before = wrappers.size;
    const calls = searches.flatMap((search) => search.calls());
    if (wrappers.size === before) return calls;
  }
}

class Search {
  readonly #source: ts.SourceFile;
  /** By file and name. */
  readonly #wrappers: Map<string, Wrapper>;
  readonly #found = new Set<string>();
  readonly #nodes: readonly ts.Node[];
  /** Names of functions and variables. */
  readonly #declared: ReadonlySet<string | undefined>;

  constructor(source: ts.SourceFile, wrappers: Map<string, Wrapper>) {
    this.#source = source;
    this.#wrappers = wrappers;
    this.#nodes = nodesOf(source);
    this.#declared = new Set(
      this.#nodes.map((node) =>
        ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node) ? node.name?.getText() : undefined,
      ),
    );
  }

  calls(): Call[] {
    for (const node of this.#nodes) this.#look(node);
    return [...this.#found].map((program) => ({ file: this.#source.fileName, program }));
  }

  #look(node: ts.Node): void {
    if (ts.isCallExpression(node)) this.#lookAtCall(node);
    if (ts.isObjectLiteralExpression(node)) this.#lookAtStep(node);
    if (ts.isArrayLiteralExpression(node) && isNonInteractive(node.elements[0]))
      this.#program(node.elements[1], node);
  }

  #lookAtCall(node: ts.CallExpression): void {
    // Handed on as a function, with what it shall run.
    const handed = node.arguments.findIndex((one) => ts.isIdentifier(one) && this.#wrapper(one.text));
    if (handed !== -1) this.#command(node.arguments[handed + 1], node);

    const wrapper = ts.isIdentifier(node.expression) && this.#wrapper(node.expression.text);
    if (!wrapper) return;
    const { takes, index, asUser } = wrapper;
    if (asUser !== undefined && node.arguments[asUser]?.getText() !== "false") return;
    const given = node.arguments[index];
    if (given !== undefined && ts.isSpreadElement(given)) {
      this.#command(given.expression, node);
      return;
    }
    if (takes === "command") {
      this.#command(given, node);
      return;
    }
    this.#program(given, node);
    if (takes === "program") this.#list(node.arguments[index + 1]);
  }

  /** An action's or an undo's step. */
  #lookAtStep(node: ts.ObjectLiteralExpression): void {
    const named = (name: string) => node.properties.find((one) => one.name?.getText() === name);
    const [kind, command, asUser] = ["kind", "command", "asUser"].map(named);
    if (!kind?.getText().endsWith('"run"') || command === undefined || asUser?.getText() === "asUser: true")
      return;
    const value = ts.isPropertyAssignment(command) ? command.initializer : (command.name as ts.Identifier);
    this.#command(value, node, asUser && ts.isShorthandPropertyAssignment(asUser) ? asUser.name : undefined);
  }

  /** A program and its arguments in one list. */
  #command(value: ts.Expression | undefined, at: ts.Node, asUser?: ts.Identifier): void {
    if (value === undefined) throw this.#problem(at);
    if (ts.isArrayLiteralExpression(value)) {
      this.#program(value.elements[0], at);
      return;
    }
    if (ts.isPropertyAccessExpression(value) && value.name.text === "command") return; // a step's, seen there
    if (ts.isIdentifier(value)) {
      this.#handOn(value, at, "command", asUser);
      return;
    }
    const made = ts.isCallExpression(value) && this.#madeBy(value.expression.getText());
    if (!made) throw this.#problem(at);
    this.#program(made.elements[0], at);
  }

  /** The list that an arrow function of this file makes. */
  #madeBy(name: string): ts.ArrayLiteralExpression | undefined {
    for (const node of this.#nodes) {
      if (!ts.isVariableDeclaration(node) || node.name.getText() !== name || !node.initializer) continue;
      const body = ts.isArrowFunction(node.initializer) ? node.initializer.body : undefined;
      if (body && ts.isArrayLiteralExpression(body)) return body;
    }
    return undefined;
  }

  #program(value: ts.Expression | undefined, at: ts.Node): void {
    if (value !== undefined && ts.isIdentifier(value)) {
      const known = named[value.text];
      if (known === undefined) this.#handOn(value, at, "program");
      else this.#found.add(known);
      return;
    }
    if (value === undefined || !ts.isStringLiteral(value)) throw this.#problem(at);
    if (/\s/.test(value.text) || opaque.test(value.text)) throw this.#problem(at);
    this.#found.add(value.text);
  }

  #list(value: ts.Expression | undefined): void {
    if (value !== undefined && !ts.isArrayLiteralExpression(value) && !ts.isIdentifier(value)) {
      throw this.#problem(value);
    }
  }

  /** What is a parameter of the function around it makes that one a wrapper; what is neither that nor known, is not let through. */
  #handOn(value: ts.Identifier, at: ts.Node, takes: "program" | "command", asUser?: ts.Identifier): void {
    for (let node: ts.Node = at; node.parent; node = node.parent) {
      if (!ts.isArrowFunction(node) && !ts.isFunctionDeclaration(node)) continue;
      const indexOf = (name: string) => node.parameters.findIndex((one) => one.name.getText() === name);
      const index = indexOf(value.text);
      const parameter = node.parameters[index];
      if (parameter === undefined) continue;
      const name = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
      if (name === undefined) throw this.#problem(at);
      this.#wrappers.set(`${this.#source.fileName}:${name.getText()}`, {
        takes: parameter.dotDotDotToken ? "rest" : takes,
        index,
        ...(asUser && { asUser: indexOf(asUser.text) }),
      });
      return;
    }
    throw this.#problem(at);
  }

  /** One of this file's, or another's of a name that this file has not got. */
  #wrapper(name: string): Wrapper | undefined {
    const own = this.#wrappers.get(`${this.#source.fileName}:${name}`);
    if (own || this.#declared.has(name)) return own;
    const key = [...this.#wrappers.keys()].find((one) => one.endsWith(`:${name}`));
    return key === undefined ? undefined : this.#wrappers.get(key);
  }

  #problem(node: ts.Node): Error {
    return new Error(`${this.#source.fileName}: what runs as root is not a list of words: ${node.getText()}`);
  }
}

const isNonInteractive = (node: ts.Node | undefined): boolean =>
  node !== undefined && ts.isStringLiteral(node) && node.text === "--non-interactive";

function nodesOf(node: ts.Node): ts.Node[] {
  const nodes = [node];
  ts.forEachChild(node, (child) => {
    nodes.push(...nodesOf(child));
  });
  return nodes;
}

/**
 * What a shell script runs by sudo, or by our function as_root; its own lines for people, which begin with `say`, and comments
 * left out.
 *
 * @throws {Error} where that is a shell
 */
export function programsInShell(text: string): string[] {
  const code = text.replace(/^\s*#.*$/gm, "").replace(/"[^"]*\bsudo usermod[^"]*"/g, "");
  const programs = [...code.matchAll(/\b(?:as_root|sudo (?:-n|--non-interactive)) +([\w-]+)/g)].map(
    ([, program = ""]) => program,
  );
  const hidden = programs.find((program) => opaque.test(program));
  if (hidden !== undefined) throw new Error(`${hidden} is run as root, which hides what it runs`);
  return programs;
}
