//! `acs-tokens token decode`: the claims of a token as a table.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::{
    super::{
        Result, eprint,
        output::{Fields, Output, plain, table, tsv},
        print, secret,
    },
    describe_time,
};

/// Print the claims of a token as a table; nothing is sent
///
/// The signature is not checked. A token of five parts is encrypted: only ACS can read its claims, and the header is
/// printed.
#[derive(Debug, Args)]
pub(in super::super) struct Options {
    /// The token; @<file> reads a file, @- reads stdin, which keep it out of the shell's history
    #[arg(value_name = "TOKEN", default_value = "@-", value_parser = secret::parse)]
    token: SecretString,
    /// The format
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    output: Output,
}

/// A decoded token.
#[derive(Debug, PartialEq)]
struct Decoded {
    header: Map<String, Value>,
    /// `None` if the token is encrypted.
    claims: Option<Map<String, Value>>,
}

pub(super) fn run(Options { token, output }: &Options) -> Result<()> {
    let decoded = decode(token.expose_secret())?;
    print(&decoded.format(*output, Timestamp::now())?);
    // The JSON says it, too.
    match (output, &decoded.claims) {
        (Output::Json, _) => {}
        (_, Some(_)) => eprint("The signature was not checked."),
        (_, None) => eprint("The token is encrypted. Only ACS can read its claims; above is the header."),
    }
    Ok(())
}

/// Decodes a token in compact serialization: RFC 7515 section 7.1, or RFC 7516 section 7.1 if it is encrypted.
fn decode(text: &str) -> std::result::Result<Decoded, String> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    let part = |index: usize, name: &str| {
        let json = URL_SAFE_NO_PAD.decode(parts[index].trim_end_matches('=')).ok();
        let object = json.and_then(|json| serde_json::from_slice(&json).ok());
        object.ok_or_else(|| format!("not a token: its {name} is not a JSON object in base64url; copy the whole token"))
    };
    match parts.len() {
        3 => Ok(Decoded { header: part(0, "header")?, claims: Some(part(1, "payload")?) }),
        5 => Ok(Decoded { header: part(0, "header")?, claims: None }),
        n => Err(format!("not a token: dots separate {n} of 3 parts, or of 5 if encrypted; copy the whole token")),
    }
}

impl Decoded {
    fn format(&self, output: Output, now: Timestamp) -> Result<String> {
        let rows = |map: &Map<String, Value>| -> Vec<Vec<String>> {
            map.iter().map(|(name, value)| vec![plain(&json!(name)), describe(name, value, now)]).collect()
        };
        let header = |first: &str| [first, "Value"].map(str::to_owned);
        Ok(match (output, &self.claims) {
            (Output::Json, claims) => {
                let encrypted = claims.is_none();
                let fields =
                    vec![("encrypted", json!(encrypted)), ("header", json!(self.header)), ("claims", json!(claims))];
                Fields(fields).format(Output::Json)?
            }
            (Output::Table, Some(claims)) => table(&header("Claim"), &rows(claims)),
            (Output::Table, None) => table(&header("Header"), &rows(&self.header)),
            (Output::Tsv, claims) => {
                let map = claims.as_ref().unwrap_or(&self.header);
                let rows: Vec<_> = map.iter().map(|(name, value)| vec![plain(&json!(name)), plain(value)]).collect();
                tsv(&rows)
            }
        })
    }
}

/// Returns the text of a claim. The times of RFC 7519 section 4.1 are seconds since 1970; they are described, too.
fn describe(name: &str, value: &Value, now: Timestamp) -> String {
    let text = plain(value);
    let is_time = ["exp", "nbf", "iat", "auth_time"].contains(&name);
    match value.as_i64().filter(|_| is_time).and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(at) => format!("{text} ({})", describe_time(at, now)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(part: &str) -> String {
        URL_SAFE_NO_PAD.encode(part)
    }

    #[test]
    fn claims_are_a_table_and_times_are_described() {
        let claims = r#"{"acsScope":"chat,voip","exp":1764241212,"roles":["a","b"],"x":{"y":1}}"#;
        let token = format!("{}.{}.c2ln\n", encoded(r#"{"alg":"RS256"}"#), encoded(claims));
        let decoded = decode(&token).unwrap();
        let now = Timestamp::from_second(1_764_241_212 - 3600).unwrap();
        let table = "\
Claim     Value
--------  ---------------------------------------------
acsScope  chat,voip
exp       1764241212 (2025-11-27 11:00:12 UTC, in 1 h)
roles     a b
x         {\"y\":1}";
        let printed = decoded.format(Output::Table, now).unwrap();
        let trimmed = |text: &str| text.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&printed), trimmed(table));
        let tsv = "acsScope\tchat,voip\nexp\t1764241212\nroles\ta b\nx\t{\"y\":1}";
        assert_eq!(decoded.format(Output::Tsv, now).unwrap(), tsv);
        let json: Value = serde_json::from_str(&decoded.format(Output::Json, now).unwrap()).unwrap();
        assert_eq!((&json["encrypted"], &json["header"]["alg"]), (&json!(false), &json!("RS256")));
        assert_eq!(json["claims"], serde_json::from_str::<Value>(claims).unwrap());
    }

    #[test]
    fn a_token_of_five_parts_is_encrypted() {
        let decoded = decode(&format!("{}.k.i.c.t", encoded(r#"{"alg":"dir","enc":"A256GCM"}"#))).unwrap();
        assert_eq!(decoded.claims, None);
        let now = Timestamp::now();
        let table = "Header  Value\n------  -------\nalg     dir\nenc     A256GCM";
        assert_eq!(decoded.format(Output::Table, now).unwrap(), table);
        let json: Value = serde_json::from_str(&decoded.format(Output::Json, now).unwrap()).unwrap();
        assert_eq!((&json["encrypted"], &json["claims"]), (&json!(true), &Value::Null));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let header = encoded("{}");
        for text in [String::new(), "a.b".to_owned(), format!("{header}.{}.c", encoded("[]")), format!("{header}.!.c")]
        {
            assert!(decode(&text).unwrap_err().starts_with("not a token: "), "{text}");
        }
    }
}
