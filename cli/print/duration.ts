/** A duration in milliseconds for people: `<0.1s`, `0.4s`, `12s`, `3m 05s`, `2h 10m`, `3d 4h`. */
export function printDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 50) return "<0.1s";
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
  return `${Math.floor(minutes / 1_440)}d ${Math.floor((minutes % 1_440) / 60)}h`;
}

/** A size for people, in decimal units: `812 B`, `1.2 kB`, `34 MB`. */
export function printBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  for (const [unit, size] of [
    ["kB", 1e3],
    ["MB", 1e6],
    ["GB", 1e9],
  ] as const) {
    const amount = bytes / size;
    if (amount < 999.5 || unit === "GB") return `${amount < 9.95 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
  }
  return `${bytes} B`;
}

/** The local time of day of a stored moment, with the date where it is another day than `nowMs`. */
export function printTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = `${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`;
  if (at.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())} ${time}`;
}

const twoDigits = (value: number): string => String(value).padStart(2, "0");
