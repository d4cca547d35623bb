//! The steps of `--full` that run against the emulator only: Teams Phone, and a guest.

use std::{io::Write, net::SocketAddr, time::Duration};

use acs_identity::{IdentityClient, TeamsPhoneAssignment, TeamsPhoneUser, causes, http::client_builder};
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::steps::{Result, Steps, failed, send, unexpected};

/// The answer of create-guest-pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    id: String,
    pass: SecretString,
    expires_on: String,
}

/// The emulator of this run: its control API, and a client of the emulated resource.
pub(super) struct Emulated {
    address: SocketAddr,
    acs: IdentityClient,
    http: reqwest::Client,
}

impl Emulated {
    pub(super) fn new(address: SocketAddr, acs: IdentityClient) -> Result<Self> {
        let http = client_builder().timeout(Duration::from_secs(10)).no_proxy().build();
        Ok(Self { address, acs, http: http.map_err(|error| failed("start the emulator", causes(&error)))? })
    }

    /// Returns an Entra token of a test user, as Entra issues it at sign-in.
    pub(super) async fn entra_token(&self, request: &Value) -> Result<SecretString> {
        let step = "get a test user's Entra token from the emulator";
        let post = self.http.post(format!("http://{}/_emulator/entra/tokens", self.address));
        let response = send(step, post, Some(request)).await?;
        Ok(response["token"].as_str().ok_or_else(|| unexpected(step))?.into())
    }
}

impl<W: Write> Steps<W> {
    /// Runs the steps that need the emulator.
    pub(super) async fn run_on_emulator(&mut self, emulated: Option<&Emulated>) -> Result<()> {
        let Some(emulated) = emulated else {
            self.print("\nSkipped Teams Phone and the guest: these steps run against the emulator only");
            return Ok(());
        };
        self.run_teams_phone(emulated).await?;
        self.run_guest().await
    }

    /// Assigns a user, exchanges Entra tokens, and deletes the assignment.
    async fn run_teams_phone(&mut self, emulated: &Emulated) -> Result<()> {
        let user = TeamsPhoneUser { tenant_id: Uuid::new_v4(), object_id: Uuid::new_v4() };
        let app_id = Uuid::new_v4();
        let step = "assign a user of Teams Phone";
        let assignment = TeamsPhoneAssignment { principal_type: "user".to_owned(), client_ids: vec![app_id] };
        let assigned = emulated.acs.put_teams_phone_assignment(user, &assignment).await;
        assigned.map_err(|error| failed(step, causes(&error)))?;
        self.print("\nAssigned a user of Teams Phone to the ACS resource\n");

        let text = "Exchanged the user's Entra token for an access token that expires at";
        let id = self.exchange("exchange a token for Teams Phone", emulated, (user, app_id), 3600, text).await?;
        self.print(format_args!("It is of the identity {id}\n"));
        let text = "Refreshed the access token with a new Entra token; it expires at";
        self.exchange("refresh the token of Teams Phone", emulated, (user, app_id), 4500, text).await?;

        let deleted = emulated.acs.delete_teams_phone_assignment(user).await;
        deleted.map_err(|error| failed("delete the assignment", causes(&error)))?;
        self.print("Deleted the assignment of the user, which revokes the tokens");
        Ok(())
    }

    /// Creates a pass, uses it as the browser of a guest, and ends it.
    async fn run_guest(&mut self) -> Result<()> {
        let step = "create a guest pass";
        let created: Created = serde_json::from_value(self.call(step, Method::POST, "guests", Some(&json!({}))).await?)
            .map_err(|_| unexpected(step))?;
        self.print(format_args!("\nCreated a guest pass that expires at {}\n", created.expires_on));

        let text = "Issued an access token for the guest that expires at";
        let id = self.use_pass("use the pass", &created.pass, text).await?;
        self.print(format_args!("It is of the identity {id}\n"));
        let text = "Refreshed the access token of the guest; it expires at";
        let same = self.use_pass("use the pass again", &created.pass, text).await?;
        self.print(format_args!("It is of the identity {same}\n"));

        self.call("end the pass", Method::DELETE, &format!("guests/{}", created.id), None).await?;
        self.print("Ended the pass and deleted the identity of the guest");
        Ok(())
    }

    /// Requests a token with a pass alone. Returns the identity of the guest.
    async fn use_pass(&mut self, step: &'static str, pass: &SecretString, text: &str) -> Result<String> {
        let request = self.request(Method::POST, "guests/token").bearer_auth(pass.expose_secret());
        let token = send(step, request, None).await?;
        let id = token["user"]["communicationUserId"].as_str().ok_or_else(|| unexpected(step))?.to_owned();
        self.print_token(step, text, token)?;
        Ok(id)
    }

    /// Exchanges a new Entra token, which expires after so many seconds. Returns the identity of the user.
    async fn exchange(
        &mut self,
        step: &'static str,
        emulated: &Emulated,
        (user, app_id): (TeamsPhoneUser, Uuid),
        seconds: u32,
        text: &str,
    ) -> Result<String> {
        let request = json!({
            "appId": app_id, "userId": user.object_id, "tenantId": user.tenant_id,
            "scope": "TeamsExtension.ManageCalls", "expiresInSeconds": seconds,
        });
        let token = emulated.entra_token(&request).await?;
        let request = json!({ "token": token.expose_secret() });
        let mut response = self.call(step, Method::POST, "teams-phone/tokens", Some(&request)).await?;
        let id = response["identity"]["id"].as_str().ok_or_else(|| unexpected(step))?.to_owned();
        self.print_token(step, text, response["accessToken"].take())?;
        Ok(id)
    }
}
