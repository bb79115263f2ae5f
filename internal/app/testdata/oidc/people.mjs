// A public OpenID provider at which tests sign in. Whoever types a name is that person; which groups they are in is set at
// /test/groups. It takes no code without PKCE, prints its address when it is ready, and ends with its standard input.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const clients = JSON.parse(process.argv[2]);
const groups = new Map();
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    claims: { openid: ["sub", "sid"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
    conformIdTokenClaims: false, // as most providers are set up: what was asked for is in the ID token
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }), // its own refuses this machine
    pkce: { required: () => true },
    features: { backchannelLogout: { enabled: true } },
    ttl: { Session: 3600, Interaction: 600, Grant: 3600, IdToken: 600, AccessToken: 600 },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, name: `The ${id}`, email: `${id}@example.com`, email_verified: !id.startsWith("unverified"), groups: groups.get(id) ?? [] }),
    }),
  });
  provider.on("backchannel.error", (ctx, err, client) => console.error("backchannel:", client.clientId, err));
  const answer = provider.callback();
  server.on("request", (req, res) => {
    const url = new URL(req.url, issuer);
    if (url.pathname === "/test/groups") {
      groups.set(url.searchParams.get("name"), url.searchParams.getAll("group"));
      res.end();
    } else {
      answer(req, res);
    }
  });
  console.log(issuer);
});
process.stdin.resume().on("end", () => process.exit(0));
