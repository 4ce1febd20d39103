// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows

/**
 * Texts that would do something, were they ever more than data: to a shell, to a file of the runner's, to its log, to a
 * program that takes options. What they would plant is called "planted" everywhere, be it an output, a mask or a file.
 */
export const hostile = {
  "a line of GITHUB_OUTPUT": "value\nplanted=1",
  "a heredoc of GITHUB_OUTPUT": "value\nplanted<<E\nplanted\nE",
  "the end of a heredoc": "value\nghadelimiter_00000000-0000-0000-0000-000000000000\nplanted=1",
  "a command to the runner": "::set-output name=planted::planted",
  "a mask in a line of its own": "value\n::add-mask::planted",
  "a mask behind a carriage return": "value\r::add-mask::planted",
  "a mask behind a line separator": "value\u2028::add-mask::planted",
  "a command in the older form": "value ##[add-mask]planted",
  "an escaped line": "value%0A::add-mask::planted%0Aplanted=1",
  "the end of all commands": "::stop-commands::planted",
  "a command of the shell": "$(touch /tmp/planted)",
  "backticks, without a blank": "`touch$IFS/tmp/planted`",
  "two commands": "value; touch /tmp/planted & touch /tmp/planted | touch /tmp/planted",
  "single quotes": "'; touch /tmp/planted; '",
  "double quotes": '"; touch /tmp/planted; "',
  "an option": "--planted",
  "an option's value": "-oProxyCommand=touch$IFS/tmp/planted",
  "an expression": "${{ github.token }}",
  "a way out": "../../../../tmp/planted",
  NUL: "value\0planted",
  "an escape sequence": "\u001b[8mplanted\u001b]0;planted\u0007",
  "100,000 letters": "planted".repeat(14_286),
} as const;
