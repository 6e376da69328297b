import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { systemClock } from "../../shared/lib/clock.ts";

/**
 * The part of SSM's Parameter Store that Baton uses, as its JSON 1.1 protocol on a socket: pages of at most 10, and what a
 * test makes go wrong. https://docs.aws.amazon.com/systems-manager/latest/APIReference/
 */
export interface SsmServer {
  readonly url: string;
  readonly calls: string[];
  /** Kept as they came, with their type. */
  readonly parameters: Map<string, { value: string; type: string; atMs: number }>;
  /** The next calls are throttled. */
  throttle(times: number): void;
  stop(): Promise<void>;
}

const PAGE = 10;
const NAME = /^\/[a-zA-Z0-9_.\-/]{1,1010}$/;
const VALUE_MAX = 4_096;
const request = z.looseObject({
  Name: z.string().optional(),
  Value: z.string().optional(),
  Type: z.string().optional(),
  Overwrite: z.boolean().optional(),
  Path: z.string().optional(),
  NextToken: z.string().optional(),
  WithDecryption: z.boolean().optional(),
});

export async function startSsmServer(): Promise<SsmServer> {
  const parameters: SsmServer["parameters"] = new Map();
  const calls: string[] = [];
  let throttled = 0;
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const operation = String(incoming.headers["x-amz-target"]).replace("AmazonSSM.", "");
    calls.push(operation);
    throttled -= 1;
    if (throttled >= 0) return answer(response, 400, { __type: "ThrottlingException", message: "Rate exceeded" });
    const [status, body] = handle(operation, request.parse(JSON.parse(Buffer.concat(chunks).toString())));
    answer(response, status, body);
  }

  function handle(operation: string, input: z.infer<typeof request>): [number, object] {
    const { Name = "", Value = "", Type = "" } = input;
    const known = parameters.get(Name);
    switch (operation) {
      case "PutParameter":
        if (!NAME.test(Name) || Buffer.byteLength(Value) > VALUE_MAX)
          return [400, { __type: "ValidationException", message: `Value '${Value}' at 'value' failed to satisfy` }];
        if (known !== undefined && input.Overwrite !== true)
          return [400, { __type: "ParameterAlreadyExists", message: "The parameter already exists." }];
        parameters.set(Name, { value: Value, type: Type, atMs: systemClock.nowMs() });
        return [200, { Version: 1 }];
      case "GetParameter":
        return known === undefined ? MISSING : [200, { Parameter: shown(Name, input.WithDecryption) }];
      case "DeleteParameter":
        return parameters.delete(Name) ? [200, {}] : MISSING;
      case "GetParametersByPath":
        return [200, page(input)];
      default:
        return [400, { __type: "UnknownOperationException", message: operation }];
    }
  }

  function page({ Path = "", NextToken, WithDecryption }: z.infer<typeof request>): object {
    const names = [...parameters.keys()].filter((name) => name.startsWith(`${Path}/`));
    const from = Number(NextToken ?? 0);
    const more = from + PAGE < names.length ? { NextToken: String(from + PAGE) } : {};
    return { Parameters: names.slice(from, from + PAGE).map((name) => shown(name, WithDecryption)), ...more };
  }

  function shown(Name: string, decrypted: boolean | undefined): object {
    const { value = "", type, atMs = 0 } = parameters.get(Name) ?? {};
    return { Name, Type: type, Value: decrypted === true ? value : "ciphertext", LastModifiedDate: atMs / 1_000 };
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    parameters,
    throttle(times) {
      throttled = times;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const MISSING: [number, object] = [400, { __type: "ParameterNotFound", message: "" }];

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
}
