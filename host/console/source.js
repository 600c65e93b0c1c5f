// Finds places in the text of a JSON document, so that a mistake is shown where it was written.

/** The line of the value at a path, such as `['spec', 'agents', 0]`; of the innermost part of the path that is there. */
export function lineAt(text, path) {
  let at = 0;
  let found = 0;
  const space = () => { while (at < text.length && ' \t\r\n'.includes(text[at])) at += 1; };
  const string = () => {
    const begin = at;
    at += 1;
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(begin, at));
  };
  const skip = () => {
    let depth = 0;
    do {
      space();
      if (text[at] === '"') string();
      else if ('{['.includes(text[at])) { depth += 1; at += 1; }
      else if (']}'.includes(text[at])) { depth -= 1; at += 1; }
      else if (',:'.includes(text[at])) at += 1;
      else while (at < text.length && !',]} \t\r\n'.includes(text[at])) at += 1;
    } while (depth > 0 && at < text.length);
  };
  /** Goes to a member of the object or the list that begins here. Returns whether there is one. */
  const enter = (step) => {
    space();
    const isObject = text[at] === '{';
    if (!isObject && text[at] !== '[') return false;
    at += 1;
    for (let index = 0; ; index += 1) {
      space();
      if (at >= text.length || ']}'.includes(text[at])) return false;
      const begin = at;
      let key = index;
      if (isObject) { key = string(); space(); at += 1; }
      if (String(key) === String(step)) { found = begin; return true; }
      skip();
      space();
      if (text[at] === ',') at += 1;
    }
  };
  path.every(enter);
  return text.slice(0, found).split('\n').length;
}

/** The line that the error of a JSON parser names; `undefined` if it names none. */
export function lineOfError(text, { message }) {
  const line = /line (\d+)/.exec(message)?.[1];
  const position = /position (\d+)/.exec(message)?.[1];
  if (line) return Number(line);
  return position && text.slice(0, Number(position)).split('\n').length;
}

/** Marks a line of a text field and brings it into sight. */
export function goToLine(area, line) {
  const lines = area.value.split('\n');
  const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(begin, begin + (lines[line - 1]?.length ?? 0));
  area.scrollTop = Math.max(0, (line - 4) * (area.scrollHeight / lines.length));
}
