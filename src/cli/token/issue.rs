//! `acs-tokens token issue`: issues a token, for a new identity if none is named.

use acs_identity::{CreatedIdentity, IdentityId, Scope, TokenLifetime, TokenRequest};
use clap::{
    Args,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use jiff::SignedDuration;
use serde_json::json;

use super::{
    super::{Result, UsageError, target::TargetOptions},
    COMMAND, Format, Issued,
};

/// Issue an access token, for a new identity if none is named
///
/// Prints the scopes, the identity and the expiry of the token to stderr, then the token to stdout, so that a pipe or
/// `TOKEN=$(acs-tokens token issue)` gets the token alone. Issuing again is how to refresh a token.
#[derive(Debug, Args)]
pub(in super::super) struct Options {
    /// The id of the identity, which begins with 8:acs:; without it, a new one is created
    #[arg(value_name = "IDENTITY")]
    id: Option<IdentityId>,
    /// The scopes of the token; separate several by commas, or repeat the option
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_values = ["chat", "voip"], value_parser = scope())]
    scopes: Vec<Scope>,
    /// The lifetime: 1h to 24h, such as 90m; by default that of ACS, 24h
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    valid_for: Option<TokenLifetime>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    target: TargetOptions,
}

pub(super) async fn run(options: Options) -> Result<()> {
    let request = TokenRequest::new(options.scopes, options.valid_for);
    let request = request.map_err(|error| UsageError(format!("--scope: {error}")))?;
    let target = options.target.target(COMMAND)?;
    let (id, token, note) = if let Some(id) = options.id {
        let token = target.issue_token(&id, &request).await?;
        (id, token, "")
    } else {
        let CreatedIdentity { id, token } = target.create_identity_with_token(&request).await?;
        (id, token, ", a new identity")
    };
    let allowed = request.scopes().iter().map(|scope| format!("{scope} ({})", meaning(*scope)));
    Issued {
        token: &token,
        fields: vec![("identity", json!(id.as_str())), ("scopes", json!(request.scopes()))],
        remarks: vec![("Allows", allowed.collect::<Vec<_>>().join(", ")), ("For", format!("{id}{note}"))],
        target: &target,
    }
    .print(&options.format)
}

/// Returns what a scope allows.
///
/// <https://learn.microsoft.com/azure/communication-services/concepts/identity-model#access-tokens>
const fn meaning(scope: Scope) -> &'static str {
    match scope {
        Scope::Chat => "all of Chat",
        Scope::Voip => "all of Calling",
        Scope::ChatJoin => "Chat, without creating or deleting threads",
        Scope::ChatJoinLimited => "Chat, without changing threads or participants",
        Scope::VoipJoin => "Calling, without starting calls",
    }
}

/// Parses a scope. The names are listed in the help, in completions and in errors.
fn scope() -> impl TypedValueParser<Value = Scope> {
    let names = Scope::ALL.map(|scope| PossibleValue::new(scope.as_str()).help(meaning(scope)));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// Parses the option `--valid-for`.
fn lifetime(text: &str) -> std::result::Result<TokenLifetime, String> {
    let duration = text.parse::<SignedDuration>().ok().filter(|duration| duration.as_secs() % 60 == 0);
    let lifetime = duration.and_then(|duration| TokenLifetime::from_minutes(duration.as_mins()).ok());
    lifetime.ok_or_else(|| "not a lifetime; write 1h to 24h, such as 90m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_duration_of_an_hour_to_a_day() {
        for (text, minutes) in [("1h", 60), ("60m", 60), ("90m", 90), ("1h30m", 90), ("PT2H", 120), ("24h", 1440)] {
            assert_eq!(lifetime(text).map(TokenLifetime::minutes), Ok(minutes), "{text}");
        }
        for text in ["", "60", "59m", "24h1m", "-2h", "3700s", "an hour"] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }
}
