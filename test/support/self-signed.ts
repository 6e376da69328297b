import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A server's key and certificate for 127.0.0.1, and the file by which clients trust it. */
export interface SelfSigned {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly certFile: string;
}

export function makeSelfSigned(folder: string): SelfSigned {
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const files = ["-keyout", keyFile, "-out", certFile];
  execFileSync("openssl", ["req", "-x509", "-nodes", "-days", "2", ...curve, ...name, ...files], { stdio: "pipe" });
  return { key: readFileSync(keyFile), cert: readFileSync(certFile), certFile };
}
