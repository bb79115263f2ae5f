// A public OpenID provider as a test of Relay starts it. It gives out opaque tokens by the client credentials grant,
// tells whether one is good (introspection), and revokes them. It prints its address when it is ready, and a line for
// each token it gives out; it ends with its standard input. Clients are named after how they authenticate; tokens of
// "short" live for some seconds only.
import { Provider } from "oidc-provider";

const secret = process.argv[2];
const client = (id, method) => ({
  client_id: id,
  client_secret: secret,
  token_endpoint_auth_method: method,
  grant_types: ["client_credentials"],
  response_types: [],
  redirect_uris: [],
  scope: "events",
});
const provider = new Provider("http://127.0.0.1", {
  clients: [client("header", "client_secret_basic"), client("body", "client_secret_post"), client("short", "client_secret_basic")],
  scopes: ["events"],
  ttl: { ClientCredentials: (ctx, token, client) => (client.clientId === "short" ? 3 : 3600) },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
});
provider.on("grant.success", (ctx) => console.log(`granted ${ctx.oidc.client.clientId}`));
const server = provider.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume().on("end", () => process.exit(0));
