/**
 * A bash script that prints the microseconds another one takes, seen from within the machine.
 *
 * @param before runs first, and is not counted
 */
export const timed = (before: string, script: string): string => `measured() { ${script}
  }
  { ${before}
  } >/dev/null
  from=$EPOCHREALTIME; measured >/dev/null; to=$EPOCHREALTIME
  echo $((\${to/./} - \${from/./}))`;
