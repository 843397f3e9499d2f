// JSON text shown as it came: parsing and printing again would change numbers beyond 2^53, the order of keys and the spelling of strings.

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;

/** The tokens of a JSON text, without white space. The text must be valid JSON. */
export function tokens(text) {
  return (text.match(TOKEN) ?? []).filter((token) => token.trim() !== '');
}

/** The text of one member of the object `text`, exactly as it stands there; undefined when the object has no such member. */
export function member(text, name) {
  let depth = 0;
  let start = -1; // where the wanted value begins
  let key = null; // the last string at depth 1 that may turn out to be a key
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    if (start >= 0 && depth === 1 && (token === ',' || token === '}'))
      return text.slice(start, match.index).trim();
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token === ':' && key !== null && start < 0) {
      if (JSON.parse(key) === name) start = match.index + 1;
      key = null;
    } else if (depth === 1 && start < 0 && token[0] === '"') key = token;
  }
  return undefined;
}

const LINE = 72; // an object or array that fits on a line of this width stays on one

/** Splits a JSON text into coloured pieces, indented by two spaces: `[kind, text]` with kind `key`, `string`, `number`, `word` or `mark`. */
export function pretty(text) {
  const all = tokens(text);
  const short = shortContainers(all);
  const pieces = [];
  const open = []; // for each container around us whether it is written on one line
  const separate = () => pieces.push(['mark', open.at(-1) ? ' ' : '\n' + '  '.repeat(open.length)]);
  all.forEach((token, i) => {
    if (token === '{' || token === '[') {
      pieces.push(['mark', token]);
      open.push(short.has(i));
      if (!isEnd(all[i + 1]) && !(token === '[' && short.has(i))) separate();
    } else if (isEnd(token)) {
      const wasShort = open.pop();
      if (all[i - 1] !== '{' && all[i - 1] !== '[' && !(token === ']' && wasShort)) pieces.push(['mark', wasShort ? ' ' : '\n' + '  '.repeat(open.length)]);
      pieces.push(['mark', token]);
    } else if (token === ',') {
      pieces.push(['mark', token]);
      separate();
    } else if (token === ':') pieces.push(['mark', ': ']);
    else if (token[0] === '"') pieces.push([all[i + 1] === ':' ? 'key' : 'string', token]);
    else pieces.push([/^[-0-9]/.test(token) ? 'number' : 'word', token]);
  });
  return pieces;
}

/** The indices of the opening tokens of containers that fit on a line. */
function shortContainers(all) {
  const short = new Set();
  const open = [];
  let width = 0;
  all.forEach((token, i) => {
    if (token === '{' || token === '[') open.push([i, width]);
    width += token.length + (token === ',' || token === ':' ? 1 : 0);
    if (isEnd(token)) {
      const [start, before] = open.pop();
      if (width - before <= LINE) short.add(start);
    }
  });
  return short;
}

function isEnd(token) {
  return token === '}' || token === ']';
}
