//! Sign-in at the test issuer of `dev`, by the steps of a web page. tests/signin does it in a browser.

use reqwest::{Url, header::LOCATION};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Dev;

const CALLBACK: &str = "http://localhost:3000/callback";

// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Dev {
    /// Sends a form to an endpoint that the discovery document of an authority names.
    async fn post_form(&self, url: Url, pairs: &[(&str, &str)]) -> reqwest::Response {
        let body = Url::parse_with_params("http://x/", pairs).unwrap().query().unwrap().to_owned();
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap()
    }

    /// Signs a user in at an authority and returns the answer of the token endpoint.
    async fn sign_in(&self, authority: &str, name: &str) -> Value {
        let document = format!("{authority}/.well-known/openid-configuration");
        let text = self.http.get(document).send().await.unwrap().text().await.unwrap();
        let discovery: Value = serde_json::from_str(&text).unwrap();
        let endpoint = |name: &str| discovery[name].as_str().unwrap();
        let query = [
            ("client_id", "spa"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("nonce", "n"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let url = Url::parse_with_params(endpoint("authorization_endpoint"), query).unwrap();
        let answer = self.post_form(url, &[("name", name)]).await;
        let location = Url::parse(answer.headers()[LOCATION].to_str().unwrap()).unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", "spa"),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("code", &code),
        ];
        let answer = self.post_form(endpoint("token_endpoint").parse().unwrap(), &pairs).await;
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_user_who_signs_in_at_any_address_of_the_issuer_is_one_user() {
    let data = TempDir::new().unwrap();
    let dev = Dev::start(data.path()).await;
    let issuer = format!("{}oidc", dev.line("Its control API"));
    let (status, expected) = dev.my_token(&dev.user("alice").await).await;
    assert_eq!(status, 200);
    for authority in [issuer.clone(), issuer.replace("127.0.0.1", "localhost")] {
        let tokens = dev.sign_in(&authority, "alice").await;
        let (status, answer) = dev.my_token(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!((status, &answer["user"]), (200, &expected["user"]), "{authority}");
        // Neither of the others is for an API.
        for other in ["id_token", "refresh_token"] {
            let (status, answer) = dev.my_token(tokens[other].as_str().unwrap()).await;
            assert_eq!((status, &answer["code"]), (401, &json!("unauthorized")), "{other}");
        }
    }
    let bob = dev.sign_in(&issuer, "bob").await;
    assert_ne!(dev.my_token(bob["access_token"].as_str().unwrap()).await.1["user"], expected["user"]);
}
