// A public OpenID provider at which tests sign in. Whoever types a name is that person, in the group of the same name. It
// takes no code without PKCE, prints its address when it is ready, and ends with its standard input.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [secret, redirect] = process.argv.slice(2);
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "relay", client_secret: secret, redirect_uris: [redirect] }],
    claims: { openid: ["sub", "sid"], email: ["email", "email_verified"], groups: ["groups"] },
    conformIdTokenClaims: false, // as most providers are set up: what was asked for is in the ID token
    pkce: { required: () => true },
    findAccount: (ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: [id] }),
    }),
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
process.stdin.resume().on("end", () => process.exit(0));
