// The addresses of `cargo run`. For Entra and a deployed app, see README.md.
export const settings = {
  functionsUrl: "http://127.0.0.1:7071",
  authority: "http://127.0.0.1:7072/_emulator/oidc",
  clientId: "example",
  scope: "openid",
};
