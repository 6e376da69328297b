import { SECRET_BYTES_MIN } from "./limits.ts";

/** The disguises in which tools print a secret. Masking catches accidents; it is no boundary (SECURITY 28). */

/** Columns at which `base64` and `openssl base64` break their output. */
const BASE64_COLUMNS = [76, 64] as const;

/** Every form of one secret that is looked for: whole, and line by line where it has several. */
export function formsOf(secret: string): readonly Buffer[] {
  // Without the line break that a file of secrets ends with: the log's own would vanish with it.
  const trimmed = secret
    .toWellFormed()
    .replace(/^[\r\n]+/, "")
    .trimEnd();
  const forms = new Set<string>();
  for (const text of new Set([trimmed, ...linesOf(trimmed)])) for (const form of textForms(text)) forms.add(form);
  for (const form of base64Forms(trimmed)) forms.add(form);
  return [...forms].map((form) => Buffer.from(form)).filter((form) => form.length >= SECRET_BYTES_MIN);
}

function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.length > 1 ? lines.filter((line) => Buffer.byteLength(line) >= SECRET_BYTES_MIN) : [];
}

function textForms(text: string): readonly string[] {
  return [text, ...urlForms(text), ...jsonForms(text), ...xmlForms(text), ...shellForms(text)];
}

function urlForms(text: string): readonly string[] {
  const component = encodeURIComponent(text);
  const strict = component.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const forms = [component, strict, strict.replaceAll("%20", "+"), component.replaceAll("%20", "+"), encodeURI(text)];
  return forms.flatMap((form) => [form, form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]);
}

function jsonForms(text: string): readonly string[] {
  const json = JSON.stringify(text).slice(1, -1);
  // Python escapes all but ASCII, Go also <, > and &, PHP also the slash; JSON inside JSON is escaped twice.
  const ascii = json.replace(/[\u007f-\uffff]/g, unicodeEscape);
  const html = json.replace(/[<>&]/g, unicodeEscape);
  const twice = JSON.stringify(json).slice(1, -1);
  return [json, ascii, html, json.replaceAll("/", "\\/"), twice];
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function xmlForms(text: string): readonly string[] {
  const body = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const quotes = ["&quot;", "&#34;"].map((quote) => body.replaceAll('"', quote));
  const apostrophes = ["&apos;", "&#39;", "&#x27;"];
  return [body, ...quotes, ...[body, ...quotes].flatMap((form) => apostrophes.map((to) => form.replaceAll("'", to)))];
}

function shellForms(text: string): readonly string[] {
  const ansi = text
    .replace(/[\\']/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replaceAll("\u001b", "\\E");
  return [
    text.replaceAll("'", "'\\''"), // single quotes, and what `set -x` prints
    text.replaceAll("'", `'"'"'`),
    text.replace(/["$`\\]/g, "\\$&"), // double quotes
    text.replace(/[^A-Za-z0-9_.,:/@%+=\n\u0080-\uffff-]/g, "\\$&"), // printf %q
    ansi, // $'…', and printf %q of a value with control characters
  ];
}

/** Standard and URL-safe: alone (with padding, with `echo`'s newline, in columns), and inside other bytes at any of the three shifts. */
function base64Forms(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const newline = Buffer.from("\n");
  const alone = [bytes, Buffer.concat([bytes, newline])].map((value) => value.toString("base64"));
  const columns = alone.flatMap((form) => BASE64_COLUMNS.flatMap((width) => inColumns(form, width)));
  const standard = [...alone, ...alone.map((form) => form.replace(/=+$/, "")), ...columns, ...shifted(bytes)];
  return standard.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

function inColumns(form: string, width: number): readonly string[] {
  if (form.length <= width) return [];
  return Array.from({ length: Math.ceil(form.length / width) }, (_, row) => form.slice(row * width, (row + 1) * width));
}

/** Only the characters that depend on the secret's bytes alone, whatever stands before and after. */
function shifted(bytes: Buffer): readonly string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}
